"""The report: a row for everything that was counted, what left the site first."""

from collections.abc import Iterator

from slipway.model.egress import EgressRecords, EgressRow, Surroundings
from slipway.planning.egress.crowd import Crowd
from slipway.planning.egress.packets import packet_row
from slipway.planning.egress.questions import question_rows

_UNKNOWN = "not known"
_UNPLACED = {
    "packets": "counted without a source: not IPv4, or more different ones than the counters can hold",
    "questions": "counted without the address that asked",
}


def explain(records: EgressRecords, around: Surroundings) -> tuple[EgressRow, ...]:
    """Who may have sent each packet and asked each question; nothing counted is left out."""
    crowd = Crowd(around)
    rows = [
        *(packet_row(sent, crowd) for sent in records.sent),
        *question_rows(records.asked, crowd),
        *_unplaced(records),
    ]
    return tuple(
        sorted(rows, key=lambda row: (not row.outside, -row.count, row.what, row.target, row.source))
    )


def _unplaced(records: EgressRecords) -> Iterator[EgressRow]:
    placed = {
        "packets": (records.packets, sum(one.count for one in records.sent)),
        "questions": (records.questions, sum(one.count for one in records.asked)),
    }
    for what, (total, known) in placed.items():
        if total > known:
            yield EgressRow(_UNKNOWN, "", "", what, _UNKNOWN, "", total - known, _UNPLACED[what])

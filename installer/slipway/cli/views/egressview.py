"""What left the site, as a person reads it: a line each, then for each why, and who it may have been."""

from collections.abc import Iterable, Iterator

from slipway.cli.views.output import aligned, colour
from slipway.engine.enquiry.egress import EgressReport
from slipway.model.egress import Candidate, EgressRow

#: Candidates of a row that are shown; `-o json` has all of them.
SHOWN = 5


def report_text(report: EgressReport) -> str:
    """The whole screen."""
    blocks = [
        [_headline(report)],
        _table(report.rows),
        *(list(_explained(row)) for row in report.rows),
        [colour(f"not read: {what}", "yellow") for what in report.unread],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _headline(report: EgressReport) -> str:
    if not report.outside:
        return colour("nothing left the site", "green")
    counts = {
        what: sum(row.count for row in report.outside if row.what == what)
        for what in ("packets", "questions")
    }
    return colour(
        f"{counts['packets']} packets and {counts['questions']} questions for names left the site", "red"
    )


def _table(rows: Iterable[EgressRow]) -> list[str]:
    lines = [(row.target, row.port, row.what, str(row.count), row.who) for row in rows]
    if not lines:
        return []
    text = aligned([("TARGET", "TO", "WHAT", "COUNT", "WHO"), *lines])
    return [colour(text[0], "bold"), *text[1:]]


def _explained(row: EgressRow) -> Iterator[str]:
    image = f" ({row.image})" if row.image else ""
    yield f"{f'{row.target} {row.port}'.rstrip()} from {row.who}{image}"
    yield f"  {row.cause}"
    yield from (f"  perhaps {_suspect(one)}" for one in row.candidates[:SHOWN])
    if len(row.candidates) > SHOWN:
        yield f"  and {len(row.candidates) - SHOWN} more (-o json)"


def _suspect(one: Candidate) -> str:
    if not one.pod:
        return f"node {one.node}: {one.why}"
    return f"{one.pod} ({one.image}){f' on {one.node}' if one.node else ''}: {one.why}"

"""Each recorded event of ansible-runner means what its file says. `record.py` makes the files anew."""

import json
from pathlib import Path

import pytest

from slipway.runner import EventKind, RunnerEvent, translate

EVENTS = sorted((Path(__file__).parent / "events").glob("*.json"))


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_a_recorded_event_is_understood(path: Path) -> None:
    case = json.loads(path.read_text())
    translated = translate(case["raw"])
    assert (translated.shown(lambda text: text).as_dict() if translated else None) == case["translated"]
    if translated:
        assert RunnerEvent.from_dict(json.loads(json.dumps(translated.as_dict()))) == translated


def test_the_recording_has_every_kind() -> None:
    kinds = {(json.loads(path.read_text())["translated"] or {}).get("kind") for path in EVENTS}
    assert kinds == {None, *EventKind}


@pytest.mark.parametrize(
    "event", [{}, {"event": "verbose"}, {"event": "runner_on_ok", "event_data": {"res": None}}]
)
def test_events_without_meaning_are_dropped(event: dict[str, object]) -> None:
    assert translate(event) is None

"""What modules say while they are worked on: processes of their own, heard by the engine."""

from pathlib import Path

import pytest

from slipway.cluster.lifecycle.turns import Ended, Turns
from slipway.engine import modules
from slipway.engine.board import Board
from slipway.engine.modules import Heard
from slipway.model.operation import Progress, ProgressKind
from tests.unit.engine.plans import plan, step

PAGE, SHOP = step("module/page/apply"), step("module/shop/apply")


def test_what_is_new_is_told_on_and_nothing_of_who_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modules, "LISTEN_SECONDS", 0.0)
    told: list[tuple[str, str]] = []
    turns = Turns(tmp_path / "run")
    heard = Heard(turns, (PAGE, SHOP), lambda which, text: told.append((which.id, text)))
    heard.listen()
    turns.say(PAGE.id, "release page")
    heard.listen()
    heard.listen()
    turns.say(PAGE.id, "no room")
    turns.say(SHOP.id, "waits for module/page/apply")
    heard.listen()
    turns.say(PAGE.id, "too late")
    turns.end(PAGE.id, Ended.DONE)
    heard.listen()
    assert told == [
        (PAGE.id, "release page"),
        (PAGE.id, "no room"),
        (SHOP.id, "waits for module/page/apply"),
    ]


def test_it_is_not_asked_more_than_once_a_second(tmp_path: Path) -> None:
    told: list[str] = []
    turns = Turns(tmp_path)
    heard = Heard(turns, (PAGE,), lambda _, text: told.append(text))
    for text in ("one", "two", "three"):
        turns.say(PAGE.id, text)
        heard.listen()
    assert told == ["one"]


def test_only_of_steps_that_run() -> None:
    told: list[Progress] = []
    board = Board("op", plan(PAGE, SHOP), told.append)
    board.waits(PAGE, "no room")
    board.take(PAGE)
    board.waits(PAGE, "no room")
    (event,) = told
    assert (event.kind, event.step, event.target, event.text) == (
        ProgressKind.WAITS,
        PAGE.id,
        "page",
        "no room",
    )

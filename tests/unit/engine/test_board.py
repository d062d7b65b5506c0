"""What executors report, and what becomes of it: states, results, events."""

import pytest

from slipway.engine.batches import StepState
from slipway.engine.board import Board
from slipway.errors import StepError, TransientError
from slipway.model.operation import Failure, Outcome, Progress, held
from slipway.model.plan import Hold
from tests.unit.engine.plans import plan, step

FIRST, SECOND, THIRD = step("host/a/first"), step("host/a/second", "host/a/first"), step("host/b/first")


@pytest.fixture
def events() -> list[Progress]:
    return []


@pytest.fixture
def board(events: list[Progress]) -> Board:
    made = Board("op-1", plan(FIRST, SECOND, THIRD), events.append)
    for one in made.plan.steps:
        made.take(one)
    return made


def test_a_step_is_told_once_when_it_begins_and_once_when_it_ends(
    board: Board, events: list[Progress]
) -> None:
    for _ in range(2):
        board.begin(FIRST.id)
    for _ in range(2):
        board.succeed(FIRST.id, changed=3)
    assert [(e.kind, e.step, e.target) for e in events] == [
        ("step-started", "host/a/first", "a"),
        ("step-finished", "host/a/first", "a"),
    ]
    assert board.results[FIRST.id].outcome is Outcome.SUCCEEDED
    assert board.results[FIRST.id].changed == 3


def test_the_first_word_on_a_step_stands(board: Board) -> None:
    board.fail(FIRST.id, Failure("no space", "host/a"))
    board.succeed(FIRST.id)
    board.fail(FIRST.id, Failure("something else"))
    assert board.results[FIRST.id].failure == Failure("no space", "host/a")


def test_an_error_keeps_all_its_parts(board: Board) -> None:
    board.fail_with(FIRST.id, TransientError("timed out", why="slow", hint="wait"))
    assert board.results[FIRST.id].failure == Failure("timed out", FIRST.id, "slow", "wait", retryable=True)


def test_steps_never_reached_wait_for_the_failed_one_or_failed_with_the_run(board: Board) -> None:
    board.fail_with(FIRST.id, StepError("broken"))
    board.end_batch(board.plan.steps, Failure("the run ended before this step"))
    outcomes = {one: result.outcome for one, result in board.results.items()}
    assert outcomes == {FIRST.id: Outcome.FAILED, SECOND.id: Outcome.BLOCKED, THIRD.id: Outcome.FAILED}
    assert board.results[THIRD.id].failure == Failure("the run ended before this step")


def test_what_a_batch_has_done_stays_done_when_it_ends(board: Board) -> None:
    board.succeed(FIRST.id, changed=1)
    board.end_batch(board.plan.steps, Failure("the run ended before this step"))
    outcomes = {one: result.outcome for one, result in board.results.items()}
    assert outcomes == {FIRST.id: Outcome.SUCCEEDED, SECOND.id: Outcome.FAILED, THIRD.id: Outcome.FAILED}


def test_what_is_held_back_ends_before_it_began_and_keeps_its_way_out(events: list[Progress]) -> None:
    hold = Hold("host a does not answer", "host/a", "no route to host", "slipway apply")
    board = Board("op-1", plan(FIRST, SECOND), events.append)
    board.hold_back(FIRST, hold)
    board.block(())
    assert held(board.results[FIRST.id])
    assert board.results[FIRST.id].failure == Failure(hold.what, hold.where, hold.why, hold.hint)
    assert board.results[SECOND.id].outcome is Outcome.BLOCKED
    assert not held(board.results[SECOND.id])
    assert [event.kind for event in events] == ["step-finished", "step-finished"]


def test_a_step_tried_again_starts_anew(board: Board, events: list[Progress]) -> None:
    board.begin(FIRST.id)
    board.fail_with(FIRST.id, TransientError("timed out"))
    board.again(FIRST.id)
    assert board.states[FIRST.id] is StepState.PENDING
    assert FIRST.id not in board.results
    assert board.pending() == [FIRST.id]
    assert events[-1].text == "will be tried again: timed out"
    board.take(FIRST)
    board.begin(FIRST.id)
    assert events[-1].kind == "step-started"


def test_reports_about_steps_of_no_plan_are_ignored(board: Board, events: list[Progress]) -> None:
    board.begin("host/x/other")
    board.succeed("host/x/other")
    assert events == []

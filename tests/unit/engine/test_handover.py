"""When a change is the operator's to carry out, and how its status is followed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.engine.chronicle.forms import finished_status
from slipway.engine.handover import (
    _ended_operation,
    _Follower,
    _step,
    can_hand_over,
    outcome_of_operation,
    outcome_without_operation,
    steps_held_back,
    unexplained,
)
from slipway.model.observed import LiveConfiguration, Observed
from slipway.model.operation import Failure, OperationResult, Outcome, Progress, StepResult, held
from slipway.model.plan import Change, Plan, Step
from slipway.planning.holding import absent
from tests.unit.engine.plans import plan, step
from tests.unit.engine.test_merging import context
from tests.unit.planning import model

SETTINGS = step("settings/site/apply")
MODULE = step("module/page/apply", SETTINGS.id)


def removal(module: str) -> Step:
    return replace(step(f"module/{module}/remove", SETTINGS.id), change=Change.REMOVE)


def observed(operator: str) -> Observed:
    seen = model.installed(model.base())
    return replace(seen, cluster=replace(seen.cluster, operator_catalog=operator))


@pytest.mark.parametrize(
    ("steps", "operator", "expected"),
    [
        (plan(SETTINGS, MODULE), "same", True),
        (plan(SETTINGS, MODULE), "", False),
        (plan(SETTINGS, MODULE), "sha256:another", False),
        (plan(MODULE), "same", False),
        (plan(step("mirror/site/push"), SETTINGS), "same", False),
        (plan(SETTINGS, replace(MODULE, destructive=True)), "same", False),
        (plan(SETTINGS, removal("page"), MODULE), "same", True),
        (plan(SETTINGS, removal("operator")), "same", False),
    ],
    ids=[
        "its own",
        "none runs",
        "another catalog",
        "no edit",
        "a bundle to push",
        "needs consent here",
        "a module goes",
        "it goes itself",
    ],
)
def test_who_carries_a_change_out(tmp_path: Path, steps: Plan, operator: str, expected: bool) -> None:
    mine = context(tmp_path, model.base())
    catalog = mine.catalog.core if operator == "same" else operator
    assert can_hand_over(mine, observed(catalog), steps) is expected


def reading(generation: int, reconciling: str, **operation: Any) -> LiveConfiguration:
    status = {
        "observedGeneration": generation,
        "conditions": [{"type": "Reconciling", "status": reconciling}],
        "operation": operation,
    }
    return LiveConfiguration("site", "slipway-system", generation, {}, status=status)


@pytest.mark.parametrize(
    ("phase", "outcomes", "ready", "expected"),
    [
        ("Succeeded", ("succeeded",), True, Outcome.SUCCEEDED),
        ("Succeeded", ("succeeded",), False, Outcome.SUCCEEDED),
        ("Blocked", ("succeeded", "blocked"), False, Outcome.BLOCKED),
        ("Failed", ("failed", "blocked"), False, Outcome.FAILED),
        ("Failed", ("succeeded", "failed"), False, Outcome.FAILED),
        ("Cancelled", ("succeeded", "cancelled"), False, Outcome.CANCELLED),
        ("", (), True, Outcome.SUCCEEDED),
        ("", (), False, Outcome.FAILED),
    ],
)
def test_how_a_change_ended(phase: str, outcomes: tuple[str, ...], ready: bool, expected: Outcome) -> None:
    """A host that was down before does not make a failure of what was done without it."""
    steps = [StepResult(f"host/{name}/node_prepare", Outcome(name)) for name in outcomes]
    assert outcome_of_operation(phase, steps, ready=ready) is expected


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome.SUCCEEDED, False),
        (Outcome.CANCELLED, False),
        (Outcome.SUPERSEDED, True),
        (Outcome.FAILED, True),
    ],
)
def test_what_was_stopped_by_somebody_is_no_failure(outcome: Outcome, expected: bool) -> None:
    done = StepResult("module/page/apply", outcome)
    assert unexplained(outcome, [done]) is expected
    assert not unexplained(outcome, [replace(done, failure=Failure("it failed"))])


def test_the_operators_words_on_a_step_come_in_their_parts() -> None:
    failure = Failure("host b does not answer", "host/b", "no route to host", "slipway apply")
    told = finished_status(
        OperationResult(
            "op-1",
            "sha256:0",
            Outcome.BLOCKED,
            (StepResult("host/b/node_prepare", Outcome.BLOCKED, failure=failure),),
        ),
        "",
        "",
    )
    heard = _step(told["steps"][0])
    assert held(heard)
    assert heard.failure == failure
    brief = {key: value for key, value in told["steps"][0].items() if key != "failure"}
    alone = _step(brief).failure
    assert alone == Failure("host b does not answer; no route to host; next: slipway apply")


def test_the_end_of_an_older_generation_is_not_ours() -> None:
    follower = _Follower(lambda _: None)
    assert not follower.see(reading(3, "False", id="op-3", outcome="succeeded"), 4)
    assert follower.operation == ""


def test_an_operation_that_had_ended_before_the_change_is_not_ours() -> None:
    """The operator had nothing to begin: what is left waits for a host, or nothing is."""
    follower = _Follower(lambda _: None, former="op-3")
    assert follower.see(reading(4, "False", id="op-3", outcome="blocked"), 4)
    assert follower.operation == ""
    assert _ended_operation(reading(3, "False", id="op-3", outcome="blocked")) == "op-3"
    assert _ended_operation(reading(3, "True", id="op-3", step="one")) == ""
    assert _ended_operation(None) == ""


@pytest.mark.parametrize(
    ("reason", "held_steps", "expected"),
    [
        ("UpToDate", 0, Outcome.SUCCEEDED),
        ("Degraded", 0, Outcome.SUCCEEDED),
        ("HostsUnreachable", 2, Outcome.BLOCKED),
        ("HostsUnreachable", 0, Outcome.FAILED),
        ("AwaitingApproval", 0, Outcome.FAILED),
        ("NotAccepted", 0, Outcome.FAILED),
    ],
)
def test_how_a_change_ended_without_an_operation(reason: str, held_steps: int, expected: Outcome) -> None:
    steps = [StepResult(f"host/{n}/node_prepare", Outcome.BLOCKED) for n in range(held_steps)]
    assert (
        outcome_without_operation(reason, [StepResult("settings/site/apply", Outcome.SUCCEEDED), *steps])
        is expected
    )


def test_steps_of_the_plan_that_wait_for_a_host_are_told() -> None:
    hold = absent("b", "no answer within 8 s", "check the network", leaving=True)
    (told,) = steps_held_back(plan(SETTINGS, replace(step("node/b/remove"), hold=hold)))
    assert (told.step, told.outcome) == ("node/b/remove", Outcome.BLOCKED)
    assert told.failure
    assert told.failure.what == "host b does not answer"
    assert "if it is gone for good: slipway host forget b" in told.failure.hint


def test_each_step_is_told_once_and_the_end_is_seen() -> None:
    events: list[Progress] = []
    follower = _Follower(events.append)
    assert not follower.see(reading(4, "True", id="op-4", step="host/a/one"), 4)
    assert not follower.see(reading(4, "True", id="op-4", step="host/a/one"), 4)
    assert not follower.see(reading(4, "True", id="op-4", step="module/page/apply"), 4)
    assert follower.see(reading(4, "False", id="op-4", step="", outcome="succeeded"), 4)
    assert [event.step for event in events] == ["host/a/one", "module/page/apply"]
    assert follower.operation == "op-4"


def test_silence_is_measured_from_the_last_news(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("slipway.engine.handover.time.monotonic", lambda: now[0])
    follower = _Follower(lambda _: None)
    follower.see(reading(4, "True", id="op-4", step="one"), 4)
    now[0] += 119
    follower.see(reading(4, "True", id="op-4", step="one"), 4)
    assert not follower.silent()
    now[0] += 2
    assert follower.silent()
    follower.see(reading(4, "True", id="op-4", step="two"), 4)
    assert not follower.silent()


def test_an_operator_that_looks_at_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("slipway.engine.handover.time.monotonic", lambda: now[0])
    dead, busy, seen = (_Follower(lambda _: None, _begun=100.0) for _ in range(3))
    for follower in (dead, busy):
        follower.see(reading(3, "True", id="op-3", step="one"), 4)
    seen.see(reading(4, "True", id="op-4", step="one"), 4)
    now[0] += 19
    busy.see(reading(3, "True", id="op-3", step="two"), 4)
    assert not dead.ignored()
    now[0] += 2
    assert (dead.ignored(), busy.ignored(), seen.ignored()) == (True, False, False)


def test_what_steps_wait_for_is_told_when_it_changes() -> None:
    said: list[tuple[str, str]] = []
    follower = _Follower(lambda event: said.append((event.target, event.text)), operation="op")

    def heard(**waiting: str) -> list[tuple[str, str]]:
        said.clear()
        items = [{"step": f"module/{name}/apply", "message": text} for name, text in waiting.items()]
        follower.hear({"status": {"waiting": items}})
        return list(said)

    assert heard(page="no room", shop="no image") == [("page", "no room"), ("shop", "no image")]
    assert heard(page="no room", shop="no image") == []
    assert heard(page="crashes") == [("page", "crashes"), ("shop", "")]
    follower.hear({})
    assert said[-1] == ("page", "")

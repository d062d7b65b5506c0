"""One operation under two operators: what is counted, what is gone on with."""

from dataclasses import replace

import pytest

from slipway.engine.chronicle.course import Running, advanced
from slipway.engine.chronicle.forms import handed_on_status
from slipway.model.operation import Counts, OperationResult, Outcome, Progress, ProgressKind, StepResult
from slipway.operator.succession import Past, goes_on, open_operation, past_of, whole_result
from tests.unit.operator import examples as e

DONE = StepResult("module/flannel/apply", Outcome.SUCCEEDED, 3.0, 1)
CUT_OFF = StepResult("module/operator/apply", Outcome.CANCELLED)


def test_what_was_done_before_is_counted_once() -> None:
    former = OperationResult(
        "op-1", "sha256:p", Outcome.CANCELLED, (DONE, CUT_OFF), Counts(planned=2, helm_calls=2), 4.0
    )
    past = past_of("op-1", handed_on_status(former, e.NOW))
    assert past == Past("op-1", e.NOW, (DONE,), Counts(helm_calls=2), 4.0)
    rest = OperationResult(
        "op-1",
        "sha256:q",
        Outcome.SUCCEEDED,
        (replace(CUT_OFF, outcome=Outcome.SUCCEEDED),),
        Counts(planned=1, helm_calls=1),
        2.0,
    )
    together = whole_result(past, rest)
    assert [step.step for step in together.steps] == [DONE.step, CUT_OFF.step]
    assert (together.counts.planned, together.counts.helm_calls, together.seconds) == (2, 3, 6.0)
    again = replace(rest, steps=(*rest.steps, DONE))
    assert [step.step for step in whole_result(past, again).steps] == [CUT_OFF.step, DONE.step]
    assert whole_result(None, rest) is rest


@pytest.mark.parametrize(
    ("told", "generation", "expected"),
    [
        ({"id": "op-1", "catalog": "sha256:catalog"}, 2, True),
        ({"id": "op-1", "catalog": "sha256:catalog"}, 1, False),
        ({"id": "op-1", "catalog": "sha256:another"}, 2, False),
    ],
    ids=["the same edit", "an edit came", "an operator of another catalog"],
)
def test_which_operation_is_gone_on_with(told: dict[str, str], generation: int, expected: bool) -> None:
    live = e.live(status={"observedGeneration": generation, "operation": told})
    assert open_operation(live) == "op-1"
    assert goes_on(live, e.plan()) is expected


def test_an_operation_that_has_an_end_is_not_left_open() -> None:
    assert open_operation(e.live(status={"operation": {"id": "op-1", "outcome": "failed"}})) == ""
    assert open_operation(e.live()) == ""


def test_an_operation_begins_with_its_locks() -> None:
    running = Running("op-1", e.NOW, locked=False)
    waits = advanced(
        running, Progress(ProgressKind.NOTE, "op-1", 1.0, text="waiting: somebody is changing this cluster")
    )
    assert (waits.locked, waits.waits) == (False, "waiting: somebody is changing this cluster")
    begun = advanced(waits, Progress(ProgressKind.LOCKED, "op-1", 2.0))
    assert (begun.locked, begun.waits) == (True, "")
    assert advanced(begun, Progress(ProgressKind.NOTE, "op-1", 3.0, text="something")) == begun

"""An operation outlives its operator: what the former one had done, and the whole that comes of it. Pure.

An operator may end in the middle: the operation replaces its own pod, its node restarts, it is killed. Whoever comes
next goes on with the same operation, where the ClusterConfiguration is still the one it was begun for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from slipway.model.observed import LiveConfiguration
from slipway.model.operation import Counts, OperationResult, Outcome, StepResult
from slipway.model.plan import Plan


@dataclass(frozen=True, slots=True)
class Past:
    """What an operation without an end had come to; `seconds` is the time at work, as far as it was told."""

    operation: str
    started: str
    steps: tuple[StepResult, ...] = ()
    counts: Counts = field(default_factory=Counts)
    seconds: float = 0.0


def open_operation(live: LiveConfiguration) -> str:
    """The operation that the status tells of, and that came to no end: its operator has ended."""
    told = live.status.get("operation") or {}
    return "" if told.get("outcome") else str(told.get("id", ""))


def goes_on(live: LiveConfiguration, plan: Plan) -> bool:
    """Whether an operation that was left open is the one that this plan carries on: same edit, same catalog."""
    told = live.status.get("operation") or {}
    return live.status.get("observedGeneration") == live.generation and told.get("catalog") == plan.catalog


def past_of(operation: str, status: Mapping[str, Any]) -> Past:
    """What the status of an Operation tells of it: of its steps, those that are done."""
    counts = status.get("counts") or {}
    return Past(
        operation=operation,
        started=str(status.get("startedAt", "")),
        steps=tuple(
            StepResult(
                item["step"], Outcome.SUCCEEDED, float(item.get("seconds", 0)), int(item.get("changed", 0))
            )
            for item in status.get("steps") or ()
            if item.get("outcome") == Outcome.SUCCEEDED
        ),
        counts=Counts(
            ansible_runs=counts.get("ansibleRuns", 0),
            helm_calls=counts.get("helmCalls", 0),
            images_copied=counts.get("imagesCopied", 0),
            api_writes=counts.get("apiWrites", 0),
        ),
        seconds=float(status.get("seconds", 0)),
    )


def whole_result(past: Past | None, result: OperationResult) -> OperationResult:
    """The operation with what was done of it before; a step that was done again counts once."""
    if past is None:
        return result
    again = {step.step for step in result.steps}
    steps = (*(step for step in past.steps if step.step not in again), *result.steps)
    mine, theirs = result.counts, past.counts
    counts = Counts(
        planned=len(steps),
        ansible_runs=mine.ansible_runs + theirs.ansible_runs,
        helm_calls=mine.helm_calls + theirs.helm_calls,
        images_copied=mine.images_copied + theirs.images_copied,
        api_writes=mine.api_writes + theirs.api_writes,
    )
    return OperationResult(
        result.operation, result.plan, result.outcome, steps, counts, past.seconds + result.seconds
    )


def ended_by_itself(past: Past, plan: Plan) -> OperationResult:
    """An operation of which nothing was left to do when the next operator looked."""
    return OperationResult(
        past.operation, plan.digest, Outcome.SUCCEEDED, past.steps, past.counts, past.seconds
    )

"""How far an operation is: its events one after another. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from slipway.model.operation import Failure, Outcome, Progress, ProgressKind, StepResult
from slipway.model.plan import Plan


@dataclass(frozen=True, slots=True)
class Running:
    """An operation at one moment: what is done, what runs.

    Without its locks (`locked`) it is none yet, and may give way; `waits` says for whom it waits then.
    """

    operation: str
    started: str
    done: Mapping[str, StepResult] = field(default_factory=dict)
    steps: frozenset[str] = frozenset()
    locked: bool = True
    waits: str = ""
    says: Mapping[str, str] = field(default_factory=dict)
    """What steps that have not ended wait for, by step."""

    def planned(self, plan: Plan) -> int:
        """All steps of the operation: those of the plan, and what a former operator did of it."""
        return len(self.done.keys() | {step.id for step in plan.steps})


def advanced(running: Running, event: Progress) -> Running:
    """The operation after one event."""
    steps, done, says = running.steps, dict(running.done), dict(running.says)
    if event.kind is ProgressKind.LOCKED:
        return replace(running, locked=True, waits="")
    if event.kind is ProgressKind.NOTE and not running.locked:
        return replace(running, waits=event.text)
    if event.kind is ProgressKind.WAITS:
        says[event.step] = event.text
    elif event.kind is ProgressKind.STEP_STARTED:
        steps |= {event.step}
        done.pop(event.step, None)  # tried again
    elif event.kind is ProgressKind.STEP_FINISHED:
        steps -= {event.step}
        says.pop(event.step, None)
        done[event.step] = step_result(event)
    return replace(running, steps=steps, done=done, says=says)


def step_result(event: Progress) -> StepResult:
    """What a `step-finished` event tells: its text is what failed, its data {outcome, seconds, failure}."""
    outcome = Outcome(event.data.get("outcome", Outcome.SUCCEEDED))
    parts = event.data.get("failure") or {"what": event.text, "where": event.target}
    failure = None if outcome is Outcome.SUCCEEDED else Failure(**parts)
    return StepResult(event.step, outcome, float(event.data.get("seconds", 0.0)), failure=failure)

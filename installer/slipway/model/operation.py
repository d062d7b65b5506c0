"""An operation: one run of a plan, as it is journaled, shown and summarised."""

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from slipway.errors import SlipwayError
from slipway.model.plan import Hold


class Outcome(StrEnum):
    """How a step, or a whole operation, ended. An operation is blocked that did all but what is held back.

    Superseded is no failure: an edit came, and the next plan says what becomes of it.
    """

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


class Origin(StrEnum):
    """By which door an operation was begun."""

    OPERATOR = "operator"
    COMMAND_LINE = "command-line"


@dataclass(frozen=True, slots=True)
class StartedBy:
    """Who began an operation. `name` is for people: `USER@MACHINE`, or the operator's pod; `holder` as in locks."""

    origin: Origin
    name: str
    holder: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """What failed, where, why, what next: the parts of a SlipwayError as data."""

    what: str
    where: str = ""
    why: str = ""
    hint: str = ""
    retryable: bool = False

    @classmethod
    def of(cls, hold: Hold) -> "Failure":
        """What a step that is held back has for one."""
        return cls(hold.what, hold.where, hold.why, hold.hint)

    @classmethod
    def by(cls, error: SlipwayError) -> "Failure":
        """What an operation that an error ended has for one."""
        return cls(error.what, error.where, error.why, error.hint, error.retryable)


@dataclass(frozen=True, slots=True)
class StepResult:
    """A step's end. `changed` counts tasks or objects that were changed; seconds are wall-clock."""

    step: str
    outcome: Outcome
    seconds: float = 0.0
    changed: int = 0
    failure: Failure | None = None


def held(step: StepResult) -> bool:
    """Whether it was held back, for a cause of its own: what only waits for another step has no way out to name."""
    return step.outcome is Outcome.BLOCKED and step.failure is not None and bool(step.failure.hint)


def failure_text(result: StepResult) -> str:
    """Which step, what, why, what next, in one line."""
    failure = result.failure
    if failure is None:
        return f"{result.step}: {result.outcome.value}"
    parts = [f"{result.step}: {failure.what}", failure.why, f"next: {failure.hint}" if failure.hint else ""]
    return "; ".join(part for part in parts if part)


@dataclass(slots=True)
class Counts:
    """What an operation cost."""

    planned: int = 0
    ansible_runs: int = 0
    helm_calls: int = 0
    images_copied: int = 0
    api_writes: int = 0


class ProgressKind(StrEnum):
    """What an event of an operation tells of."""

    STARTED = "started"
    LOCKED = "locked"
    """It has its locks. One that never gets them gives way to another, and has been none."""
    STEP_STARTED = "step-started"
    TASK = "task"
    """What a target is doing right now."""
    WAITS = "waits"
    """What a step waits for right now: a module, in the words of what holds it up; empty: for nothing any more."""
    STEP_FINISHED = "step-finished"
    FINISHED = "finished"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Progress:
    """One event of a running operation, for screens, journal and status."""

    kind: ProgressKind
    operation: str
    time: float
    step: str = ""
    target: str = ""
    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OperationResult:
    """The whole of it: what `apply -o json` ends with."""

    operation: str
    plan: str
    outcome: Outcome
    steps: tuple[StepResult, ...] = ()
    counts: Counts = field(default_factory=Counts)
    seconds: float = 0.0


def together(before: OperationResult | None, after: OperationResult) -> OperationResult:
    """Both as one: how the second one ended, and what both did and cost."""
    if before is None:
        return after
    names = [item.name for item in fields(Counts)]
    return OperationResult(
        after.operation or before.operation,
        after.plan,
        after.outcome,
        (*before.steps, *after.steps),
        Counts(**{name: getattr(before.counts, name) + getattr(after.counts, name) for name in names}),
        before.seconds + after.seconds,
    )

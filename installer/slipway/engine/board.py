"""The state of a running operation: who is where, what it cost, what is told to whom. Thread-safe."""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from slipway.engine.batches import StepState, newly_blocked
from slipway.errors import SlipwayError
from slipway.model.operation import Counts, Failure, Outcome, Progress, ProgressKind, StepResult
from slipway.model.plan import Hold, Plan, Step, StepId

_OUTCOMES = {
    StepState.SUCCEEDED: Outcome.SUCCEEDED,
    StepState.FAILED: Outcome.FAILED,
    StepState.BLOCKED: Outcome.BLOCKED,
    StepState.SUPERSEDED: Outcome.SUPERSEDED,
}


@dataclass(slots=True)
class Board:
    """Executors report here; the scheduler waits here."""

    operation: str
    plan: Plan
    tell: Callable[[Progress], None]
    states: dict[str, StepState] = field(default_factory=dict)
    results: dict[str, StepResult] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    attempts: dict[str, int] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    """Hosts that stopped answering in this run: tried again after all others, which they must not hold up."""
    _started: dict[str, float] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        """Everything is pending."""
        self.states = dict.fromkeys((step.id for step in self.plan.steps), StepState.PENDING)
        self.counts.planned = len(self.plan.steps)

    def take(self, step: Step) -> None:
        """The scheduler gave the step to an executor."""
        with self.changed:
            self.states[step.id] = StepState.RUNNING

    def begin(self, step_id: str) -> None:
        """The step's first change is about to happen."""
        with self.changed:
            if step_id in self._started or step_id not in self.states:
                return
            self._started[step_id] = time.monotonic()
            self._tell(ProgressKind.STEP_STARTED, step_id, "")

    def succeed(self, step_id: str, *, changed: int = 0, data: Mapping[str, Any] | None = None) -> None:
        """The step's record is written."""
        with self.changed:
            if self.states.get(step_id) is not StepState.RUNNING:
                return
            self._finish(step_id, StepState.SUCCEEDED, changed=changed, data=data)

    def fail(self, step_id: str, failure: Failure) -> None:
        """The step ended without its record."""
        with self.changed:
            if self.states.get(step_id) is not StepState.RUNNING:
                return
            self._finish(step_id, StepState.FAILED, failure=failure)

    def supersede(self, step_id: str) -> None:
        """An edit came while the step waited: its intent, if it had begun, stays for the next plan."""
        with self.changed:
            if self.states.get(step_id) is StepState.RUNNING:
                self._finish(step_id, StepState.SUPERSEDED)

    def fail_with(self, step_id: str, error: SlipwayError) -> None:
        """The same, from an error."""
        where = error.where or step_id
        self.fail(step_id, Failure(error.what, where, error.why, error.hint, error.retryable))

    def again(self, step_id: str) -> None:
        """Put a step that failed for a passing cause back into line."""
        with self.changed:
            self.attempts[step_id] = self.attempts.get(step_id, 0) + 1
            failure = self.results.pop(step_id).failure
            self.states[step_id] = StepState.PENDING
            self._started.pop(step_id, None)
            self._tell(ProgressKind.NOTE, step_id, f"will be tried again: {failure.what if failure else ''}")

    def block(self, undecided: Collection[str]) -> None:
        """Mark every pending step that can no longer run."""
        with self.changed:
            for step, culprit in newly_blocked(self.plan, self.states, undecided):
                self._blocked(step.id, culprit)

    def end_batch(self, steps: Iterable[Step], otherwise: Failure) -> None:
        """Steps of a batch that were never reached: blocked by one that failed, or failed for `otherwise`."""
        lost = {StepState.FAILED, StepState.BLOCKED}
        with self.changed:
            for step in steps:
                if self.states[step.id] is not StepState.RUNNING:
                    continue
                culprit = next((need for need in step.needs if self.states[need] in lost), None)
                if culprit:
                    self._blocked(step.id, culprit)
                else:
                    self._finish(step.id, StepState.FAILED, failure=otherwise)

    def _blocked(self, step_id: str, culprit: str) -> None:
        failure = Failure(f"waits for {culprit}, which did not succeed", step_id)
        self._finish(step_id, StepState.BLOCKED, failure=failure)

    def hold_back(self, step: Step, hold: Hold) -> None:
        """The step is not begun at all."""
        with self.changed:
            self._finish(step.id, StepState.BLOCKED, failure=Failure.of(hold))

    def note(self, text: str, *, step: str = "", **data: Any) -> None:
        """Something worth a line."""
        with self.changed:
            self._tell(ProgressKind.NOTE, step, text, data)

    def task(self, target: str, text: str, step: str = "") -> None:
        """What a target is doing right now."""
        with self.changed:
            self.tell(Progress(ProgressKind.TASK, self.operation, time.time(), step, target, text))

    def waits(self, step: Step, text: str) -> None:
        """What a step waits for right now, in the words of what it waits for."""
        with self.changed:
            if self.states.get(step.id) is StepState.RUNNING:
                self.tell(
                    Progress(ProgressKind.WAITS, self.operation, time.time(), step.id, step.target, text)
                )

    def pending(self) -> list[str]:
        """Steps that nobody has taken yet."""
        with self.changed:
            return [step for step, state in self.states.items() if state is StepState.PENDING]

    def _finish(
        self,
        step_id: str,
        state: StepState,
        *,
        changed: int = 0,
        failure: Failure | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        started = self._started.get(step_id)
        seconds = time.monotonic() - started if started else 0.0
        self.states[step_id] = state
        self.results[step_id] = StepResult(step_id, _OUTCOMES[state], seconds, changed, failure)
        text = failure.what if failure else ""
        told = {"outcome": str(_OUTCOMES[state]), "seconds": round(seconds, 2), **(data or {})}
        told |= {"failure": asdict(failure)} if failure else {}
        self._tell(ProgressKind.STEP_FINISHED, step_id, text, told)
        self.changed.notify_all()

    def _tell(self, kind: ProgressKind, step: str, text: str, data: Mapping[str, Any] | None = None) -> None:
        target = StepId.parse(step).target
        self.tell(Progress(kind, self.operation, time.time(), step, target, text, dict(data or {})))

"""One round of following a ClusterConfiguration: its plan is waited with, agreed to, or carried out; then told."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from slipway.clock import utc_text
from slipway.engine.chronicle.course import Running
from slipway.engine.chronicle.forms import counted_steps
from slipway.engine.chronicle.tracker import Tracker
from slipway.errors import (
    ConflictError,
    SlipwayError,
    TransientError,
)
from slipway.model.configuration import Configuration
from slipway.model.observed import LiveConfiguration, Observed, Scope
from slipway.model.operation import Failure, OperationResult, Outcome, Progress
from slipway.model.plan import Plan
from slipway.model.status import ReadyReason
from slipway.operator import status
from slipway.operator.afresh import Afresh
from slipway.operator.door import Engine, Meter, Recorder, Session, Store, Verdict
from slipway.operator.longwaits import LongWaits
from slipway.operator.succession import Past, ended_by_itself, goes_on, open_operation, whole_result
from slipway.operator.voice import Voice
from slipway.operator.watch import Watch, cancelled_before
from slipway.settings import APPROVE_ANNOTATION

log = logging.getLogger(__name__)

_VERDICTS: Final = {
    Outcome.SUCCEEDED: Verdict.SUCCEEDED,
    Outcome.FAILED: Verdict.FAILED,
    Outcome.BLOCKED: Verdict.WAITING,
    Outcome.CANCELLED: Verdict.CANCELLED,
    Outcome.SUPERSEDED: Verdict.SUPERSEDED,
}


@dataclass(frozen=True, slots=True)
class Edges:
    """What a reconciler works with."""

    store: Store
    engine: Engine
    recorder: Recorder
    meter: Meter
    clock: Callable[[], str] = utc_text
    namespaces: frozenset[str] = frozenset()
    """Whose ClusterConfigurations are followed besides those of Slipway's own namespace."""


def read(session: Session, scope: Scope) -> tuple[Observed, Plan]:
    """A reading that saw the cluster: an operator lives in one, so no answer is no reason to make one."""
    observed, plan = session.prepare(scope)
    if not observed.cluster.reachable:
        raise TransientError("the Kubernetes API does not answer", why=observed.cluster.error)
    return observed, plan


def resumed_at(past: Past | None) -> Running | None:
    """Where an operation stands that is gone on with, before it has its locks again."""
    return Running(past.operation, past.started, {step.step: step for step in past.steps}) if past else None


class Round:
    """One accepted ClusterConfiguration, one plan."""

    def __init__(
        self,
        edges: Edges,
        stop: threading.Event,
        live: LiveConfiguration,
        configuration: Configuration,
        session: Session,
        stirred: threading.Event,
    ) -> None:
        self._stirred = stirred
        self._edges = edges
        self._stop = stop
        self._live = live
        self._configuration = configuration
        self._session = session
        self._voice = Voice(live, edges.store, edges.clock)
        self._afresh = Afresh(configuration, session, edges.meter, stirred)

    def follow(self, observed: Observed, plan: Plan) -> Verdict:
        """Nothing to do, wait for a host or for a yes, or run."""
        past = self._left_behind(plan)
        self._edges.recorder.close_abandoned(self._live, self._nobody_works)
        if plan.empty:
            self._tell_nothing_left(observed, plan, past)
            return Verdict.UNCHANGED if self._voice.ready else Verdict.DEGRADED
        runs = not plan.held and not cancelled_before(self._live) and self._agreed(plan)
        if past and not runs:
            self._edges.recorder.broken_off(
                self._live, past.operation, Failure("its rest waits, or was cancelled")
            )
        if cancelled_before(self._live):
            return Verdict.CANCELLED
        if plan.held:
            if self._voice.tell(self._configuration, plan, observed):
                self._edges.recorder.event(self._live, ReadyReason.HELD, status.held_text(plan), warning=True)
            return Verdict.WAITING
        if not self._agreed(plan):
            self._session.refuse_held()  # a command line that got its yes may be carrying out this very plan
            if self._voice.tell(self._configuration, plan, observed):
                self._edges.recorder.event(self._live, "AwaitingApproval", status.plan_summary(plan))
            return Verdict.AWAITING_APPROVAL
        return self._run(observed, plan, past)

    def _nobody_works(self, _holder: str) -> bool:
        """Whether no command line has the lock now: what one left open, it will not close."""
        try:
            self._session.refuse_held()
        except SlipwayError:
            return False
        return True

    def _agreed(self, plan: Plan) -> bool:
        """Whether nobody has to say yes, or somebody has."""
        return not plan.needs_approval or self._live.annotations.get(APPROVE_ANNOTATION) == plan.digest

    def _left_behind(self, plan: Plan) -> Past | None:
        """The operation of an operator that has ended, to be gone on with; one of a former edit is closed."""
        operation = open_operation(self._live)
        if not operation:
            return None
        if goes_on(self._live, plan):
            return self._edges.recorder.past(self._live, operation)
        self._edges.recorder.broken_off(
            self._live, operation, Failure("its operator ended, and an edit came")
        )
        return None

    def _tell_nothing_left(self, observed: Observed, plan: Plan, past: Past | None) -> None:
        """Nothing is to be done; where a former operator's operation is open, that was its end."""
        if past is None:
            self._voice.tell(self._configuration, plan, observed)
            return
        result, running = ended_by_itself(past, plan), Running(past.operation, past.started)
        self._edges.recorder.finished(self._live, plan, result, past.started)
        self._voice.tell(self._configuration, plan, observed, result=result, running=running)

    def _run(self, observed: Observed, plan: Plan, past: Past | None) -> Verdict:
        """Carry the plan out, showing its progress."""

        def show(running: Running) -> None:
            try:
                self._voice.tell(self._configuration, plan, self._afresh.seen(observed), running=running)
                if running.locked:
                    self._edges.recorder.operation(self._live, plan, running)
            except SlipwayError as error:  # the API may be down by this very plan; the end is written anyway
                log.info("%s: progress not written: %s", self._live.name, error)

        def note(event: Progress) -> None:
            watch.operation = event.operation
            tracker.note(event)

        watch = Watch(self._live, self._edges.store, self._stop)
        waits = LongWaits(lambda text: self._edges.recorder.event(self._live, "Waiting", text))
        tracker = Tracker(show, self._edges.clock, resumed_at(past), stirred=self._stirred, heed=waits.heed)
        word = "OperationContinued" if past else "OperationStarted"
        self._edges.recorder.event(self._live, word, f"plan {plan.digest}: {counted_steps(len(plan.steps))}")
        try:
            with tracker:
                result = self._session.apply(
                    plan,
                    observed,
                    progress=note,
                    cancelled=watch.cancelled,
                    held=watch.held,
                    operation=past.operation if past else "",
                )
        except SlipwayError as error:
            self._close(tracker.running, past, error)
            raise
        running = tracker.running or Running(result.operation, self._edges.clock())
        if self._stop.is_set() and result.outcome is Outcome.CANCELLED and not watch.by_user:
            return self._hand_on(observed, plan, whole_result(past, result), running)
        if not running.locked:  # an edit came while it waited for its locks: it was none
            return Verdict.SUPERSEDED
        again = self._tell_end(observed, plan, result, running, past)
        if again or watch.superseded:
            return Verdict.SUPERSEDED
        verdict = _VERDICTS[result.outcome]
        return Verdict.DEGRADED if verdict is Verdict.SUCCEEDED and not self._voice.ready else verdict

    def _close(self, running: Running | None, past: Past | None, error: SlipwayError) -> None:
        """An operation that failed as a whole. One that never got its locks was none; one gone on with may wait."""
        waits = past is not None and isinstance(error, ConflictError)
        if running and running.locked and not waits:
            self._edges.recorder.broken_off(self._live, running.operation, Failure.by(error))

    def _hand_on(self, observed: Observed, plan: Plan, result: OperationResult, running: Running) -> Verdict:
        """This process has to go: the operation goes on under the next operator, as one and the same."""
        if running.locked:
            self._voice.tell(self._configuration, plan, observed, running=replace(running, steps=frozenset()))
            self._edges.recorder.handed_on(self._live, plan, result, running.started)
        return Verdict.HANDED_ON

    def _tell_end(
        self, observed: Observed, plan: Plan, result: OperationResult, running: Running, past: Past | None
    ) -> bool:
        """Tell the outcome, from a fresh reading if all went well; whether that shows more to do."""
        good, left = result.outcome is Outcome.SUCCEEDED, False
        self._edges.meter.finished(result)
        self._edges.recorder.finished(self._live, plan, whole_result(past, result), running.started)
        if good:
            observed, more = read(self._session, Scope.RECORDS)
            self._edges.meter.read(more, observed)
            left = not more.empty
        self._voice.tell(self._configuration, plan, observed, result=result, running=running, more=left)
        text = f"operation {result.operation} {result.outcome} in {result.seconds:.0f} s"
        worse = result.outcome not in {Outcome.SUCCEEDED, Outcome.SUPERSEDED}
        self._edges.recorder.event(self._live, f"Operation{result.outcome.title()}", text, warning=worse)
        return left

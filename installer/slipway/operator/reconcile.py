"""Makes the cluster follow one ClusterConfiguration, and says in its status how far that went.

Called by `hook.handle`, in a pod or under shell-operator, one at a time (the locks that the engine takes
guard it against all others). Reads of the API come first; hosts are only asked when a step would touch them.
"""

import logging
import threading
from collections import Counter
from typing import Final

from slipway.errors import (
    ConfigurationError,
    ConflictError,
    PreflightError,
    SlipwayError,
    StalePlanError,
    StepError,
    before_changes,
)
from slipway.model.configuration import Configuration
from slipway.model.observed import LiveConfiguration, Observed, Scope
from slipway.model.plan import Plan
from slipway.model.status import ConditionType, Phase, ReadyReason
from slipway.operator import acceptance, status
from slipway.operator.conditions import find
from slipway.operator.door import Key, Request, Session, Verdict
from slipway.operator.round import Edges, Round, read
from slipway.operator.voice import Voice

log = logging.getLogger(__name__)

#: Rounds of planning and applying for one edit: a plan that turned out stale costs one, a step that reveals further
#: steps another; more means that something undoes our work, and the status says so.
ROUNDS: Final = 5

#: Phases in which something is left to do until somebody edits the configuration or does it with the command line.
_LEFT: Final = {Phase.FAILED: Verdict.FAILED, Phase.CANCELLED: Verdict.CANCELLED}


class Reconciler:
    """The door (`operator.door.Door`)."""

    def __init__(self, edges: Edges, stop: threading.Event | None = None) -> None:
        self._edges = edges
        self._stop = stop or threading.Event()
        self._stirred = threading.Event()

    def stir(self) -> None:
        """From another thread: the operation that runs, if there is one, looks at the cluster again."""
        self._stirred.set()

    def configurations(self) -> tuple[Key, ...]:
        """All ClusterConfigurations, oldest first."""
        return tuple(Key(live.namespace, live.name) for live in self._edges.store.list())

    def reconcile(self, request: Request) -> Verdict:
        """Plan and apply until the status tells the outcome of the newest generation."""
        try:
            return self._rounds(request) if request.act else self._look_at(request.key)
        except SlipwayError as error:
            log.warning("%s: %s", request.key, error)
            if not request.act:
                return Verdict.RETRY  # it changed nothing, and has nothing to tell but what it could not see
            return self._stopped(request.key, error)
        except (
            Exception
        ) as exc:  # a bug: the status says so, the log holds the trace, other configurations go on
            log.exception("%s: a fault of the operator itself", request.key)
            return self._stopped(
                request.key, StepError("internal error", why=repr(exc), hint="see the operator's log")
            )

    def _rounds(self, request: Request) -> Verdict:
        looks: Counter[int] = Counter()
        while live := self._edges.store.get(request.key):
            verdict = self._round(request, live)
            if verdict is not Verdict.SUPERSEDED or self._stop.is_set():
                return verdict
            looks[live.generation] += 1
            if looks[live.generation] >= ROUNDS:
                hint = "see what else changes it, then edit again"
                raise StepError("the cluster does not stay as it was made", hint=hint)
        self._edges.meter.gone(str(request.key))
        return Verdict.GONE

    def _look_at(self, key: Key) -> Verdict:
        """Say what is sick. No plan is made: neither registry nor hosts are asked, which may be what is sick.

        What an operation has left undone is nothing to be begun again here; that nothing of it is left is told.
        """
        live = self._edges.store.get(key)
        if live is None:
            return Verdict.UNCHANGED
        try:
            configuration = self._accepted(live, fresh=False)
        except (ConfigurationError, ConflictError):
            return Verdict.UNCHANGED  # who acts tells that
        session = self._edges.engine.open(configuration)
        voice = Voice(live, self._edges.store, self._edges.clock)
        if left := voice.phase and _LEFT.get(voice.phase):
            observed, plan = read(session, Scope.RECORDS)
            if plan.empty:  # by the records, which do not show drift
                observed, plan = read(session, Scope.FULL)
            if plan.empty:  # somebody else has carried the rest out
                voice.tell(configuration, plan, observed)
                return Verdict.UNCHANGED
        cluster = session.look()
        voice.look(configuration, cluster)
        self._edges.meter.looked(configuration, cluster)
        return left or Verdict.UNCHANGED

    def _accepted(self, live: LiveConfiguration, *, fresh: bool) -> Configuration:
        edges, everyone = self._edges, self._edges.store.list()
        catalog = edges.engine.catalog(acceptance.site_of(live, everyone), fresh=fresh)
        return acceptance.accepted_configuration(live, everyone, catalog, edges.namespaces)

    def _round(self, request: Request, live: LiveConfiguration) -> Verdict:
        try:
            with before_changes():
                configuration = self._accepted(live, fresh=True)
        except (ConfigurationError, ConflictError) as error:
            return self._refuse(live, error)
        session = self._edges.engine.open(configuration)
        try:
            with before_changes():
                observed, plan = self._look(session, live, full=request.full)
        except ConfigurationError as error:  # against the live cluster: an immutable field
            return self._refuse(live, error)
        try:
            return Round(self._edges, self._stop, live, configuration, session, self._stirred).follow(
                observed, plan
            )
        except StalePlanError as error:  # the command line was at work: look again
            log.info("%s: %s", request.key, error.what)
            return Verdict.SUPERSEDED

    def _look(self, session: Session, live: LiveConfiguration, *, full: bool) -> tuple[Observed, Plan]:
        """Records first; the hosts themselves only when a step would touch one, or what waits is drift of theirs."""
        observed, plan = read(session, Scope.FULL if full else Scope.RECORDS)
        if not full and any(step.on_host for step in plan.steps):
            observed, plan = read(session, Scope.TARGETS)
        if not full and waits_deeper(live, plan):
            observed, plan = read(session, Scope.FULL)
        self._edges.meter.read(plan, observed)
        return observed, plan

    def _refuse(self, live: LiveConfiguration, error: SlipwayError) -> Verdict:
        reason = "Conflict" if isinstance(error, ConflictError) else "Invalid"
        if Voice(live, self._edges.store, self._edges.clock).refused(error, reason):
            self._edges.recorder.event(live, "Refused", str(error), warning=True)
        return Verdict.REFUSED

    def _stopped(self, key: Key, error: SlipwayError) -> Verdict:
        """An error outside of any step: told in the status where the API can be reached."""
        again = error.retryable or isinstance(error, ConflictError)
        try:
            live = self._edges.store.get(key)
            if live and Voice(live, self._edges.store, self._edges.clock).stopped(error):
                self._edges.recorder.event(live, status.stop_reason(error), str(error), warning=True)
        except SlipwayError:
            return Verdict.RETRY
        if isinstance(error, PreflightError):  # what was not fit may be by now, without an edit
            return Verdict.WAITING
        return Verdict.RETRY if again else Verdict.FAILED


def waits_deeper(live: LiveConfiguration, plan: Plan) -> bool:
    """Whether what was said to wait is not in a plan by records alone: then a full read had found it, as drift."""
    status = live.status
    if status.get("observedGeneration") != live.generation:
        return False
    reason = find(status, ConditionType.READY).get("reason")
    if reason == ReadyReason.AWAITING_APPROVAL:
        return plan.digest != (status.get("operation") or {}).get("plan")
    return plan.empty and reason in {ReadyReason.HELD, ReadyReason.NOT_FIT}

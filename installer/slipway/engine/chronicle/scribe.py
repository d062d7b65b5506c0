"""A run of the command line, told in the cluster as one of the operator is: best-effort, once there is a cluster."""

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from slipway.clock import utc_text
from slipway.engine.apply import apply
from slipway.engine.chronicle.begun import started_by
from slipway.engine.chronicle.course import Running
from slipway.engine.chronicle.reach import brief_client, has_cluster
from slipway.engine.chronicle.tracker import Tracker
from slipway.engine.context import Context
from slipway.errors import SlipwayError
from slipway.model.observed import Observed
from slipway.model.operation import Failure, OperationResult, Progress
from slipway.model.plan import Plan

if TYPE_CHECKING:
    from slipway.cluster.rest.client import Client
    from slipway.engine.chronicle.annals import Annals

log = logging.getLogger(__name__)

#: Seconds between two writes.
PAUSE: Final = 1.0
#: Of the time that writes take at most: one of a thousand steps is 200 KiB.
SHARE: Final = 0.2
#: Seconds without another try after one that failed: the cluster is not made yet, or does not answer. The end is tried.
REST: Final = 5.0


def apply_told(
    plan: Plan,
    context: Context,
    observed: Observed,
    *,
    progress: Callable[[Progress], None],
    cancelled: Callable[[], bool],
) -> OperationResult:
    """Carry the plan out, and tell the cluster how far it is and how it ended; raises what `apply` raises."""
    scribe = Scribe(context, plan)
    tracker = Tracker(scribe.tell, utc_text, pause=PAUSE, share=SHARE)

    def note(event: Progress) -> None:
        tracker.note(event)
        progress(event)

    try:
        with tracker:
            result = apply(plan, context, observed, progress=note, cancelled=cancelled)
    except SlipwayError as error:
        scribe.broken_off(tracker.running, error)
        raise
    scribe.finished(tracker.running, result)
    return result


class Scribe:
    """Writes the Operation of one run. One that never got its locks was none."""

    def __init__(self, context: Context, plan: Plan) -> None:
        self._context = context
        self._plan = plan
        self._rests_until = 0.0
        self._client: Client | None = None
        self._annals: Annals | None = None

    def tell(self, running: Running) -> bool:
        """Where it stands; False: it is not told yet."""
        if not running.locked or time.monotonic() < self._rests_until:
            return not running.locked
        return self._try(running.operation, lambda annals: annals.running(self._plan, running))

    def finished(self, running: Running | None, result: OperationResult) -> None:
        """The whole of it."""
        if running and running.locked:
            self._try(result.operation, lambda annals: annals.finished(self._plan, result, running.started))
        self._close()

    def broken_off(self, running: Running | None, error: SlipwayError) -> None:
        """An error of no step ended it."""
        if running and running.locked:
            failure = Failure.by(error)
            self._try(running.operation, lambda annals: annals.broken_off(running.operation, failure))
        self._close()

    def _try(self, operation: str, write: Callable[["Annals"], None]) -> bool:
        """Whether it is written. What others were killed in is closed at the first chance: this run has the locks."""
        from slipway.engine.chronicle.annals import quietly

        def attempt() -> None:
            known, annals = self._annals, self._annals or self._opened()
            write(annals)
            self._annals = annals
            if not known:
                annals.close_abandoned(lambda _: True, but=operation)

        there = has_cluster(self._context)
        written = there and quietly(attempt, _unwritten)
        if not written:
            self._rests_until = time.monotonic() + (REST if there else 0.0)
            self._close()
        return written

    def _opened(self) -> "Annals":
        from slipway.engine.chronicle.annals import Annals

        context, mine = self._context, self._context.configuration
        self._client = brief_client(context)
        return Annals(self._client, mine.namespace, mine.name, started_by(context))

    def _close(self) -> None:
        if self._client:
            self._client.close()
        self._client = self._annals = None


def _unwritten(why: str) -> None:
    log.debug("operation not written: %s", why)

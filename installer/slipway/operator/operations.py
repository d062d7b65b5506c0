"""History for people: Events on the ClusterConfiguration, and one Operation object per run. Best-effort throughout."""

import logging
import time
from collections.abc import Callable
from typing import Final

from slipway.cluster.own.events import emit_event, this_instance
from slipway.cluster.own.operations import OPERATION
from slipway.cluster.rest.client import Client
from slipway.engine.chronicle.annals import Annals, quietly
from slipway.engine.chronicle.course import Running
from slipway.errors import SlipwayError
from slipway.model.observed import LiveConfiguration
from slipway.model.operation import Failure, OperationResult, Origin, StartedBy
from slipway.model.plan import Plan
from slipway.operator.succession import Past, past_of

log = logging.getLogger(__name__)

#: Seconds within which the same Event of one object is said once.
ECHO: Final = 30.0


class Chronicle:
    """The recorder (`operator.door.Recorder`)."""

    def __init__(self, client: Client, holder: str = "") -> None:
        """`holder`: this operator, as in locks."""
        self._client = client
        self._by = StartedBy(Origin.OPERATOR, f"operator/{this_instance()}", holder)
        self._annals: dict[tuple[str, str], Annals] = {}
        self._last: dict[str, tuple[str, str, float]] = {}
        """By object: reason and text of its last Event, and when that was."""

    def event(self, live: LiveConfiguration, reason: str, message: str, *, warning: bool = False) -> None:
        """One Event on the ClusterConfiguration; not the same again at once, by a look that the watch was behind."""
        now = time.monotonic()
        *said, when = self._last.get(live.uid, ("", "", now))
        if said == [reason, message] and now - when < ECHO:
            return
        self._last[live.uid] = (reason, message, now)
        emit_event(self._client, live, reason, message, warning=warning)

    def operation(self, live: LiveConfiguration, plan: Plan, running: Running) -> None:
        """Where a running operation stands."""
        quietly(lambda: self._annals_of(live).running(plan, running), _unwritten)

    def past(self, live: LiveConfiguration, operation: str) -> Past | None:
        """Read back from the Operation object, for its history alone: what is to be done, the records say."""
        try:
            found = self._client.get(*OPERATION, operation, live.namespace) or {}
        except SlipwayError as error:
            log.warning("operation %s not read: %s", operation, error)
            return None
        status = found.get("status") or {}
        return past_of(operation, status) if status and not status.get("finishedAt") else None

    def handed_on(self, live: LiveConfiguration, plan: Plan, result: OperationResult, started: str) -> None:
        """It stays open, with what it cost so far."""
        quietly(lambda: self._annals_of(live).handed_on(plan, result, started), _unwritten)

    def broken_off(self, live: LiveConfiguration, operation: str, failure: Failure) -> None:
        """One that nobody goes on with; one that was never written, or has an end, is no error."""
        quietly(lambda: self._annals_of(live).broken_off(operation, failure), _unwritten)

    def close_abandoned(self, live: LiveConfiguration, gone: Callable[[str], bool]) -> None:
        """Those of command lines that were killed."""
        quietly(lambda: self._annals_of(live).close_abandoned(gone), _unwritten)

    def finished(self, live: LiveConfiguration, plan: Plan, result: OperationResult, started: str) -> None:
        """The whole of it; then older ones go."""
        quietly(lambda: self._annals_of(live).finished(plan, result, started), _unwritten)

    def _annals_of(self, live: LiveConfiguration) -> Annals:
        new = Annals(self._client, live.namespace, live.name, self._by)
        return self._annals.setdefault((live.namespace, live.name), new)


def _unwritten(why: str) -> None:
    log.warning("operation not written: %s", why)

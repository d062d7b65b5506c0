"""The seams of the operator: what the hook asks of a reconciler, and that of engine and cluster.

`hook` and `runtime` know `Door`; `reconcile` implements it and knows `Engine`, `Store` and `Recorder`. The
real ones are put together in `wiring`, the only place of this room that opens anything.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from slipway.catalog import Catalog
from slipway.engine.chronicle.course import Running
from slipway.model.configuration import Configuration
from slipway.model.observed import ClusterObserved, LiveConfiguration, Observed, Scope
from slipway.model.operation import Failure, OperationResult, Progress
from slipway.model.plan import Plan
from slipway.operator.succession import Past


class Key(NamedTuple):
    """Which ClusterConfiguration."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """As kubectl users write it."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Request:
    """One ClusterConfiguration to look at; `full` reads everything, for drift.

    `act` false: something of the cluster looks otherwise than before; that is told, and nothing is begun.
    """

    key: Key
    full: bool = False
    act: bool = True


class Verdict(StrEnum):
    """How one reconciliation ended. All but RETRY are told by the status: nothing is gained by repeating.

    DEGRADED has nothing to do, yet something is not ready; like AWAITING_APPROVAL it may pass without an edit.
    WAITING has done all but what hosts that do not answer hold back, or waits for what is not fit to be so. HANDED_ON
    leaves the rest to the next operator.
    """

    GONE = "gone"
    REFUSED = "refused"
    UNCHANGED = "unchanged"
    DEGRADED = "degraded"
    AWAITING_APPROVAL = "awaiting-approval"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    HANDED_ON = "handed-on"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"
    RETRY = "retry"


class Door(Protocol):
    """What the hook and the runtime call."""

    def configurations(self) -> tuple[Key, ...]:
        """All ClusterConfigurations there are."""

    def reconcile(self, request: Request) -> Verdict:
        """Make the cluster follow one ClusterConfiguration; what the status tells is no exception."""

    def stir(self) -> None:
        """Something of the cluster says something else of itself: the status of what runs follows."""


class Session(Protocol):
    """One configuration with all that is open for it: readings, secrets, connections."""

    def prepare(self, scope: Scope) -> tuple[Observed, Plan]:
        """Read what is there and say what differs; changes nothing."""

    def look(self) -> ClusterObserved:
        """Read the cluster alone, by its API; TransientError when it does not answer."""

    def refuse_held(self) -> None:
        """ConflictError, naming the holder, when somebody else is changing this cluster now."""

    def apply(
        self,
        plan: Plan,
        observed: Observed,
        *,
        progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
        held: Callable[[], bool],
        operation: str = "",
    ) -> OperationResult:
        """Carry the plan out, as the rest of `operation` if one is named; `held` starts nothing more."""


class Engine(Protocol):
    """The one way through, as the operator uses it."""

    def catalog(self, site: Configuration, *, fresh: bool) -> Catalog:
        """What can be installed by the bundle of this site; not `fresh`: as it was read last, if it was."""

    def open(self, configuration: Configuration) -> Session:
        """Begin with an accepted configuration."""


class Store(Protocol):
    """ClusterConfigurations in the API."""

    def list(self) -> tuple[LiveConfiguration, ...]:
        """All of them, oldest first."""

    def get(self, key: Key) -> LiveConfiguration | None:
        """One of them; None when it is gone."""

    def write_status(self, key: Key, status: dict[str, Any]) -> None:
        """Replace the status; a ClusterConfiguration that is gone is no error."""


class Recorder(Protocol):
    """History that people read: Events and Operation objects. It never fails a reconciliation."""

    def event(self, live: LiveConfiguration, reason: str, message: str, *, warning: bool = False) -> None:
        """One Event on the ClusterConfiguration."""

    def operation(self, live: LiveConfiguration, plan: Plan, running: Running) -> None:
        """Create the Operation object, or update what it says of its steps."""

    def broken_off(self, live: LiveConfiguration, operation: str, failure: Failure) -> None:
        """Close the Operation object of a run that came to no result."""

    def close_abandoned(self, live: LiveConfiguration, gone: Callable[[str], bool]) -> None:
        """Close what command lines left open whose holder is `gone`."""

    def past(self, live: LiveConfiguration, operation: str) -> Past | None:
        """What an operation had come to when its operator ended; None: nothing is known, or it has an end."""

    def handed_on(self, live: LiveConfiguration, plan: Plan, result: OperationResult, started: str) -> None:
        """What this operator did of it, before the next one goes on."""

    def finished(self, live: LiveConfiguration, plan: Plan, result: OperationResult, started: str) -> None:
        """Write the whole of it, and keep the newest Operation objects only."""


class Meter(Protocol):
    """Figures for Prometheus."""

    def read(self, plan: Plan, observed: Observed) -> None:
        """A reading and what it leads to."""

    def looked(self, configuration: Configuration, cluster: ClusterObserved) -> None:
        """A reading of the cluster alone."""

    def finished(self, result: OperationResult) -> None:
        """An operation ended."""

    def gone(self, configuration: str) -> None:
        """A ClusterConfiguration was deleted."""

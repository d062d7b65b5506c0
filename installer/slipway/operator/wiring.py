"""Puts the operator together: API, site registry, Secrets, engine. The only place of this room that opens anything."""

import logging
import os
import signal
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from slipway import catalog
from slipway.cluster.locks.applier import Applier
from slipway.cluster.locks.election import Election
from slipway.cluster.locks.lease import Lease
from slipway.cluster.observe import observe
from slipway.cluster.own.configurations import Configurations
from slipway.cluster.own.events import this_instance
from slipway.cluster.own.secretstore import SecretReader
from slipway.cluster.rest.client import Client, connect
from slipway.engine.apply import apply
from slipway.engine.context import Context
from slipway.engine.modules import standby
from slipway.engine.patience import repeat_while_refused
from slipway.engine.preflight import refuse_unfit
from slipway.engine.prepare import prepare
from slipway.engine.registry import site_source
from slipway.engine.supply.sourced import supply_of
from slipway.errors import BundleError, HeldError, before_changes
from slipway.holders import Sighting, this_process
from slipway.model.configuration import Configuration
from slipway.model.observed import ClusterObserved, Observed, Scope
from slipway.model.operation import OperationResult, Progress
from slipway.model.plan import Plan
from slipway.operator.door import Door, Meter
from slipway.operator.metrics import Metrics
from slipway.operator.operations import Chronicle
from slipway.operator.reconcile import Reconciler
from slipway.operator.round import Edges
from slipway.operator.runtime import LEASE_NAME, OperatorProcess, Settings
from slipway.runner import Standby
from slipway.settings import LOCK_SECONDS, NAMESPACE

log = logging.getLogger(__name__)

#: Where the token of the applier lies: memory, in every container.
PRIVATE = Path("/dev/shm/slipway")  # noqa: S108 - the directory is made 0700


class Opened:
    """A session (`operator.door.Session`) over the engine's context."""

    def __init__(self, context: Context, seen: Sighting | None) -> None:
        self._context = context
        self._seen = seen

    def prepare(self, scope: Scope) -> tuple[Observed, Plan]:
        """Observe and plan."""
        return prepare(self._context, scope)

    def look(self) -> ClusterObserved:
        """The API alone."""
        return observe(self._context.client(), expectations=self._context.catalog.expectations)

    def refuse_held(self) -> None:
        """The same Lease that `apply` takes. Who remembers no earlier look waits until it has seen enough of it."""
        context = self._context
        lease = Lease(context.client(), context.configuration.lease, context.holder, sighting=self._seen)
        if self._seen:
            lease.refuse_held()
        else:
            repeat_while_refused(lease.refuse_held, patience=0, seconds=LOCK_SECONDS, waiting=_log_waiting)

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
        """Check that hosts, registry and bundle are fit, then carry it out."""
        with before_changes():
            refuse_unfit(self._context, observed, plan)
        try:
            return apply(
                plan,
                self._context,
                observed,
                progress=progress,
                cancelled=cancelled,
                held=held,
                operation=operation,
            )
        finally:
            if self._context.standby:
                self._context.standby.refill()


class ClusterEngine:
    """The engine (`operator.door.Engine`), with everything read from the cluster and the site registry.

    `lasting`: this process sees more than one reading, and remembers since when a Lease stands still.
    """

    def __init__(
        self,
        client: Client,
        release: catalog.Catalog,
        kubeconfig: Callable[[], Path],
        standby: Standby | None = None,
        *,
        lasting: bool = False,
    ) -> None:
        self._client = client
        self._seen: defaultdict[str, Sighting] | None = defaultdict(Sighting) if lasting else None
        self._release = release
        self._kubeconfig = kubeconfig
        self._standby = standby
        self._catalogs: dict[str, catalog.Catalog] = {}

    def catalog(self, site: Configuration, *, fresh: bool) -> catalog.Catalog:
        """By the bundle in the site's registry: an image of the operator has no modules of its own.

        Raises:
            BundleError: the registry does not answer, or what it holds is of no use.
        """
        key = f"{site.namespace}/{site.name}"
        if fresh or key not in self._catalogs:
            try:
                source = site_source(site, SecretReader(self._client), _state_of(site))
                found = supply_of(self._release, site, source.manifest(), source, lambda: source)
                self._catalogs[key] = found.catalog
            except BundleError:  # who plans will meet it, and say so
                if key not in self._catalogs:
                    raise
        return self._catalogs[key]

    def open(self, configuration: Configuration) -> Opened:
        """Secrets are read anew for each session."""
        secrets, site, state = SecretReader(self._client), configuration.site, _state_of(configuration)
        seen = self._seen[configuration.lease] if self._seen is not None else None
        context = Context(
            configuration=configuration,
            catalog=self._catalogs.get(f"{site.namespace}/{site.name}", self._release),
            release=self._release,
            source=site_source(site, secrets, state),
            secrets=secrets,
            state=state,
            kubeconfig=self._kubeconfig(),
            holder=_holder(),
            standby=self._standby,
        )
        if configuration.namespace != NAMESPACE:
            context.own_secrets = SecretReader(context.client(), configuration.namespace)
        return Opened(context, seen)


def _log_waiting(error: HeldError) -> None:
    log.debug("looking again: %s", error.what)


def _holder() -> str:
    """This operator, as in locks."""
    return this_process(f"operator/{this_instance()}")


def _state() -> Path:
    return Path(os.environ.get("SLIPWAY_STATE", "/var/lib/slipway/state"))


def _state_of(configuration: Configuration) -> Path:
    """What is kept of one ClusterConfiguration, in a directory that is there."""
    state = _state() / configuration.namespace / configuration.name
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    return state


def _allowed() -> frozenset[str]:
    """Namespaces of teams (`SLIPWAY_NAMESPACES`, with commas between them)."""
    return frozenset(filter(None, os.environ.get("SLIPWAY_NAMESPACES", "").split(",")))


def open_door(
    stop: threading.Event | None = None,
    *,
    kubeconfig: Path | None = None,
    namespace: str = "",
    meter: Meter | None = None,
    standby: Standby | None = None,
    lasting: bool = False,
) -> Door:
    """The real door; the pod's own ServiceAccount without a kubeconfig. A `standby` run is started at once.

    `lasting`: the door of a process that stays, not of one call of the hook.
    """
    if standby:
        standby.refill()
    client = connect(kubeconfig)
    release = catalog.load()
    applier = Applier(client, PRIVATE / f"{os.getpid()}.kubeconfig")
    edges = Edges(
        store=Configurations(client, namespace),
        engine=ClusterEngine(
            client,
            release,
            (lambda: kubeconfig) if kubeconfig else applier.kubeconfig,
            standby,
            lasting=lasting,
        ),
        recorder=Chronicle(client, _holder()),
        meter=meter or Metrics(),
        namespaces=_allowed(),
    )
    return Reconciler(edges, stop)


def _reader(client: Client, kubeconfig: Path | None) -> Callable[[], Client]:
    """The account that may read whatever modules bring: the applier's, with a token that is good for each new list."""
    if kubeconfig:
        return lambda: client
    applier = Applier(client, PRIVATE / f"{os.getpid()}-reader.kubeconfig")
    return lambda: connect(applier.kubeconfig())


def run(settings: Settings, *, kubeconfig: Path | None = None) -> int:
    """The operator's process, until SIGTERM or SIGINT."""
    level = os.environ.get("SLIPWAY_LOG_LEVEL", "info").upper()
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("paramiko").setLevel(logging.WARNING)  # it tells of every connection
    client, metrics, ahead = connect(kubeconfig), Metrics(), standby(_state() / "standby")

    def door(halt: threading.Event) -> Door:
        namespace = settings.namespace
        return open_door(
            halt, kubeconfig=kubeconfig, namespace=namespace, meter=metrics, standby=ahead, lasting=True
        )

    runtime = OperatorProcess(
        client,
        Election(client, NAMESPACE, LEASE_NAME, this_process(this_instance())),
        door,
        metrics,
        settings,
        _reader(client, kubeconfig),
        catalog.load().expectations,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: runtime.halt.set())
    try:
        return runtime.run()
    finally:
        ahead.close()

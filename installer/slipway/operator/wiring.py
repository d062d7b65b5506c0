"""Puts the operator together: API, site registry, Secrets, engine. The only place of this room that opens anything."""

import logging
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

from slipway import catalog
from slipway.cluster.applier import Applier
from slipway.cluster.client import Client, connect
from slipway.cluster.configurations import Configurations
from slipway.cluster.election import Election
from slipway.cluster.events import instance
from slipway.cluster.lease import Lease
from slipway.cluster.secretstore import SecretReader
from slipway.engine.apply import apply
from slipway.engine.context import Context
from slipway.engine.modules import standby
from slipway.engine.preflight import check
from slipway.engine.prepare import prepare
from slipway.engine.registry import site_source
from slipway.errors import before_changes
from slipway.model.configuration import Configuration
from slipway.model.observed import Observed, Scope
from slipway.model.operation import OperationResult, Progress
from slipway.model.plan import Plan
from slipway.operator.door import Door, Meter
from slipway.operator.metrics import Metrics
from slipway.operator.operations import Chronicle
from slipway.operator.reconcile import Edges, Reconciler
from slipway.operator.runtime import LEASE_NAME, Runtime, Settings
from slipway.runner import Standby
from slipway.settings import NAMESPACE

#: Where the token of the applier lies: memory, in every container.
PRIVATE = Path("/dev/shm/slipway")  # noqa: S108 - the directory is made 0700


class Opened:
    """A session (`operator.door.Session`) over the engine's context."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def prepare(self, scope: Scope) -> tuple[Observed, Plan]:
        """Observe and plan."""
        return prepare(self._context, scope)

    def refuse_held(self) -> None:
        """The same Lease that `apply` takes."""
        Lease(self._context.client(), self._context.configuration.name, self._context.holder).refuse_held()

    def apply(
        self,
        plan: Plan,
        observed: Observed,
        *,
        progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
        held: Callable[[], bool],
    ) -> OperationResult:
        """Check that hosts, registry and bundle are fit, then carry it out."""
        with before_changes():
            check(self._context, observed, plan)
        try:
            return apply(plan, self._context, observed, progress=progress, cancelled=cancelled, held=held)
        finally:
            if self._context.standby:
                self._context.standby.refill()


class ClusterEngine:
    """The engine (`operator.door.Engine`), with everything read from the cluster and the site registry."""

    def __init__(
        self,
        client: Client,
        release: catalog.Catalog,
        kubeconfig: Callable[[], Path],
        standby: Standby | None = None,
    ) -> None:
        self._client = client
        self._release = release
        self._kubeconfig = kubeconfig
        self._standby = standby

    def open(self, configuration: Configuration) -> Opened:
        """Secrets are read anew for each session."""
        secrets = SecretReader(self._client)
        state = _state() / configuration.namespace / configuration.name
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Opened(
            Context(
                configuration=configuration,
                catalog=self._release,
                source=site_source(configuration, secrets, state),
                secrets=secrets,
                state=state,
                kubeconfig=self._kubeconfig(),
                holder=f"operator/{instance()}",
                standby=self._standby,
            )
        )


def _state() -> Path:
    return Path(os.environ.get("SLIPWAY_STATE", "/var/lib/slipway/state"))


def open_door(
    stop: threading.Event | None = None,
    *,
    kubeconfig: Path | None = None,
    namespace: str = "",
    meter: Meter | None = None,
    standby: Standby | None = None,
) -> Door:
    """The real door; the pod's own ServiceAccount without a kubeconfig. A `standby` run is started at once."""
    if standby:
        standby.refill()
    client = connect(kubeconfig)
    release = catalog.load()
    applier = Applier(client, PRIVATE / f"{os.getpid()}.kubeconfig")
    edges = Edges(
        store=Configurations(client, namespace),
        engine=ClusterEngine(
            client, release, (lambda: kubeconfig) if kubeconfig else applier.kubeconfig, standby
        ),
        catalog=release,
        recorder=Chronicle(client),
        meter=meter or Metrics(),
    )
    return Reconciler(edges, stop)


def run(settings: Settings, *, kubeconfig: Path | None = None) -> int:
    """The operator's process, until SIGTERM or SIGINT."""
    level = os.environ.get("SLIPWAY_LOG_LEVEL", "info").upper()
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("paramiko").setLevel(logging.WARNING)  # it tells of every connection
    client, metrics, ahead = connect(kubeconfig), Metrics(), standby(_state() / "standby")

    def door(halt: threading.Event) -> Door:
        namespace = settings.namespace
        return open_door(halt, kubeconfig=kubeconfig, namespace=namespace, meter=metrics, standby=ahead)

    runtime = Runtime(
        client,
        Election(client, NAMESPACE, LEASE_NAME, instance()),
        door,
        metrics,
        settings,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: runtime.halt.set())
    try:
        return runtime.run()
    finally:
        ahead.close()

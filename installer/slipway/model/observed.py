"""What a probe saw: hosts, cluster, registry, at a named time and to a named depth."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from slipway.model.amounts import Amount
from slipway.model.codes import AWAY, WAITED_FOR, HostCode, RefusalCode
from slipway.model.paths import FieldPath
from slipway.model.record import Intent, Lock, ModuleRecord, ObjectRef, StepRecord, Unreadable
from slipway.model.standing import Ailment
from slipway.model.survey import Survey
from slipway.settings import NAMESPACE


class Scope(StrEnum):
    """How deep a probe reads."""

    RECORDS = "records"
    """The API only: records of nodes and modules."""
    TARGETS = "targets"
    """Records, and SSH to the hosts that a plan would touch."""
    FULL = "full"
    """Everything, drift of files included."""


@dataclass(frozen=True, slots=True)
class Drift:
    """Something that is no longer as the record says."""

    step: str
    what: str
    """A path, `unit NAME`, `rules UNIT` (packet filter), `package NAME` and so on, or an object of a module."""
    found: str = ""
    """How it is now: missing, changed, inactive, `its mode is 0600 instead of 0644`, ..."""
    diff: str = ""
    """What was changed in a file, as `diff -u` shows it; empty where that may hold a secret, or is no text."""


@dataclass(frozen=True, slots=True)
class HostFacts:
    """Facts of a host that preflight and roles need. Sizes in MiB."""

    os_id: str = ""
    os_version: str = ""
    os_codename: str = ""
    architecture: str = ""
    kernel: str = ""
    hostname: str = ""
    machine: str = ""
    cpus: int = 0
    memory: int = 0
    python: str = ""
    interpreter: str = ""
    """Digest of the bundle's own Python, where that is on the host."""
    disk_free: dict[str, int] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    time: float = 0.0


@dataclass(frozen=True, slots=True)
class HostObserved:
    """One host. `error`, with its code and the way out, is set when it could not be read; then all else is empty."""

    name: str
    """As it is asked for."""
    error_code: HostCode = HostCode.NONE
    error: str = ""
    facts: HostFacts = field(default_factory=HostFacts)
    cluster: str = ""
    recorded: str = ""
    """Its name by its own record; empty before the first step, and of records of older releases."""
    records: dict[str, StepRecord] = field(default_factory=dict)
    intents: tuple[Intent, ...] = ()
    lock: Lock | None = None
    drift: tuple[Drift, ...] = ()
    hint: str = ""
    kubernetes: str = ""
    """Server in /etc/kubernetes/kubelet.conf; empty: not a member of any cluster."""
    survey: Survey = field(default_factory=Survey)
    old_data_roots: tuple[str, ...] = ()
    """Data roots of a container runtime that were moved away from and not deleted."""

    @property
    def reachable(self) -> bool:
        """Whether it was read."""
        return not self.error_code

    @property
    def away(self) -> bool:
        """Whether it does not answer at all."""
        return self.error_code in AWAY

    @property
    def waited_for(self) -> bool:
        """Whether nothing can be done on it now: it does not answer, or nobody knows yet whether it is itself."""
        return self.error_code in WAITED_FOR


@dataclass(frozen=True, slots=True)
class NodeObserved:
    """One Node object, and what the record of it says: its own annotations and addresses are its kubelet's words."""

    name: str
    ready: bool
    version: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[dict[str, str], ...] = ()
    owned_labels: tuple[str, ...] = ()
    owned_taints: tuple[str, ...] = ()
    records: dict[str, StepRecord] = field(default_factory=dict)
    message: str = ""
    address: str = ""
    """Where SSH reaches its machine, by its record; empty where there is none."""
    since: str = ""
    """Since when it is ready, or not (ISO 8601 UTC)."""
    silent: bool = False
    """Whether its kubelet says nothing any more."""
    pressures: tuple[str, ...] = ()
    """What it has too little of, in its kubelet's words."""
    begun: tuple[Intent, ...] = ()
    """Steps of its host that an operation was about to change when the copy of its records was last right."""
    drained: bool = False
    """Whether Slipway took it out of service and has not let it in again."""
    unreadable: Unreadable | None = None
    """Why nothing is known of it by its record, where there is one."""
    allocatable: Amount = field(default_factory=Amount)
    """What pods may have of it, by its kubelet; nothing: it does not say."""
    former: bool = False
    """Whether it has no record, and annotations of a release that kept it there: they are not believed."""


@dataclass(frozen=True, slots=True)
class LiveConfiguration:
    """The ClusterConfiguration as it stands in the cluster."""

    name: str
    namespace: str
    generation: int
    spec: dict[str, Any]
    annotations: dict[str, str] = field(default_factory=dict)
    managers: dict[FieldPath, str] = field(default_factory=dict)
    """Path below spec -> manager, for fields that another manager than Slipway's owns."""
    held: frozenset[FieldPath] = frozenset()
    """Maps and entries of lists that such a manager has a hold on: they stay when Slipway's lets go."""
    status: dict[str, Any] = field(default_factory=dict)
    uid: str = ""

    @property
    def host_items(self) -> tuple[dict[str, Any], ...]:
        """Its hosts as they are written. Outside of Slipway's own namespace none are: there others may write."""
        hosts = self.spec.get("hosts") or {} if self.namespace == NAMESPACE else {}
        return tuple(hosts.get("items") or ())


@dataclass(frozen=True, slots=True)
class AdmissionObserved:
    """The rule for image names as it stands: `digest` of what was applied, spec by kind. Empty: there is none."""

    digest: str = ""
    specs: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def found(self) -> bool:
        """Whether any of it is there."""
        return bool(self.specs)


@dataclass(frozen=True, slots=True)
class DefinitionChange:
    """What an apply makes another one of a definition that is there."""

    parts: tuple[str, ...]
    """In words."""
    stored: str = ""
    """The version that its objects are stored in from then on, where that is another one; it must not go again."""


@dataclass(frozen=True, slots=True)
class ClaimObserved:
    """A claim that has a volume."""

    namespace: str
    name: str
    driver: str = ""
    """CSI driver of its volume; empty: it is of none."""
    snapshot_class: str = ""
    """The VolumeSnapshotClass for that driver; empty: there is none."""

    def __str__(self) -> str:
        """As it is named to people."""
        return f"PersistentVolumeClaim {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class ClusterObserved:
    """The cluster through its API. `reachable` false: there is none yet, or it does not answer (`error`)."""

    reachable: bool
    error: str = ""
    version: str = ""
    nodes: dict[str, NodeObserved] = field(default_factory=dict)
    modules: dict[str, ModuleRecord] = field(default_factory=dict)
    configurations: tuple[LiveConfiguration, ...] = ()
    unreadable: dict[str, Unreadable] = field(default_factory=dict)
    """Modules whose records are there and cannot be read."""
    drift: dict[str, tuple[Drift, ...]] = field(default_factory=dict)
    sick: dict[str, tuple[Ailment, ...]] = field(default_factory=dict)
    """Module -> what is sick of it now; only modules that were healthy when they were recorded."""
    operator_catalog: str = ""
    """Catalog digest of the operator that runs; empty: none runs."""
    settings: StepRecord | None = None
    """Record of the step that installs CRD, ClusterConfiguration and Secrets."""
    admission: AdmissionObserved = field(default_factory=AdmissionObserved)
    """The rule by which image names of pods are rewritten."""
    losses: dict[str, tuple[ObjectRef, ...]] = field(default_factory=dict)
    """Module about to be removed -> what of it cannot be made again; a key that is missing: nobody has looked."""
    definitions: dict[str, dict[str, DefinitionChange]] = field(default_factory=dict)
    """Module about to be changed -> definition -> what becomes another one of it."""
    claims: dict[str, tuple[ClaimObserved, ...]] = field(default_factory=dict)
    """Module whose upgrade takes snapshots -> its claims; a key that is missing: nobody has looked."""


@dataclass(frozen=True, slots=True)
class RegistryObserved:
    """The site registry, or its replica. `bundle`: digest of the manifest it holds completely; empty: none."""

    reachable: bool
    bundle: str = ""
    error_code: RefusalCode = RefusalCode.NONE
    error: str = ""


@dataclass(frozen=True, slots=True)
class Observed:
    """All that was seen. `secrets` maps NAME/KEY to an HMAC under the site key; a missing key is absent.

    `site` is the cluster's identity derived from the site key: a host that carries another one is not ours.
    `read_at` is ISO 8601 UTC.
    """

    scope: Scope
    read_at: str
    turn: str = ""
    """A word for the operation that came last before this reading, which no other one has; empty: none did."""
    site: str = ""
    kin: dict[str, str] = field(default_factory=dict)
    """Clusters that were made with the same state and secrets under another name: identity -> name."""
    hosts: dict[str, HostObserved] = field(default_factory=dict)
    cluster: ClusterObserved = field(default_factory=lambda: ClusterObserved(reachable=False))
    registry: RegistryObserved = field(default_factory=lambda: RegistryObserved(reachable=False))
    replica: RegistryObserved = field(default_factory=lambda: RegistryObserved(reachable=False))
    stored: dict[str, str] | None = None
    """The same of what the cluster's Secrets hold for its operator; None: nobody has looked."""
    secrets: dict[str, str] = field(default_factory=dict)

"""What was last applied and what is being applied, as kept at the targets: JSON-shaped and versioned."""

from dataclasses import dataclass, field
from enum import StrEnum

#: Format of record.json, pending.json and of module records. A newer one is refused, never guessed at.
RECORD_FORMAT = 1
#: Format of lock.json. Format 1 had `expires`, by the host's wall clock.
LOCK_FORMAT = 2


class MadeKind(StrEnum):
    """What a step can make on a host. plugins/module_utils/slipway_things.py records each, drift.sh reads it."""

    FILE = "file"
    SECRET = "secret"  # noqa: S105 - a kind, not a value
    """A file whose content nobody may guess: its digest is salted, and the salt stays on the host."""
    LINK = "link"
    DIRECTORY = "directory"
    PLACE = "place"
    """A directory, or a link to one: where others keep their data."""
    BLOCK = "block"
    """Slipway's lines between markers, in a file of somebody else."""
    KEYS = "keys"
    """Some keys of a JSON file of somebody else."""
    SWAP = "swap"
    """fstab, in which no line swaps."""
    UNIT = "unit"
    STOPPED = "stopped"
    """A unit of somebody else that is to stay stopped."""
    RULES = "rules"
    """The packet filter's table that this unit loads."""
    PACKAGE = "package"
    PARAMETER = "parameter"
    """Of the kernel, as sysctl names it."""
    USER = "user"


@dataclass(frozen=True, slots=True)
class Made:
    """One thing that a step made, as it was when the step ended. An empty field was not there, or is not ours."""

    kind: MadeKind
    name: str
    """A path, or the name of what is none."""
    mode: str = ""
    """Octal, four digits at least."""
    owner: str = ""
    """Number of the user, as that of `group`."""
    group: str = ""
    target: str = ""
    """Where it leads, where it is a link."""
    digest: str = ""
    """sha256 of a file or block; of a secret with the host's salt before it."""
    state: str = ""
    """Of a unit `enabled active`; a package's version, a parameter's value."""
    keys: dict[str, str] = field(default_factory=dict)
    """KEYS: key -> sha256 of its value as canonical JSON."""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step that was applied to completion.

    `digest` is the digest of all inputs; `parts` holds a short digest per input, so that a later plan can
    name the field that changed without the record holding any value.
    """

    digest: str
    parts: dict[str, str] = field(default_factory=dict)
    catalog: str = ""
    version: str = ""
    time: str = ""
    made: tuple[Made, ...] = ()
    """All that it made on the host. The copy of a record in the cluster has none of it."""


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """What Slipway keeps of a Node: ConfigMap `slipway-node-NAME`. What the Node says of itself, its kubelet wrote."""

    name: str
    address: str = ""
    """Where SSH reaches its machine, as the ClusterConfiguration had it."""
    steps: dict[str, StepRecord] = field(default_factory=dict)
    """The host's records by role, mirrored so that a plan needs no SSH."""
    labels: tuple[str, ...] = ()
    """Keys that Slipway set, or is about to set, and may therefore remove."""
    taints: tuple[str, ...] = ()
    """The same of taints: KEY:EFFECT."""
    operation: str = ""
    """Who is about to change the roles in `begun`, or was and did not end well."""
    begun: tuple[str, ...] = ()
    """Until the record is written anew, `steps` says nothing of these."""
    drained: bool = False
    """Whether Slipway took it out of service and has not let it in again."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that is there and cannot be read: what it holds is not known, and is not taken for nothing."""

    where: str
    """The object that holds it."""
    why: str
    hint: str


@dataclass(frozen=True, slots=True)
class Intent:
    """A step that was begun; left open, it says where a killed run stood."""

    operation: str
    step: str
    digest: str
    epoch: int = 0
    holder: str = ""
    time: str = ""
    parts: dict[str, str] = field(default_factory=dict)
    """Of a role: what it was to be brought to, part by part; empty: not known."""


@dataclass(frozen=True, slots=True)
class Lock:
    """Who may change a host. `left`: seconds until that ends when it was read, on the host's clock; 0: nobody may."""

    holder: str
    epoch: int
    left: float


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One object of the cluster that a module made."""

    api_version: str
    kind: str
    name: str
    namespace: str = ""
    uid: str = ""
    passing: bool = False
    """Whether it goes by itself once it is done: a Job with a time to live. That it is gone says nothing then."""


@dataclass(frozen=True, slots=True)
class SecretRecord:
    """A secret of a module that stands where the charts look for it."""

    entry: str
    namespace: str
    name: str
    version: str
    """The one that the module's pods have read."""
    rotation: int = 0
    """That of which its made keys are."""
    keys: tuple[str, ...] = ()
    made: bool = True
    """Whether Slipway made some of it, and keeps that."""


class ModulePhase(StrEnum):
    """How far the last run came with a module."""

    APPLYING = "Applying"
    HEALTHY = "Healthy"
    """It was, when that run ended; whether it is, its objects tell."""
    FAILED = "Failed"
    REMOVING = "Removing"


@dataclass(frozen=True, slots=True)
class GoodRevision:
    """A release as it was when its module was healthy last; without a digest: it never was."""

    revision: int = 0
    digest: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseRecord:
    """What is known of one release of a module."""

    namespace: str
    own_namespace: bool = False
    """Whether its namespace was made for it."""
    revision: int = 0
    digest: str = ""
    """Of what stands; empty from the moment an intent to change it is written until that is done."""
    good: GoodRevision = field(default_factory=GoodRevision)
    bytes: int = 0
    """Of Helm's Secret of the revision, where they are so many that somebody has to know."""

    @property
    def half_done(self) -> bool:
        """Whether a run began with it and did not come to its end."""
        return not self.digest


@dataclass(frozen=True, slots=True)
class UpgradeRecord:
    """An upgrade that has begun; the record of a module that is healthy has none."""

    since: str
    """The version that was healthy last."""
    until: str
    done: tuple[str, ...] = ()
    """Steps of its own that ended well: they are not run again."""
    step: str = ""
    """The one that was begun last."""
    objects: tuple[ObjectRef, ...] = ()
    """What that one makes, or has made."""


@dataclass(frozen=True, slots=True)
class ModuleDetails:
    """What the work on a module itself keeps."""

    releases: dict[str, ReleaseRecord] = field(default_factory=dict)
    """Those included that are wanted no more."""
    objects: dict[str, str] = field(default_factory=dict)
    """Object -> the release that it is of."""
    generations: dict[str, int] = field(default_factory=dict)
    """Workload -> its generation, by which edits are noticed."""
    waited: float = 0.0
    """Seconds for which a run that was stopped has waited for it to be healthy."""
    upgrade: UpgradeRecord | None = None


@dataclass(frozen=True, slots=True)
class ModuleRecord:
    """A module as last applied: ConfigMap `slipway-module-NAME`. `intent` is set while a run works on it."""

    name: str
    phase: ModulePhase
    digest: str = ""
    parts: dict[str, str] = field(default_factory=dict)
    version: str = ""
    chart_digest: str = ""
    revision: int = 0
    releases: tuple[str, ...] = ()
    objects: tuple[ObjectRef, ...] = ()
    intent: Intent | None = None
    message: str = ""
    time: str = ""
    owner: str = ""
    requires: tuple[str, ...] = ()
    secrets: tuple[SecretRecord, ...] = ()
    extra: ModuleDetails = field(default_factory=ModuleDetails)

    @property
    def stood(self) -> str:
        """The version that was healthy last; empty: none ever was."""
        if self.extra.upgrade:
            return self.extra.upgrade.since
        ever = any(one.good.digest for one in self.extra.releases.values())
        return self.version if ever or self.phase is ModulePhase.HEALTHY else ""

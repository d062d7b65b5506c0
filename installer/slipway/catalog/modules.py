"""A module as its folder describes it: data read from module.yaml, schema.yaml and the values templates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway.catalog.relations.succession import UpgradeFrom
from slipway.catalog.relations.terms import Capability, OptionalUse, Rival, VersionRange
from slipway.model.amounts import PodRequests
from slipway.model.modulehealth import Health, KindRule

if TYPE_CHECKING:
    from slipway.catalog.chartvalues.known import KnownValues
    from slipway.catalog.folder.lock import LockedChart, LockFile
    from slipway.catalog.folder.treefile import LockedTree
    from slipway.model.modulesecrets import SecretEntry


class Stage(StrEnum):
    """When a module comes: `network` before nodes are Ready, `platform` afterwards."""

    NETWORK = "network"
    PLATFORM = "platform"


class Group(StrEnum):
    """What a module is for: bundle profiles take modules by it, and lists show them together."""

    PLATFORM = "platform"
    NETWORK = "network"
    STORAGE = "storage"
    OBSERVABILITY = "observability"
    GPU = "gpu"
    SCHEDULING = "scheduling"
    TRAINING = "training"
    NOTEBOOKS = "notebooks"
    SERVING = "serving"
    WORKFLOWS = "workflows"
    DATA = "data"


@dataclass(frozen=True, slots=True)
class Requirement:
    """A capability or module that must be there; only when the settings in `when` have these values."""

    name: str
    when: Mapping[str, Any] = field(default_factory=dict)

    def applies(self, settings: Mapping[str, Any]) -> bool:
        """Whether these settings (with defaults) ask for it."""
        return holds(self.when, settings)


def holds(when: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Whether settings (with defaults) have these values; one that is a list has each value in it."""
    return all(_is(_at(settings, path), value) for path, value in when.items())


def condition_text(when: Mapping[str, Any]) -> str:
    """The settings and their values, for people."""
    return ", ".join(f"{path}: {_text(value)}" for path, value in when.items())


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) or '""'


def _is(found: Any, value: Any) -> bool:
    return bool(found == value or (isinstance(found, list | tuple) and value in found))


def _at(tree: Any, path: str) -> Any:
    for key in path.split("."):
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


class Wait(StrEnum):
    """What is waited for after a release, before the next one comes."""

    NOTHING = ""
    CRDS = "crds"
    """Kinds that the next one has objects of are served, whoever defines them."""
    READY = "ready"
    """All its objects are current, and its webhooks can answer."""


@dataclass(frozen=True, slots=True)
class Tree:
    """Files of which Slipway packs a chart: `path` of a Go module (MODULE@VERSION), or of a commit at a git server.

    `overlay` is a folder of the module that is laid over them. `charts` are what a chart there depends on and the tree
    has not, by name and in order; `without` names what it depends on by a condition that is off.
    """

    go_module: str
    git: str
    commit: str
    path: str
    overlay: str = ""
    charts: "tuple[tuple[str, Tree], ...]" = ()
    without: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """MODULE@VERSION of Go, or URL@COMMIT."""
        return self.go_module or f"{self.git}@{self.commit}"

    @property
    def places(self) -> tuple[tuple[str, str, str], ...]:
        """Of each of `charts`: name, origin, and path there."""
        return tuple((name, one.origin, one.path) for name, one in self.charts)


@dataclass(frozen=True, slots=True)
class Release:
    """One Helm release.

    `template` is the text of its values template; `chart_dir` is set for a chart of the module's own, `repository` and
    `version` for one that is fetched there, which `locked` says the digest of; `tree` and `version` for one that is
    packed of files, as `locked_tree` knows it.
    """

    name: str
    chart: str
    namespace: str
    create_namespace: bool = True
    template: str = ""
    chart_dir: Path | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    repository: str = ""
    version: str = ""
    locked: "LockedChart | None" = None
    tree: Tree | None = None
    locked_tree: "LockedTree | None" = None
    known: "KnownValues | None" = None
    """The values that its chart knows, as lock.yaml has them; None: nobody has looked."""
    wait: Wait = Wait.NOTHING

    @property
    def by_build(self) -> bool:
        """Whether build.yaml says where its chart is."""
        return not (self.chart_dir or self.repository or self.tree)


class Fate(StrEnum):
    """What becomes of something when its module is disabled."""

    RETAIN = "retain"
    DELETE = "delete"
    DELETE_IF_EMPTY = "delete-if-empty"
    """Of a namespace: where nothing of anybody is left in it."""


@dataclass(frozen=True, slots=True)
class Removal:
    """What disabling does to CRDs, data (claims) and the namespace."""

    crds: Fate = Fate.RETAIN
    data: Fate = Fate.RETAIN
    namespace: Fate = Fate.DELETE_IF_EMPTY


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What charts have where images stand, and nobody pulls: a word that a program replaces, an example, an option."""

    image: str
    reason: str


@dataclass(frozen=True, slots=True)
class Module:
    """A pluggable part of the platform.

    `images` are all that may run. Of these, `runtime_images` are started by its programs; no chart refers to them.
    Those of `image_conditions` run only where these settings have these values.
    """

    name: str
    version: str
    summary: str
    stage: Stage
    directory: Path
    digest: str
    group: Group = Group.PLATFORM
    provides: tuple[Capability, ...] = ()
    requires: tuple[Requirement, ...] = ()
    uses: tuple[OptionalUse, ...] = ()
    conflicts: tuple[Rival, ...] = ()
    kubernetes: VersionRange = field(default_factory=VersionRange)
    releases: tuple[Release, ...] = ()
    images: tuple[str, ...] = ()
    runtime_images: tuple[str, ...] = ()
    image_conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    acknowledged: tuple[Acknowledged, ...] = ()
    health: Health = field(default_factory=Health)
    kinds: tuple[KindRule, ...] = ()
    """What the status of its custom resources means, in whichever module there are some."""
    removal: Removal = field(default_factory=Removal)
    upgrades: tuple[UpgradeFrom, ...] = ()
    resources: tuple[PodRequests, ...] = ()
    schema: Mapping[str, Any] = field(default_factory=dict)
    lock: "LockFile | None" = None
    """What was read of its charts and images at their sources; None: nobody has looked, or had to."""
    secrets: "tuple[SecretEntry, ...]" = ()

    def images_with(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Of its images those that these settings (with defaults) ask for."""
        return tuple(image for image in self.images if holds(self.image_conditions.get(image, {}), settings))

    @property
    def images_always(self) -> tuple[str, ...]:
        """Of its images those that no settings spare a bundle."""
        return tuple(image for image in self.images if image not in self.image_conditions)

    @property
    def unread(self) -> tuple[str, ...]:
        """Of its images those of which its lock has no digest."""
        return tuple(image for image in self.images if not (self.lock and self.lock.image(image)))

    @property
    def names(self) -> frozenset[str]:
        """What others may call it by: its own name, and those of its capabilities."""
        return frozenset({self.name, *(one.name for one in self.provides)})

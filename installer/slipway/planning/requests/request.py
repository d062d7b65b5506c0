"""What a module's step asks for: made by planning, carried through a playbook, carried out in the cluster."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from slipway.catalog.modules import Removal, Stage, Wait
from slipway.model.modulehealth import Health
from slipway.model.modulesecrets import SecretRequest
from slipway.model.plan import Action
from slipway.model.record import ObjectRef


@dataclass(frozen=True, slots=True)
class ChartRef:
    """A chart of the bundle."""

    name: str
    digest: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """One release of a module."""

    name: str
    namespace: str
    chart: ChartRef
    values: Mapping[str, Any] = field(default_factory=dict)
    create_namespace: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)
    """Of its namespace."""
    wait: Wait = Wait.NOTHING
    """Before the next one of the module comes."""


@dataclass(frozen=True, slots=True)
class UpgradeStepRequest:
    """What an upgrade does besides: these objects, in their order, until all are current; `timeout` in seconds."""

    name: str
    objects: tuple[Mapping[str, Any], ...]
    timeout: int
    kept: bool = False
    """Whether what it made stays when it has ended, by names that nothing else has."""


@dataclass(frozen=True, slots=True)
class UpgradeRequest:
    """What the way from the version that stands to the one that is wanted takes."""

    before: tuple[UpgradeStepRequest, ...] = ()
    after: tuple[UpgradeStepRequest, ...] = ()
    no_way_back: str = ""


@dataclass(frozen=True, slots=True)
class ModuleRequest:
    """All that a module is made of, the inputs of its step's digest; and the way there, which is none of them."""

    name: str
    version: str
    releases: tuple[ReleaseRequest, ...]
    health: Health = field(default_factory=Health)
    removal: Removal = field(default_factory=Removal)
    stage: Stage = Stage.PLATFORM
    settings: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    """Of the user, as the ClusterConfiguration has them."""
    requires: tuple[str, ...] = ()
    owner: str = ""
    """NAMESPACE/NAME of its ClusterConfiguration."""
    module_secrets: Mapping[str, SecretRequest] = field(default_factory=dict)
    upgrade: UpgradeRequest | None = None


@dataclass(frozen=True, slots=True)
class RemovalRequest:
    """What becomes of a module that is wanted no more."""

    name: str
    removal: Removal = field(default_factory=Removal)
    owner: str = ""
    destroys: tuple[ObjectRef, ...] = ()
    """What cannot be made again and somebody agreed to lose; nothing else of that kind is deleted."""


@dataclass(frozen=True, slots=True)
class ModuleTurn:
    """A module's place in one run."""

    request: ModuleRequest | RemovalRequest
    step: str
    digest: str
    parts: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    """Steps of this run that have to end well before."""

    @property
    def action(self) -> Action:
        """What the step does."""
        return Action.REMOVE if isinstance(self.request, RemovalRequest) else Action.APPLY

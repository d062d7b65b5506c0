"""module.yaml as it is written: closed and typed, so that a misspelt word is a finding and never passed over."""

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

from slipway.catalog.folder.infolder import InFolder
from slipway.catalog.folder.relationentries import Capabilities, Conflicts, Range, Uses, named
from slipway.catalog.folder.resourceentries import Resources
from slipway.catalog.folder.treefile import TreeEntry
from slipway.catalog.folder.upgradeentries import Upgrades
from slipway.catalog.modules import Fate, Group, Removal, Requirement
from slipway.model.fields import Model, Name
from slipway.model.modulehealth import Health, HealthRule, KindRule
from slipway.model.modulesecrets import SecretEntry

#: Of charts: https, or loopback for a test; or a registry.
REPOSITORY = r"^(https|oci|http)://[^\s@?#]+$"
#: Helm refuses a longer one, when it is installed.
RELEASE_NAME_LENGTH: Final = 53
ReleaseName = Annotated[Name, Field(max_length=RELEASE_NAME_LENGTH)]
Line = Annotated[str, Field(min_length=1)]


class RequirementEntry(Model):
    """A capability or module; only with the settings in `when`."""

    name: Name
    when: dict[str, Any] = Field(default_factory=dict)

    def required(self) -> Requirement:
        """As the catalog has it."""
        return Requirement(self.name, self.when)


class ImageEntry(Model):
    """One that may run; only with the settings in `when`."""

    image: Line
    when: dict[str, Any] = Field(default_factory=dict)


def imaged(value: Any) -> Any:
    """An image alone stands for one without conditions."""
    return {"image": value} if isinstance(value, str) else value


Images = tuple[Annotated[ImageEntry, BeforeValidator(imaged)], ...]


class AcknowledgedEntry(Model):
    """What looks like an image and is none that runs; `reason` is for whoever takes the next version of the chart."""

    image: Line
    reason: Annotated[str, Field(min_length=10)]


class ReleaseEntry(Model):
    """One Helm release, in the order in which they are installed.

    Its chart is in the module's folder (`chart_dir`), or in a Go module by build.yaml, or at a `repository` with a
    `version`, as lock.yaml has read it there; or it is packed, under a `version`, of a `tree` of files.
    """

    name: ReleaseName
    chart: Line
    chart_dir: InFolder = ""
    repository: Annotated[str, Field(pattern=REPOSITORY)] = ""
    version: str = ""
    tree: TreeEntry | None = None
    namespace: Name
    create_namespace: bool = True
    values: InFolder = ""
    labels: dict[str, str] = Field(default_factory=dict)
    wait: Literal["", "crds", "ready"] = ""


class HealthEntry(Model):
    """`timeout` in seconds; `rules` of objects, and what is declared of `kinds` for all modules."""

    timeout: Annotated[int, Field(ge=1, strict=True)] = 300
    rules: tuple[HealthRule, ...] = ()
    kinds: tuple[KindRule, ...] = ()

    def health(self) -> Health:
        """As the module itself has it."""
        return Health(timeout=self.timeout, rules=self.rules)


class RemovalEntry(Model):
    """What disabling does."""

    crds: Literal["retain", "delete"] = "retain"
    data: Literal["retain", "delete"] = "retain"
    namespace: Literal["retain", "delete-if-empty"] = "delete-if-empty"

    def policy(self) -> Removal:
        """As the catalog has it."""
        return Removal(Fate(self.crds), Fate(self.data), Fate(self.namespace))


class ModuleFile(Model):
    """The whole file."""

    name: Name
    version: Line
    summary: Line
    group: Group = Group.PLATFORM
    stage: Literal["network", "platform"] = "platform"
    kubernetes: Range | None = None
    provides: Capabilities = ()
    requires: tuple[Annotated[RequirementEntry, BeforeValidator(named)], ...] = ()
    uses: Uses = ()
    conflicts: Conflicts = ()
    releases: tuple[ReleaseEntry, ...] = ()
    images: Images = ()
    runtime_images: Images = ()
    acknowledged_images: tuple[AcknowledgedEntry, ...] = ()
    health: HealthEntry = HealthEntry()
    removal: RemovalEntry = RemovalEntry()
    upgrades: Upgrades = ()
    resources: Resources = ()
    secrets: tuple[SecretEntry, ...] = ()

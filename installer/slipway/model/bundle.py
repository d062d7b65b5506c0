"""The manifest of a bundle: every artifact an offline site needs, each with its size and sha256."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from slipway.model.platforms import ALL, AMD64, BY_NAME, Platform

#: Format of bundle.yaml. A newer one is refused.
BUNDLE_FORMAT = 1


class ArtifactKind(StrEnum):
    """What an artifact is."""

    IMAGE = "image"
    CHART = "chart"
    MODULE = "module"
    BINARY = "binary"
    PACKAGES = "packages"
    CATALOG = "catalog"
    WHEEL = "wheel"
    INSTALLER = "installer"
    SBOM = "sbom"
    VULNERABILITIES = "vulnerabilities"


def chart_name(module: str, chart: str) -> str:
    """What a bundle calls a module's chart: two modules may have charts of one name. No module has a dot in its own."""
    return f"{module}.{chart}"


class ImageOrigin(StrEnum):
    """Where images or files come from: their publishers, builds from source, or publishers for all that is locked."""

    OFFICIAL = "official"
    BUILD = "build"
    AUTO = "auto"


class Profile(StrEnum):
    """Modules of a bundle besides those enabled: none, a few that most sites want, those for a purpose, all."""

    MINIMAL = "minimal"
    BASE = "base"
    OBSERVABILITY = "observability"
    GPU = "gpu"
    TRAINING = "training"
    SERVING = "serving"
    AI = "ai"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One item.

    `name` is an image's original name without tag (`registry.k8s.io/kube-apiserver`) or a plain name (`kubelet`,
    `debian-12`; of a module's chart `MODULE.CHART`). `version` of an image that has no tag is its digest. `digest` is
    `sha256:...`: of the OCI manifest for an image, of the file else. `path` is relative to the bundle. `platform` of
    an image for several has all of them, with commas, or is `all` where an index was taken as it was; what is the
    same everywhere, as a chart, is of linux/amd64. `contents` names what is truly inside where that differs from the
    name. `licence` is an SPDX expression, empty where it is not known. `unread`: an image that no lock had; which
    digest its tag meant was read by the build itself.
    """

    kind: ArtifactKind
    name: str
    version: str
    digest: str
    size: int
    path: str = ""
    platform: str = AMD64.name
    origin: str = ""
    contents: str = ""
    licence: str = ""
    unread: bool = False

    @property
    def reference(self) -> str:
        """`name:tag`: an image's upstream reference, or the artifact's handle; `name@sha256:...` without a tag."""
        return f"{self.name}{'@' if self.version.startswith('sha256:') else ':'}{self.tag}"

    @property
    def tag(self) -> str:
        """In the site registry: the version, with the architecture of a file that is not for linux/amd64."""
        platform = None if self.kind is ArtifactKind.IMAGE else BY_NAME.get(self.platform)
        return f"{self.version}{platform.suffix}" if platform else self.version

    def serves(self, platform: Platform) -> bool:
        """Whether hosts of a platform can use it, as far as the manifest says."""
        return self.platform == ALL or platform.name in self.platform.split(",")

    @property
    def repository(self) -> str:
        """Repository in the site registry: images keep their original name, all else is under slipway/."""
        return self.name if self.kind is ArtifactKind.IMAGE else f"slipway/{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class BundleManifest:
    """bundle.yaml: `digest` is the sha256 of its canonical text.

    `kubernetes`: the versions that it is for, those of an upgrade in its order.
    """

    name: str
    digest: str
    catalog: str
    slipway: str
    artifacts: tuple[Artifact, ...] = field(default=())
    kubernetes: tuple[str, ...] = ()
    binaries: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Versions of programs that their names alone mean; in no file."""
    beside: tuple[Artifact, ...] = field(default=(), compare=False)
    """What modules of the site's own bring, in the same registry; in no file, and no matter of hosts."""

    def of_release(self, binaries: Mapping[str, str]) -> "BundleManifest":
        """The same, in which names of programs mean the versions of one Kubernetes release."""
        return replace(self, binaries=binaries)

    @property
    def there(self) -> tuple[Artifact, ...]:
        """All that modules can have."""
        return (*self.artifacts, *self.beside)

    def find(
        self, kind: ArtifactKind, name: str, version: str = "", platform: Platform = AMD64
    ) -> Artifact | None:
        """The artifact of that name for a platform, or None. What is the same everywhere is asked for without one."""
        if kind is ArtifactKind.BINARY and not version:
            version = self.binaries.get(name, "")
        named = (a for a in self.there if a.kind is kind and a.name == name and a.serves(platform))
        return next((a for a in named if version in {"", a.version}), None)

    def chart(self, module: str, chart: str) -> Artifact | None:
        """A module's chart, or None. Bundles of former releases have it by the chart's name alone."""
        names = (chart_name(module, chart), chart)
        return next((found for name in names if (found := self.find(ArtifactKind.CHART, name))), None)

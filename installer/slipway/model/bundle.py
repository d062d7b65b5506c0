"""The manifest of a bundle: every artifact an offline site needs, each with its size and sha256."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

#: Format of bundle.yaml. A newer one is refused.
BUNDLE_FORMAT = 1


class ArtifactKind(StrEnum):
    """What an artifact is."""

    IMAGE = "image"
    CHART = "chart"
    BINARY = "binary"
    PACKAGES = "packages"
    CATALOG = "catalog"
    WHEEL = "wheel"
    INSTALLER = "installer"


class ImageOrigin(StrEnum):
    """Where images or files come from: their publishers, builds from source, or publishers for all that is locked."""

    OFFICIAL = "official"
    BUILD = "build"
    AUTO = "auto"


class Profile(StrEnum):
    """Modules of a bundle: all of the catalog, an AI platform's besides those enabled, or those enabled alone."""

    FULL = "full"
    AI = "ai"
    MINIMAL = "minimal"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One item.

    `name` is an image's original name without tag (`registry.k8s.io/kube-apiserver`) or a plain name
    (`kubelet`, `metrics-server`, `debian-12`). `version` of an image that has no tag is its digest. `digest` is
    `sha256:...`: of the OCI manifest for an image, of the file else. `path` is relative to the bundle. `contents`
    names what is truly inside where that differs from the name. `licence` is an SPDX expression, empty where it is
    not known.
    """

    kind: ArtifactKind
    name: str
    version: str
    digest: str
    size: int
    path: str = ""
    platform: str = "linux/amd64"
    origin: str = ""
    contents: str = ""
    licence: str = ""

    @property
    def reference(self) -> str:
        """`name:version`: an image's upstream reference, or the artifact's handle; `name@sha256:...` without a tag."""
        return f"{self.name}{'@' if self.version.startswith('sha256:') else ':'}{self.version}"

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

    def of_release(self, binaries: Mapping[str, str]) -> "BundleManifest":
        """The same, in which names of programs mean the versions of one Kubernetes release."""
        return replace(self, binaries=binaries)

    def find(self, kind: ArtifactKind, name: str, version: str = "") -> Artifact | None:
        """The artifact of that name, or None."""
        if kind is ArtifactKind.BINARY and not version:
            version = self.binaries.get(name, "")
        return next(
            (a for a in self.artifacts if a.kind is kind and a.name == name and version in {"", a.version}),
            None,
        )

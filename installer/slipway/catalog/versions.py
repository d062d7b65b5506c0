"""images/versions.yaml and offline/packages.yaml as typed data: what is pinned, from where, and what is made of it.

`load()` reads and checks both files; bundle builds from the result, planning and modules look versions up in it.
Nothing here fetches or builds anything.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import ValidationError, model_validator

from slipway import yamltext
from slipway.catalog.pins import (
    Binary,
    Chart,
    Image,
    KubernetesRelease,
    Layer,
    Pinned,
    Publisher,
    SourcePin,
    System,
    Toolchain,
)
from slipway.errors import BundleError, Finding
from slipway.model.platforms import AMD64, Platform
from slipway.settings import data_dir

#: Slipway's own image: its tag is the version of this program, so versions.yaml names it without one.
OWN_IMAGE = "ghcr.io/slipway-dev/slipway"

T = TypeVar("T")


class Packages(Pinned):
    """offline/packages.yaml."""

    format: Literal[1]
    packages: tuple[str, ...]
    systems: tuple[System, ...]

    def system(self, name: str) -> System:
        """The system of that name."""
        return _find(self.systems, "name", name, "operating system")


class Versions(Pinned):
    """images/versions.yaml, and offline/packages.yaml under `packages`."""

    format: Literal[1]
    kubernetes: str
    """The Kubernetes version of a ClusterConfiguration that nobody has decided about."""
    go: Toolchain
    sources: tuple[SourcePin, ...]
    layers: tuple[Layer, ...]
    images: tuple[Image, ...]
    binaries: tuple[Binary, ...]
    charts: tuple[Chart, ...] = ()
    """Those of modules, once a catalog has read these."""
    publishers: tuple[Publisher, ...] = ()
    """Of binaries, by whose checksums `bundle lock --programs` locks them."""
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
        return type(found).model_validate_json(platform.words(found.model_dump_json(by_alias=True)))

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

    def publisher(self, name: str) -> Publisher | None:
        """Who serves a binary; None: nobody that is known."""
        return next((one for one in self.publishers if name in one.names), None)

    def programs(self, kubernetes: Iterable[str]) -> list[tuple[str, str]]:
        """Name and version of each binary of these Kubernetes versions, once."""
        return sorted({item for version in kubernetes for item in self.release(version).binaries.items()})

    def release(self, kubernetes: str) -> KubernetesRelease:
        """What the Kubernetes version consists of."""
        return _find(self.releases, "kubernetes", kubernetes, "Kubernetes version")

    def images_of(self, kubernetes: Iterable[str]) -> set[str]:
        """Kubernetes' own images of these versions."""
        return {image for version in kubernetes for image in self.release(version).images}

    def dangling(self) -> Iterator[str]:
        """What names a source or layer that is not there."""
        return _references(self)

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
            where="images/versions.yaml, modules/*/build.yaml",
            hint=f"pinned are: {', '.join(sorted(known)) or 'none'}",
        )
    return known[wanted]


def _problems(versions: Versions) -> Iterator[str]:
    yield from _order("sources", [source.name for source in versions.sources])
    yield from _order("layers", [layer.name for layer in versions.layers])
    yield from _order("images", [image.reference for image in versions.images])
    yield from _order("binaries", [f"{binary.name} {binary.version}" for binary in versions.binaries])
    yield from _order("publishers", [publisher.names[0] for publisher in versions.publishers])
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
    published = {binary.name for binary in versions.binaries if binary.published}
    served = [name for publisher in versions.publishers for name in publisher.names]
    yield from (f"publishers: no published binary {name}" for name in served if name not in published)
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

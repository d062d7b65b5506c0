"""lock.yaml of a module: what `slipway catalog lock` read of charts and images where they are, and saw in them."""

from typing import Annotated, Literal

from pydantic import Field

from slipway.catalog.chartvalues.known import KnownValues
from slipway.catalog.folder.modulefile import Line
from slipway.catalog.folder.treefile import LockedTree, SubChart
from slipway.catalog.modules import Module, Tree
from slipway.model.fields import Model

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
ManifestDigest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class LockedChart(Model):
    """A chart as its repository offers it: the digest of what `url` serves, and the page that says so."""

    name: Line
    version: Line
    repository: Line
    url: Line
    sha256: Sha256
    source: Line
    read: Line
    """Day of it, as 2026-11-30."""
    subcharts: tuple[SubChart, ...] = ()


class LockedImage(Model):
    """What an image's tag meant at its registry.

    `tagged` is what it named: an index where there are several platforms.
    """

    image: Line
    tagged: ManifestDigest
    source: Line
    read: Line
    """Day of it."""
    platforms: Annotated[dict[str, ManifestDigest], Field(min_length=1)]
    """The manifest for each platform, as linux/amd64."""


class LockedValues(Model):
    """The values that a chart knows: keys of its closed maps and further words, by their place, each in one line."""

    chart: Line
    maps: dict[str, str]
    words: dict[str, str]

    @classmethod
    def of(cls, chart: str, known: KnownValues) -> "LockedValues":
        """As it is written."""
        maps = {path: " ".join(sorted(found)) for path, found in sorted(known.maps.items())}
        words = {path: " ".join(sorted(found)) for path, found in sorted(known.words.items())}
        return cls(chart=chart, maps=maps, words=words)

    def known(self) -> KnownValues:
        """As it is compared."""
        maps = {path: frozenset(line.split()) for path, line in self.maps.items()}
        words = {path: frozenset(line.split()) for path, line in self.words.items()}
        return KnownValues(maps, words)


class LockFile(Model):
    """The file. Images and definitions are those of all settings that the module's tests accept."""

    format: Literal[1] = 1
    charts: tuple[LockedChart, ...] = ()
    trees: tuple[LockedTree, ...] = ()
    images: tuple[str, ...] = ()
    mentioned: tuple[str, ...] = ()
    """What text in them names besides."""
    crds: tuple[str, ...] = ()
    values: tuple[LockedValues, ...] = ()
    digests: tuple[LockedImage, ...] = ()
    """Of images, where a registry was read. One that is not here is unread: whoever builds a bundle reads it."""

    @property
    def of_charts(self) -> bool:
        """Whether charts were looked at, so that images, definitions and values are what they have."""
        return bool(self.charts or self.trees)

    def image(self, reference: str) -> LockedImage | None:
        """What was read of an image; None: it is unread."""
        return next((one for one in self.digests if one.image == reference), None)

    def known(self, chart: str) -> KnownValues | None:
        """The values that a chart knows; None: nobody has looked."""
        return next((one.known() for one in self.values if one.chart == chart), None)

    def undeclared(self, module: Module) -> list[str]:
        """Images to which its charts refer, and that no list of module.yaml has."""
        return sorted({*self.images} - {*module.images, *(one.image for one in module.acknowledged)})

    def chart(self, repository: str, name: str, version: str) -> LockedChart | None:
        """The entry of what a release names."""
        wanted = (repository, name, version)
        return next((one for one in self.charts if (one.repository, one.name, one.version) == wanted), None)

    def tree(self, tree: Tree, name: str, version: str) -> LockedTree | None:
        """The entry of what a release has packed of a tree."""
        wanted = (tree.origin, tree.path, name, version, tree.places, tree.without)
        return next((one for one in self.trees if one.named == wanted), None)

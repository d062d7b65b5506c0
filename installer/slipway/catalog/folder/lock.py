"""lock.yaml of a module: what `slipway catalog lock` read of charts where they are, and saw in them."""

from typing import Annotated, Literal

from pydantic import Field

from slipway.catalog.folder.modulefile import Line
from slipway.catalog.folder.treefile import LockedTree, SubChart
from slipway.catalog.modules import Tree
from slipway.model.fields import Model

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


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


class LockFile(Model):
    """The file. Images and definitions are those of all settings that the module's tests accept."""

    format: Literal[1] = 1
    charts: tuple[LockedChart, ...] = ()
    trees: tuple[LockedTree, ...] = ()
    images: tuple[str, ...] = ()
    mentioned: tuple[str, ...] = ()
    """What text in them names besides."""
    crds: tuple[str, ...] = ()

    def chart(self, repository: str, name: str, version: str) -> LockedChart | None:
        """The entry of what a release names."""
        wanted = (repository, name, version)
        return next((one for one in self.charts if (one.repository, one.name, one.version) == wanted), None)

    def tree(self, tree: Tree, name: str, version: str) -> LockedTree | None:
        """The entry of what a release has packed of a tree."""
        wanted = (tree.origin, tree.path, name, version)
        return next(
            (one for one in self.trees if (one.origin, one.path, one.name, one.version) == wanted), None
        )

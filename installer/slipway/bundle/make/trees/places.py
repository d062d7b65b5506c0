"""Where in fetched trees a release's chart is, and the charts that it depends on and its own tree has not."""

import io
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.charts import CHART, CHART_LIMIT
from slipway.bundle.make.trees.charts import ChartPlace
from slipway.bundle.make.trees.fetched import FetchedTree, fetched_tree
from slipway.catalog.modules import Tree
from slipway.catalog.versions import Versions
from slipway.errors import BundleError
from slipway.smallfiles import bytes_of

_PACKED: Final = (".tgz", ".tar.gz")


@dataclass(slots=True)
class Trees:
    """Fetched trees by their origin, each once, for as long as a chart is packed of them."""

    versions: Versions
    workshop: Workshop
    stack: ExitStack
    fetched: dict[str, FetchedTree] = field(default_factory=dict)

    def of(self, tree: Tree) -> FetchedTree:
        """The files of its origin."""
        if tree.origin not in self.fetched:
            made = fetched_tree(tree, self.versions, self.workshop)
            self.fetched[tree.origin] = self.stack.enter_context(made)
        return self.fetched[tree.origin]

    def place(self, tree: Tree) -> ChartPlace:
        """What is at its path: a packed chart as the directory in it.

        Raises:
            BundleError: nothing is, or it leads out of the tree, or it is a packed chart that cannot be read.
        """
        root = self.of(tree).root
        place = root / tree.path
        if not place.resolve().is_relative_to(root.resolve()) or not place.exists():
            raise BundleError(f"the tree has no {tree.path}", where=tree.origin)
        if place.is_file() and place.name.endswith(_PACKED):
            unpacked = self.stack.enter_context(_unpacked(place, f"{tree.path} of {tree.origin}"))
            return ChartPlace(unpacked, unpacked)
        return ChartPlace(place, root)

    def charts(self, tree: Tree) -> dict[str, ChartPlace]:
        """Of what the release puts below its chart, by name."""
        return {name: self.place(one) for name, one in tree.charts}


@contextmanager
def trees(versions: Versions, workshop: Workshop) -> Iterator[Trees]:
    """None fetched yet."""
    with ExitStack() as stack:
        yield Trees(versions, workshop, stack)


@contextmanager
def _unpacked(archive: Path, label: str) -> Iterator[Path]:
    """The one directory in it."""
    with tempfile.TemporaryDirectory() as work:
        try:
            _extract(bytes_of(archive, CHART_LIMIT), Path(work))
            (chart,) = [one for one in Path(work).iterdir() if (one / CHART).is_file()]
        except (OSError, EOFError, ValueError, tarfile.TarError) as exc:
            why = f"{type(exc).__name__}: {exc}"
            raise BundleError("this is no packed chart", where=label, why=why) from exc
        yield chart


def _extract(data: bytes, directory: Path) -> None:
    """Its files, as long as they are below it and no more than Helm would take; links and the like are left."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
        total = 0
        for member in tar:
            total += member.size
            place = directory / member.name
            if total > CHART_LIMIT:
                raise ValueError(f"it is larger than {CHART_LIMIT >> 20} MiB")
            if ".." in place.parts or not place.is_relative_to(directory):
                raise ValueError(f"{member.name} leads out of it")
            if file := tar.extractfile(member) if member.isfile() else None:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(file.read())

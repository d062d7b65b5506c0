"""A tree of files by what names it once and for all: a Go module's version, which Go vouches for, or a commit."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make import commits
from slipway.bundle.make.sources.go import GoSource
from slipway.catalog.modules import Tree
from slipway.catalog.versions import Versions
from slipway.model.platforms import AMD64


@dataclass(frozen=True, slots=True)
class FetchedTree:
    """`sum`: Go's sum of the module, or the commit."""

    root: Path
    sum: str


@contextmanager
def fetched_tree(tree: Tree, versions: Versions, workshop: Workshop) -> Iterator[FetchedTree]:
    """The tree's files, for as long as they are looked at.

    Raises:
        BundleError: it is not there, or cannot be fetched.
    """
    if tree.go_module:
        answer = GoSource(versions, workshop, AMD64).download(*tree.go_module.split("@"))
        yield FetchedTree(Path(answer["Dir"]), answer["Sum"])
        return
    below = [one.path for _, one in tree.charts if one.origin == tree.origin]
    with commits.committed(_commit(tree), workshop, (tree.path, *below)) as root:
        yield FetchedTree(root, tree.commit)


def has_commit(tree: Tree, workshop: Workshop) -> bool:
    """Whether a commit is here already."""
    return commits.has_commit(_commit(tree), workshop)


def _commit(tree: Tree) -> commits.Commit:
    return commits.Commit(tree.git, tree.commit)

"""A tree of files by what names it once and for all: a Go module's version, which Go vouches for, or a commit."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slipway.bundle.ground.disk import private_directory
from slipway.bundle.ground.workshop import Workshop, locked
from slipway.bundle.make.programs import output_of
from slipway.bundle.make.sources.go import GoSource
from slipway.catalog.modules import Tree
from slipway.catalog.versions import Versions
from slipway.errors import BundleError
from slipway.model.platforms import AMD64

#: Nobody is asked for a password, and no hook or filter of a repository runs.
_QUIET: Final = {"GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1"}
_SETTINGS: Final = ("core.hooksPath=/dev/null", "core.autocrlf=false", "core.symlinks=true")


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
    repository = _repository(tree, workshop)
    with tempfile.TemporaryDirectory(dir=private_directory(workshop.root / "trees")) as work:
        root = Path(work) / "tree"
        root.mkdir()
        here = {"GIT_INDEX_FILE": str(Path(work) / "index"), "GIT_WORK_TREE": str(root)}
        try:
            _git(repository, "read-tree", tree.commit, **here)
            _git(repository, "checkout-index", "--all", **here)
        except BundleError:  # a repository that somebody fetched may lack what no chart needs
            _refill(repository, tree, root, here)
        yield FetchedTree(root, tree.commit)


def _refill(repository: Path, tree: Tree, root: Path, here: Mapping[str, str]) -> None:
    """Of a commit that is not here as a whole: the places that the release names, each whole in itself.

    Raises:
        BundleError: one of them is not.
    """
    below = [one.path for _, one in tree.charts if one.origin == tree.origin]
    shutil.rmtree(root)
    root.mkdir()
    _git(repository, "checkout", "--quiet", tree.commit, "--", tree.path, *below, **here)
    if loose := sorted(
        str(one.relative_to(root)) for one in root.rglob("*") if one.is_symlink() and not one.exists()
    ):
        what = f"{loose[0]} leads to what the repository has not"
        raise BundleError(what, where=f"{tree.origin}", hint="fetch the whole commit")


def has_commit(tree: Tree, workshop: Workshop) -> bool:
    """Whether a commit is here already."""
    own = _own(tree, workshop)
    return _given(tree, workshop) is not None or (own.is_dir() and _has(own, tree.commit))


def _given(tree: Tree, workshop: Workshop) -> Path | None:
    """A repository with the commit that somebody fetched."""
    given = sorted(workshop.trees.iterdir()) if workshop.trees and workshop.trees.is_dir() else []
    return next((place for place in given if place.is_dir() and _has(place, tree.commit)), None)


def _own(tree: Tree, workshop: Workshop) -> Path:
    return workshop.root / "trees" / f"{tree.git.rpartition('/')[2].removesuffix('.git')}.git"


def _repository(tree: Tree, workshop: Workshop) -> Path:
    """A repository that has the commit: one that somebody fetched, or our own, fetched now if it has not."""
    if given := _given(tree, workshop):
        return given
    kept = private_directory(workshop.root / "trees")
    place = _own(tree, workshop)
    with locked(kept / f".{place.name}.lock"):
        if not place.is_dir():
            _git(kept, "init", "--quiet", "--bare", str(place))
        if not _has(place, tree.commit):
            _fetch(tree, place)
    return place


def _fetch(tree: Tree, place: Path) -> None:
    """The commit alone, without what came before it."""
    try:
        _git(place, "fetch", "--quiet", "--no-tags", "--depth", "1", tree.git, tree.commit)
    except BundleError as error:
        error.what = f"commit {tree.commit} cannot be fetched"
        error.where = tree.git
        error.hint = "give a directory of repositories that were fetched elsewhere: --trees-dir DIR"
        raise


def _has(repository: Path, commit: str) -> bool:
    try:
        _git(repository, "cat-file", "-e", f"{commit}^{{tree}}")
    except BundleError:
        return False
    return True


def _git(repository: Path, *words: str, **env: str) -> str:
    settings = (f"safe.directory={os.path.realpath(repository)}", *_SETTINGS)
    said = [word for setting in settings for word in ("-c", setting)]
    return output_of(["git", *said, "-C", str(repository), *words], env=_QUIET | env)

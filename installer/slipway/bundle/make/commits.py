"""The files of a commit of a git repository: of one that somebody fetched, or of its server, without history."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from slipway.bundle.ground.disk import private_directory
from slipway.bundle.ground.workshop import Workshop, locked
from slipway.bundle.make.programs import output_of
from slipway.errors import BundleError

#: Nobody is asked for a password, and no hook or filter of a repository runs.
_QUIET: Final = {"GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1"}
_SETTINGS: Final = ("core.hooksPath=/dev/null", "core.autocrlf=false", "core.symlinks=true")


class Commit(NamedTuple):
    """One of the repository at a URL."""

    git: str
    commit: str


@contextmanager
def committed(tree: Commit, workshop: Workshop, places: Sequence[str] = ()) -> Iterator[Path]:
    """Its files, for as long as they are looked at; of a commit that is here in part at least those of `places`.

    Raises:
        BundleError: it is not there, or cannot be fetched.
    """
    repository = _repository(tree, workshop)
    with tempfile.TemporaryDirectory(dir=private_directory(workshop.root / "trees")) as work:
        root = Path(work) / "tree"
        root.mkdir()
        here = {"GIT_INDEX_FILE": str(Path(work) / "index"), "GIT_WORK_TREE": str(root)}
        try:
            _git(repository, "read-tree", tree.commit, **here)
            _git(repository, "checkout-index", "--all", **here)
        except BundleError:  # a repository that somebody fetched may lack what nobody here needs
            if not places:
                raise
            shutil.rmtree(root)
            root.mkdir()
            _refill(repository, tree, root, (places, here))
        yield root


def _refill(
    repository: Path, tree: Commit, root: Path, wanted: tuple[Sequence[str], Mapping[str, str]]
) -> None:
    """Of a commit that is not here as a whole: these places, each whole in itself.

    Raises:
        BundleError: one of them is not.
    """
    places, here = wanted
    _git(repository, "checkout", "--quiet", tree.commit, "--", *places, **here)
    if loose := sorted(
        str(one.relative_to(root)) for one in root.rglob("*") if one.is_symlink() and not one.exists()
    ):
        what = f"{loose[0]} leads to what the repository has not"
        raise BundleError(what, where=f"{tree.git}@{tree.commit}", hint="fetch the whole commit")


def has_commit(tree: Commit, workshop: Workshop) -> bool:
    """Whether a commit is here already."""
    own = _own(tree, workshop)
    return _given(tree, workshop) is not None or (own.is_dir() and _has(own, tree.commit))


def _given(tree: Commit, workshop: Workshop) -> Path | None:
    """A repository with the commit that somebody fetched."""
    given = sorted(workshop.trees.iterdir()) if workshop.trees and workshop.trees.is_dir() else []
    return next((place for place in given if place.is_dir() and _has(place, tree.commit)), None)


def _own(tree: Commit, workshop: Workshop) -> Path:
    return workshop.root / "trees" / f"{tree.git.rpartition('/')[2].removesuffix('.git')}.git"


def _repository(tree: Commit, workshop: Workshop) -> Path:
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


def _fetch(tree: Commit, place: Path) -> None:
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

"""Files of artifacts on this machine, kept by their digests where nobody else writes."""

import os
from collections.abc import Callable
from pathlib import Path

from slipway.bundle.ground.archive import file_digest
from slipway.bundle.ground.disk import guarded, private_directory
from slipway.bundle.ground.workshop import locked
from slipway.model.bundle import Artifact, ArtifactKind


class FileCache:
    """Below one directory that is this user's alone; each file is hashed once per process."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, artifact: Artifact, fetch: Callable[[Path], None]) -> Path:
        """The artifact's file; where it is not there, `fetch` makes it: complete and checked, or not at all.

        Raises:
            BundleError: others may write where it is kept, or the disk fails.
        """
        folder = private_directory(self.root) / artifact.digest.replace(":", "-")
        target = folder / (artifact.path.rpartition("/")[2] or artifact.name)
        if _is_whole(target, artifact):
            return target
        with guarded(folder):
            folder.mkdir(exist_ok=True)
            with locked(folder / ".lock"):
                if not _is_whole(target, artifact):
                    fetch(target)
                    _made_usable(target, artifact)
        return target


def _is_whole(path: Path, artifact: Artifact) -> bool:
    """Whether a file of the cache is the artifact still, and can be used: hashed again where it was written since."""
    if not path.is_file():
        return False
    if _usable.get(path) != _mark(path, artifact):
        if path.stat().st_size != artifact.size or file_digest(path) != artifact.digest:
            return False
        _made_usable(path, artifact)
    return True


def _made_usable(path: Path, artifact: Artifact) -> None:
    """A kill may have come between a program's arrival and this."""
    if artifact.kind is ArtifactKind.BINARY and not os.access(path, os.X_OK):
        path.chmod(0o755)
    _usable[path] = _mark(path, artifact)


def _mark(path: Path, artifact: Artifact) -> tuple[str, int, int, int]:
    found = path.stat()
    return artifact.digest, found.st_mtime_ns, found.st_ctime_ns, found.st_size


#: Files of caches that this process has hashed, as they were then.
_usable: dict[Path, tuple[str, int, int, int]] = {}

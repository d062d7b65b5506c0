"""Disks and media that fail: full, read-only, pulled out. Said in one place, with what to do."""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slipway.errors import BundleError

_GONE = (
    "a disk or medium does not answer",
    "see whether it is still there and whole; then the same command goes on",
)
_SAYINGS = {
    errno.ENOSPC: ("the disk is full", "free space or take a larger disk; then the same command goes on"),
    errno.EDQUOT: (
        "the disk's quota is used up",
        "free space or take another disk; then the same command goes on",
    ),
    errno.EROFS: ("the disk is read-only", "mount it for writing, or name another directory"),
    errno.EACCES: ("this may not be read or written", "run it as a user who may, or name another directory"),
    errno.EPERM: ("this may not be read or written", "run it as a user who may, or name another directory"),
    errno.EIO: _GONE,
    errno.ENODEV: _GONE,
    errno.ENXIO: _GONE,
    errno.ESTALE: _GONE,
    errno.ENOENT: (
        "a file is gone",
        "see whether its disk or medium is still there; then the same command goes on",
    ),
    errno.EFBIG: (
        "the file system takes no file as large",
        "format it otherwise, or export with --volume-size 4G",
    ),
}


@contextmanager
def guarded(place: Path) -> Iterator[None]:
    """Tell what the operating system says of `place` or files below it as a BundleError."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as exc:
        what, hint = _SAYINGS.get(exc.errno or 0, ("a disk or file system failed", _GONE[1]))
        where = exc.filename2 or exc.filename or place
        why = os.strerror(exc.errno) if exc.errno else str(exc)
        raise BundleError(what, where=str(where), why=why, hint=hint) from exc


def private_directory(place: Path) -> Path:
    """The directory, made if there is none, which nobody else can read or write.

    Raises:
        BundleError: it is somebody else's, or others could write there: what lies in it may be anybody's.
    """
    with guarded(place):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = place.stat()
        own = found.st_uid == os.geteuid()
        if not own or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            why = "others may write there" if own else f"it belongs to the user {found.st_uid}"
            hint = f"remove it, it is made again: rm -r {place}; or name another cache: SLIPWAY_CACHE=DIR"
            raise BundleError("what is kept there is not to be trusted", where=str(place), why=why, hint=hint)
        if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            place.chmod(0o700)
    return place


def require_room(place: Path, needed: int) -> None:
    """Raise unless so many bytes are free where `place`, a directory that is made if there is none, lies."""
    place.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(place).free
    if needed > free:
        hint = "build on a larger disk; what is fetched is kept"
        raise BundleError(f"{needed} bytes are needed, {free} are free", where=str(place), hint=hint)

"""What modules do with files and directories of a host, each reached by the walk of slipway_walk.

Modules change files by these functions alone: a test looks for other ways.

Runs on the target with Python >= 3.9 and the standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from typing import IO

from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_walk import Place, entry, reached, walked

#: A pipe that somebody put there holds nobody up.
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


def look(path: str, *, follow: bool = False) -> os.stat_result | None:
    """State of what is at a path, of a link itself unless it is to be followed; None where nothing is."""
    try:
        if follow:
            with reached(path) as handle:
                return os.fstat(handle)
        with entry(path) as (directory, name):
            return os.stat(name or ".", dir_fd=directory, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None


def reading(path: str) -> IO[bytes]:
    """A file, open for reading."""
    with reached(path) as handle:
        return open(os.open(f"/proc/self/fd/{handle}", _READ), "rb")


def writing(path: str, *, append: bool = False, mode: int = 0o600) -> IO[bytes]:
    """A file, open for writing in its place, as the kernel's parameters and downloads are."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC)
    return open(opened(path, flags, mode), "ab" if append else "wb")


def opened(path: str, flags: int, mode: int = 0o600) -> int:
    """A descriptor of a file itself, as os.open gives it; a link in its place is an error."""
    with entry(path) as (directory, name):
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=directory)


def make_directory(path: str, mode: int = 0o755) -> None:
    """A directory and those above it, where they are missing; one that is there stays as it is.

    Raises:
        NotADirectoryError: something else is there.
    """
    with reached(os.path.dirname(path.rstrip("/")), make=0o755):
        pass
    with reached(path, make=mode) as handle:
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)


def dress(path: str, mode: int, owner: tuple[int, int]) -> None:
    """Owner and permissions of a directory, or of a file, that is there.

    Raises:
        HostError: users who can rename what is there could have put something of root's under this name.
    """
    place = walked(path, None)
    try:
        _refuse_moved(place, mode, owner)
        handle = os.open(f"/proc/self/fd/{place.handle}", _READ)
    finally:
        os.close(place.handle)
    try:
        os.fchown(handle, *owner)
        os.fchmod(handle, mode)
        os.fsync(handle)
    finally:
        os.close(handle)


def _refuse_moved(place: Place, mode: int, owner: tuple[int, int]) -> None:
    """What root has, and others may rename, is opened or given away only while it is empty, or a file's only name."""
    now = place.state
    opened_up = mode & ~now.st_mode & 0o077 or owner != (now.st_uid, now.st_gid)
    if place.above or now.st_uid != 0 or not opened_up:
        return
    directory = stat.S_ISDIR(place.state.st_mode)
    if os.listdir(f"/proc/self/fd/{place.handle}") if directory else place.state.st_nlink > 1:
        raise HostError(
            f"{place.path} is root's, and is not opened for others or given to them",
            why="it holds something, and whoever can change the directory above it can have put it there under this "
            f"name\nif it is what is meant: chown {owner[0]}:{owner[1]} {place.path}; chmod {mode:04o} {place.path}; "
            "then run the command again",
            path=place.path,
        )


def is_directory(path: str, *, follow: bool = True) -> bool:
    """Whether a directory is at a path, or what a link there leads to."""
    state = look(path, follow=follow)
    return state is not None and stat.S_ISDIR(state.st_mode)


def unlink(path: str) -> None:
    """Remove a file or a link."""
    with entry(path) as (directory, name):
        os.unlink(name, dir_fd=directory)


def rmdir(path: str) -> None:
    """Remove a directory that is empty."""
    with entry(path) as (directory, name):
        os.rmdir(name, dir_fd=directory)


def remove_tree(path: str, *, missing: bool = False) -> None:
    """Remove a directory with all that it holds, or what else is there; with `missing` nothing needs to be there."""
    state = look(path)
    if state is None and missing:
        return
    if state is not None and not stat.S_ISDIR(state.st_mode):
        unlink(path)
        return
    with entry(path) as (directory, name):
        shutil.rmtree(f"/proc/self/fd/{directory}/{name}")


def empty(path: str) -> None:
    """Remove all that a directory holds; a mount point in it stays, and is emptied too."""
    for name in os.listdir(path):
        inner = os.path.join(path, name)
        if os.path.ismount(inner):
            empty(inner)
        else:
            remove_tree(inner)


def replace(source: str, target: str) -> None:
    """Rename, over what is there."""
    with entry(source) as (here, name), entry(target) as (there, other):
        os.replace(name, other, src_dir_fd=here, dst_dir_fd=there)


def symlink(target: str, path: str) -> None:
    """A link, in the place of what is there."""
    draft = f".slipway-{secrets.token_hex(8)}"
    with entry(path) as (directory, name):
        os.symlink(target, draft, dir_fd=directory)
        os.replace(draft, name, src_dir_fd=directory, dst_dir_fd=directory)


def write_atomic(
    path: str, content: str | bytes, *, mode: int = 0o644, owner: tuple[int, int] | None = None
) -> None:
    """Replace a file by what it shall hold, as `landing`."""
    with landing(path, mode=mode, owner=owner) as stream:
        stream.write(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def landing(path: str, *, mode: int = 0o644, owner: tuple[int, int] | None = None) -> Iterator[IO[bytes]]:
    """A file to write, which replaces what is at the path by rename, flushed first, when all of it is written.

    A reader or a power cut sees the old or the new one.
    """
    draft = f".slipway-{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with entry(path) as (directory, name):
        try:
            with open(os.open(draft, flags, 0o600, dir_fd=directory), "wb") as stream:
                if owner:
                    os.fchown(stream.fileno(), *owner)
                os.fchmod(stream.fileno(), mode)
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(draft, name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(draft, dir_fd=directory)
            raise
        sync(directory)


def sync(directory: int) -> None:
    """Make a rename in a directory durable."""
    handle = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

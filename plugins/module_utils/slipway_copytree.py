"""A whole tree copied as it is: owners, modes, times, extended attributes with ACLs, hard links, holes, devices.

A second call goes on where the first was killed: what is equal already is left alone, what does not belong is removed.
The second pass, `differences`, reads both trees anew. Nothing may write to either meanwhile. Mount points inside the
source are left out; both roots are reached by a walk that follows no link of others. Used by the module
slipway_runtime.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
import stat
from collections.abc import Iterator

from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_walk import reached

BLOCK = 512
CHUNK = 1 << 20
#: A file system's own, in the root of every ext4.
IGNORED = "lost+found"


def entries(root: str) -> Iterator[tuple[str, os.stat_result]]:
    """Every path below a root, relative and parents first, on its own file system only."""
    device = os.lstat(root).st_dev
    stack = [""]
    while stack:
        folder = stack.pop()
        for name in sorted(os.listdir(os.path.join(root, folder))):
            if not folder and name == IGNORED:
                continue
            path = os.path.join(folder, name)
            found = os.lstat(os.path.join(root, path))
            if found.st_dev != device:
                continue
            yield path, found
            if stat.S_ISDIR(found.st_mode):
                stack.append(path)


def holds_anything(root: str) -> bool:
    """Whether something is below a root."""
    return os.path.isdir(root) and any(name != IGNORED for name in os.listdir(root))


def usage(root: str) -> tuple[int, int]:
    """Bytes and inodes that a tree takes on its disk; a hard link counts once."""
    if not os.path.isdir(root):
        return 0, 0
    seen = {found.st_ino: found.st_blocks * BLOCK for _, found in entries(root)}
    return sum(seen.values()), len(seen)


def copy_tree(source: str, target: str) -> int:
    """Make the target equal to the source; how many entries were made or mended."""
    with _held(source) as one, _held(target) as other:
        return _copied(one, other)


@contextlib.contextmanager
def _held(root: str) -> Iterator[str]:
    """A root by its descriptor: nothing above it leads elsewhere meanwhile."""
    with reached(root) as handle:
        yield f"/proc/self/fd/{handle}/."


def _copied(source: str, target: str) -> int:
    remove_surplus(source, target)
    linked: dict[int, str] = {}
    made, folders = 0, [("", os.lstat(source))]
    for path, found in entries(source):
        there, here = os.path.join(source, path), os.path.join(target, path)
        if stat.S_ISDIR(found.st_mode):
            folders.append((path, found))
            if not os.path.isdir(here):
                os.mkdir(here, 0o700)
                made += 1
            continue
        first = linked.setdefault(found.st_ino, here) if found.st_nlink > 1 else here
        if first != here:
            made += link(first, here)
        elif metadata(there) != metadata(here):
            copy_entry(there, here, found)
            made += 1
    for path, found in reversed(folders):  # last: writing below a folder changes its time
        dress(os.path.join(source, path), os.path.join(target, path), found)
    os.sync()
    return made


def remove_surplus(source: str, target: str) -> None:
    """What an earlier, killed copy left and is not in the source any more, or is of another kind."""
    surplus = []
    for path, found in entries(target):
        there = os.path.join(source, path)
        if not os.path.lexists(there) or stat.S_IFMT(os.lstat(there).st_mode) != stat.S_IFMT(found.st_mode):
            surplus.append(os.path.join(target, path))
    for path in surplus:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)


def link(first: str, here: str) -> int:
    """Another name of a file that was copied already."""
    if os.path.lexists(here):
        if os.lstat(here).st_ino == os.lstat(first).st_ino:
            return 0
        os.unlink(here)
    os.link(first, here, follow_symlinks=False)
    return 1


def copy_entry(there: str, here: str, found: os.stat_result) -> None:
    """One entry that is no folder."""
    if os.path.lexists(here):
        os.unlink(here)
    if stat.S_ISLNK(found.st_mode):
        os.symlink(os.readlink(there), here)
    elif stat.S_ISREG(found.st_mode):
        copy_content(there, here, found.st_size)
    else:  # overlay's whiteouts are devices; a socket is only a name
        os.mknod(here, found.st_mode, found.st_rdev)
    dress(there, here, found)


def copy_content(there: str, here: str, size: int) -> None:
    """A file's bytes, its holes left as holes."""
    source = os.open(there, os.O_RDONLY)
    target = os.open(here, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.ftruncate(target, size)
        for start, end in segments(source, size):
            os.lseek(target, start, os.SEEK_SET)
            position = start
            while position < end:
                position += os.sendfile(target, source, position, end - position) or _shrunk(there)
    finally:
        os.close(source)
        os.close(target)


def _shrunk(path: str) -> int:
    raise HostError(f"{path} became shorter while it was copied: something still writes there")


def segments(handle: int, size: int) -> Iterator[tuple[int, int]]:
    """Where a file has data."""
    position = 0
    while position < size:
        try:
            start = os.lseek(handle, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            raise
        position = os.lseek(handle, start, os.SEEK_HOLE)
        yield start, position


def dress(there: str, here: str, found: os.stat_result) -> None:
    """Owner, mode, attributes and times: the owner first, as changing it takes capabilities and set-uid away."""
    os.chown(here, found.st_uid, found.st_gid, follow_symlinks=False)
    wanted = attributes(there)
    for name in set(attributes(here)) - set(wanted):
        os.removexattr(here, name, follow_symlinks=False)
    if not stat.S_ISLNK(found.st_mode):
        os.chmod(here, stat.S_IMODE(found.st_mode))
    for name, value in wanted.items():
        os.setxattr(here, name, value, follow_symlinks=False)
    os.utime(here, ns=(found.st_atime_ns, found.st_mtime_ns), follow_symlinks=False)


def attributes(path: str) -> dict[str, bytes]:
    """Extended attributes; ACLs are among them. A file system without any has none."""
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return {}
        raise
    return {name: os.getxattr(path, name, follow_symlinks=False) for name in names}


def metadata(path: str) -> tuple[object, ...] | None:
    """All that two equal entries have in common but their content; None: not there. A folder has no size of its own."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    folder = stat.S_ISDIR(found.st_mode)
    return (
        found.st_mode,
        found.st_uid,
        found.st_gid,
        found.st_rdev,
        0 if folder else found.st_size,
        found.st_mtime_ns,
        0 if folder else found.st_nlink,
        os.readlink(path) if stat.S_ISLNK(found.st_mode) else "",
        tuple(sorted(attributes(path).items())),
    )


def differences(source: str, target: str, most: int = 10) -> list[str]:
    """Paths that are not the same in both trees, contents compared byte by byte; the first few."""
    with _held(source) as one, _held(target) as other:
        return _different(one, other, most)


def _different(source: str, target: str, most: int) -> list[str]:
    found: list[str] = []
    compared: set[int] = set()
    for path, entry in entries(source):
        if not same(os.path.join(source, path), os.path.join(target, path), entry, compared):
            found.append(path)
        if len(found) >= most:
            return found
    surplus = (path for path, _ in entries(target) if not os.path.lexists(os.path.join(source, path)))
    return [*found, *itertools.islice(surplus, most - len(found))]


def same(there: str, here: str, entry: os.stat_result, compared: set[int]) -> bool:
    """Whether two entries are equal; the content of a hard link is read once."""
    if metadata(there) != metadata(here):
        return False
    if not stat.S_ISREG(entry.st_mode) or entry.st_ino in compared:
        return True
    if entry.st_nlink > 1:
        compared.add(entry.st_ino)
    return same_content(there, here)


def same_content(there: str, here: str) -> bool:
    """Whether two files hold the same bytes."""
    with open(there, "rb") as one, open(here, "rb") as other:
        while chunk := one.read(CHUNK):
            if chunk != other.read(CHUNK):
                return False
        return not other.read(1)

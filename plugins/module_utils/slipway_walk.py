"""The walk from / to a path of a host, which no other user of the host can lead elsewhere.

Every name on the way is opened without following links, relative to the directory before it, and what is done is done
relative to the last one. A link is followed where only root can have made it and only root can change it: root's own,
in a directory that root alone writes, below such directories only. Any other one on the way is refused. What a path
names itself, its last part, is never followed by what changes, replaces or removes it, but by `reading`, and by
directories that are to be there.

Runs on the target with Python >= 3.9 and the standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import stat
from collections.abc import Iterator

from ansible.module_utils.slipway_error import HostError

_NAME = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
#: As many links as the kernel follows in one path.
MOST_LINKS = 40


class Place:
    """Where a walk is: an open descriptor and its path without links.

    `above`: root alone decides what this path names; `safe`: also what the names in it are.
    """

    def __init__(self) -> None:
        self.path = ""
        self.handle = os.open("/", _NAME)
        self.state = os.fstat(self.handle)
        self.above = self.safe = _roots(self.state)

    def again(self) -> Place:
        """Back at the root."""
        fresh = Place()
        os.close(self.handle)
        return fresh

    def enter(self, name: str, handle: int, state: os.stat_result) -> None:
        """Go on to what was found under a name."""
        self.above, self.safe = self.safe, self.safe and _roots(state)
        self.path, self.state = f"{self.path}/{name}", state
        self.handle, former = handle, self.handle
        os.close(former)


def _roots(state: os.stat_result) -> bool:
    """Whether nobody but root can put something else in the place of what root has in this directory."""
    return state.st_uid == 0 and (not state.st_mode & 0o022 or bool(state.st_mode & stat.S_ISVTX))


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


@contextlib.contextmanager
def reached(path: str, *, make: int | None = None) -> Iterator[int]:
    """A descriptor (O_PATH) of what a path leads to; with `make`, directories that are missing are made with that mode.

    Raises:
        HostError: a link on the way that somebody else than root can change.
        OSError: as open has them.
    """
    place = walked(path, make)
    try:
        yield place.handle
    finally:
        os.close(place.handle)


def walked(path: str, make: int | None) -> Place:
    """Where a path leads, as `reached`; whoever asks closes its descriptor."""
    place, rest, links = Place(), _parts(path), 0
    try:
        while rest:
            name = rest.pop(0)
            if name == "..":
                rest = [*_parts(os.path.dirname(place.path)), *rest]
                place = place.again()
                continue
            handle = _opened(place, name, make)
            state = os.fstat(handle)
            if not stat.S_ISLNK(state.st_mode):
                place.enter(name, handle, state)
                continue
            links += 1
            target = _target(place, name, handle, state, left=MOST_LINKS - links)
            base = [] if target.startswith("/") else _parts(place.path)
            rest = [*base, *_parts(target), *rest]
            place = place.again()
    except BaseException:
        os.close(place.handle)
        raise
    return place


def _opened(place: Place, name: str, make: int | None) -> int:
    """A name without following it, whatever it is. As a directory first, for which an automount is mounted."""
    if not stat.S_ISDIR(place.state.st_mode):
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), place.path)
    try:
        return os.open(name, _NAME | os.O_DIRECTORY, dir_fd=place.handle)
    except NotADirectoryError:
        return os.open(name, _NAME, dir_fd=place.handle)
    except FileNotFoundError:
        if make is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), f"{place.path}/{name}") from None
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, make, dir_fd=place.handle)
    return os.open(name, _NAME, dir_fd=place.handle)


def _target(place: Place, name: str, handle: int, state: os.stat_result, *, left: int) -> str:
    """Where a link leads, if it may be followed and so many after it; its descriptor is closed."""
    try:
        target = os.readlink("", dir_fd=handle)
    finally:
        os.close(handle)
    if left < 0:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), f"{place.path}/{name}")
    if place.safe and state.st_uid == 0 and not place.state.st_mode & 0o022:
        return target
    link, mode = f"{place.path}/{name}", stat.S_IMODE(place.state.st_mode)
    raise HostError(
        f"{link} is a link that others than root can change, and is not followed",
        why=f"it leads to {target} and belongs to {_user(state)}; its directory belongs to {_user(place.state)}, mode "
        f"{mode:04o}\nremove the link, or name the directory that is meant in the ClusterConfiguration, and run the "
        "command again",
        link=link,
        owner=state.st_uid,
    )


def _user(state: os.stat_result) -> str:
    try:
        return f"{pwd.getpwuid(state.st_uid).pw_name} ({state.st_uid})"
    except KeyError:
        return f"user {state.st_uid}"


@contextlib.contextmanager
def entry(path: str) -> Iterator[tuple[int, str]]:
    """The directory of a path, as a descriptor, and the last part of the path, which may be anything or nothing."""
    directory, name = os.path.split(path.rstrip("/"))
    with reached(directory) as handle:
        yield handle, name

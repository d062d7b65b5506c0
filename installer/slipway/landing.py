"""Files that land whole: whoever reads one sees what it was or what it is, also after a kill or a power cut.

The one place that replaces a small file. What is streamed, and goes on where it was interrupted, has drafts of its own.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

#: For what holds secrets, or tells of them.
PRIVATE = 0o600


def land(path: Path, content: str | bytes, *, mode: int | None = None) -> None:
    """Replace a file by rename; text is UTF-8. `mode` unset: the one that it has, else what the umask leaves of 0666.

    A link stays a link: what it leads to is replaced. What is no file, as /dev/stdout, is written to.
    Raises OSError, with nothing left behind; a kill may leave `.NAME.draft`, which the next one takes over.
    """
    data = content.encode() if isinstance(content, str) else content
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    target = real(path)
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    draft = target.with_name(f".{target.name}.draft")
    with _alone(draft) as file:
        try:
            file.truncate()
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), _mode_of(target) if mode is None else mode)
            os.fsync(file.fileno())
            draft.replace(target)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise


def real(path: Path) -> Path:
    """Where the path leads, absolute, as far as it leads anywhere: of a link to itself, the link.

    `Path.resolve` ends in a RuntimeError there.
    """
    return Path(os.path.realpath(path))


@contextmanager
def _alone(draft: Path) -> Iterator[BinaryIO]:
    """The draft, private and ours, while nobody else writes it."""
    while True:
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, PRIVATE)
        with os.fdopen(descriptor, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            held = os.fstat(file.fileno())
            if not _is_at(draft, held):  # it has landed just now, or was given up
                continue
            if held.st_uid != os.geteuid() or held.st_nlink > 1:  # whoever made it could read what is written
                draft.unlink()
                continue
            yield file
            return


def _is_at(draft: Path, held: os.stat_result) -> bool:
    try:
        return os.path.samestat(draft.lstat(), held)
    except FileNotFoundError:
        return False


def _mode_of(target: Path) -> int:
    try:
        return target.stat().st_mode & 0o7777
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        return 0o666 & ~umask

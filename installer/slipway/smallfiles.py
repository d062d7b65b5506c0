"""Files that people name, read whole: of one that has no end, no more than such a file can have."""

import errno
import json
import os
import select
import stat
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, Final

#: Bytes. A plan of a thousand hosts has 20 MB; locks, accounts, keys and receipts far less.
LIMIT: Final = 64 << 20
#: Seconds for somebody to write into a pipe, as a shell does for `<(program)`.
PATIENCE: Final = 20.0


def bytes_of(path: Path, limit: int = LIMIT) -> bytes:
    """The file's content.

    Raises:
        OSError: it cannot be read, is larger (EFBIG), or is a pipe into which nobody writes (ETIMEDOUT).
    """
    with _opened(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit >> 20} MiB", os.fspath(path))
    return data


def _opened(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _await_writer(descriptor, path)
        os.set_blocking(descriptor, True)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _await_writer(descriptor: int, path: Path) -> None:
    if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if not poll.poll(PATIENCE * 1000):
            raise OSError(errno.ETIMEDOUT, "nobody writes into this pipe", os.fspath(path))


def text_of(path: Path, limit: int = LIMIT) -> str:
    """The same as text, without a byte order mark.

    Raises:
        OSError: it cannot be read, or is larger.
        ValueError: it is no text of UTF-8.
    """
    try:
        return bytes_of(path, limit).decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = exc.object.count(b"\n", 0, exc.start) + 1
        raise ValueError(f"line {line}: this is no text of UTF-8") from exc


def json_of(path: Path, limit: int = LIMIT) -> Any:
    """The same as JSON.

    Raises:
        OSError: it cannot be read, or is larger.
        ValueError: as `json_in`.
    """
    return json_in(text_of(path, limit))


def json_in(text: str | bytes) -> Any:
    """The value of a text in JSON that somebody else wrote.

    Raises:
        ValueError: it is no JSON, or deeper than any that is meant.
    """
    try:
        return json.loads(text)
    except RecursionError as exc:
        raise ValueError("it is nested too deeply") from exc


def opened(path: Path) -> BufferedReader:
    """A file of some medium, to be read: never a pipe that nobody writes into, nor a device without an end.

    Raises:
        OSError: it cannot be read, or is no file (EINVAL).
    """
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is no file", os.fspath(path))
    return file

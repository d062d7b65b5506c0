"""Exceptions that nobody translated, as errors of four parts: the operating system's, and faults of our own."""

import errno
import os
import tempfile
import traceback
from typing import Final

from slipway.errors import SlipwayError

_HINTS: Final = {
    errno.ENOSPC: "free space on that disk, and run the command again",
    errno.EDQUOT: "free space within the quota, and run the command again",
    errno.EROFS: "name a place that can be written",
    errno.EACCES: "run it as a user who may, or name another place",
    errno.EPERM: "run it as a user who may, or name another place",
    errno.ENOENT: "check the path",
    errno.EISDIR: "name a file: this is a directory",
    errno.ENOTDIR: "check the path: a part of it is no directory",
    errno.EEXIST: "name another place: something is there",
    errno.ELOOP: "check the path: links in it lead in a circle",
    errno.ENAMETOOLONG: "name a shorter path",
    errno.EMFILE: "raise the limit of open files (ulimit -n), and run the command again",
}


class InternalError(SlipwayError):
    """A fault of Slipway's own: what was done is recorded as far as it went."""


def refusal_of(exc: OSError) -> tuple[str, str]:
    """Why, in the system's words, and what to do."""
    why = exc.strerror or str(exc) or type(exc).__name__
    return why, _HINTS.get(exc.errno or 0, "see to what it names, and run the command again")


def translated(exc: Exception) -> SlipwayError:
    """What the user is told of an exception that came through all layers."""
    if isinstance(exc, OSError) and exc.errno:
        why, hint = refusal_of(exc)
        where = os.fsdecode(exc.filename) if isinstance(exc.filename, str | bytes) else ""
        return SlipwayError("the system refused what the command needs", where=where, why=why, hint=hint)
    place = _kept(exc)
    kept = f", with {place}" if place else ""
    why = f"{type(exc).__name__}: {exc}".splitlines()[0]
    return InternalError(
        "this is a fault of Slipway's own",
        where=place,
        why=why,
        hint=f"report it{kept}; the same command may be run again",
    )


def _kept(exc: Exception) -> str:
    """The file with the traceback, for who mends it; empty where nothing can be written."""
    try:
        descriptor, path = tempfile.mkstemp(prefix="slipway-fault-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(traceback.format_exception(exc))
    except OSError:
        return ""
    return path

"""A command in a process of its own, as quick as a function: forked, with no network, its output in files."""

import ctypes
import importlib
import os
import pkgutil
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import slipway as slipway_package

#: Seconds. What takes longer has begun something that it should not have.
LIMIT = 60
#: Bytes of address space: what reads a file without an end is found before the machine is full.
MEMORY = 2 << 30
#: The child's own words, for what no command may end in.
TRACEBACK = 99
NOBODY = 65534
_NEWNET = 0x40000000


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return f"exit {self.code}\n{self.out}{self.err}"


def slipway(
    arguments: Sequence[str],
    place: Path,
    *,
    before: Callable[[], None] = lambda: None,
    after: Callable[[], None] = lambda: None,
    environment: dict[str, str] | None = None,
) -> Ended:
    """Run a command in `place`; `before` and `after` run in the child, around it."""
    out, err = place.parent / "out.txt", place.parent / "err.txt"
    child = os.fork()
    if child == 0:
        _child(list(arguments), place, (out, err), (before, after), environment or {})
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return Ended(code, *(path.read_text("utf-8", "backslashreplace") for path in (out, err)))


def _child(
    arguments: list[str],
    place: Path,
    files: tuple[Path, Path],
    around: tuple[Callable[[], None], Callable[[], None]],
    environment: dict[str, str],
) -> None:
    code = TRACEBACK
    try:
        os.setpgid(0, 0)
        signal.alarm(LIMIT)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        ctypes.CDLL(None).unshare(_NEWNET)
        for number, file in enumerate(files, start=1):
            os.dup2(os.open(file, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o666), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, mode) for n, mode in enumerate("rww"))
        os.chdir(place)
        os.environ.update(environment)
        sys.argv = ["slipway", *arguments]
        around[0]()
        code = _code()
        around[1]()
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                code = code or TRACEBACK
        os._exit(code)


def _code() -> int:
    from slipway.cli.main import main

    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def load_all() -> None:
    """All of Slipway, once for all children: a part of a second for each of them otherwise."""
    for module in pkgutil.walk_packages(slipway_package.__path__, "slipway."):
        if not module.name.endswith(("__main__", ".start")):
            importlib.import_module(module.name)


load_all()

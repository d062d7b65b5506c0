"""The edge to the machine's own programs: what the lab needs of it, and how they are run.

Every other module of the lab runs programs through `run`, so that a failure has one shape.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from slipway.errors import SlipwayError

#: Program -> Debian package that brings it.
PROGRAMS: Final = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "unshare": "util-linux",
    "apt-get": "apt",
}


class LabError(SlipwayError):
    """The lab, or this machine under it, cannot do what was asked."""


def require() -> None:
    """Refuse early, with the way out, on a machine that cannot carry a lab."""
    if sys.platform != "linux":
        raise LabError(
            "a lab needs Linux", why=f"this is {sys.platform}", hint="use a Debian 12 or newer machine"
        )
    if os.geteuid() != 0:
        raise LabError(
            "a lab needs root",
            why="it makes a bridge, cgroups and mounts",
            hint="run the same command with sudo, or as root",
        )
    missing = sorted({package for program, package in PROGRAMS.items() if shutil.which(program) is None})
    if missing:
        raise LabError(
            "programs of the lab are missing on this machine",
            why=f"packages not installed: {', '.join(missing)}",
            hint=f"apt-get install {' '.join(missing)}",
        )


def free_disk(directory: Path) -> int:
    """Bytes that are free where a directory lies, or would lie."""
    return shutil.disk_usage(next(place for place in (directory, *directory.parents) if place.exists())).free


def run(*argv: str, stdin: str | None = None, before: Callable[[], None] | None = None) -> str:
    """Run a program to its end; its output, or a LabError with its own words. `before` runs in the child."""
    done = subprocess.run(
        argv,
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        preexec_fn=before,
    )
    if done.returncode != 0:
        words = done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}"
        raise LabError(f"{argv[0]} failed", where=" ".join(argv[:6]), why=words)
    return done.stdout


def wait_until(condition: Callable[[], bool], *, seconds: float, step: float = 0.05) -> bool:
    """Poll a condition that the kernel does not announce; False when the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(step)
    return True


@contextmanager
def locked(path: Path, *, what: str, seconds: float) -> Iterator[None]:
    """Hold the file's lock, which the kernel gives back when this process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:

        def taken() -> bool:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        if not wait_until(taken, seconds=seconds):
            raise LabError(
                f"another process is busy with {what}", why=f"waited {seconds:.0f} s", hint="try again"
            )
        yield

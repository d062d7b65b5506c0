"""Control groups of the lab's processes: a node's own in every hierarchy, and one for each helper process.

They serve two ends. systemd inside a node needs a group of its own in every hierarchy, or all nodes share
the root and stop each other's services. And a group's members are exactly what the lab started: cleaning up
after a killed run needs no pid file that might point at somebody else's process.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from slipway.lab.machine import LabError, wait_until

PREFIX: Final = "slipway-lab"
#: Hierarchies of v1 that may hold processes but are no controller's; one of them is enough for a helper.
PLAIN: Final = ("systemd", "unified")
#: A killed process that does not go in this time (seconds) hangs in the kernel.
KILL_SECONDS: Final = 20


def hierarchies() -> dict[str, Path]:
    """Mounted hierarchies by name; a pure v2 machine has one, named `unified`."""
    found: dict[str, Path] = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        kind, path = right.split()[0], Path(left.split()[4])
        if kind in {"cgroup", "cgroup2"} and os.access(path, os.W_OK):
            found.setdefault("unified" if kind == "cgroup2" else path.name, path)
    if not found:
        raise LabError("no writable control groups on this machine", hint="mount /sys/fs/cgroup read-write")
    return found


def legacy() -> bool:
    """Whether controllers are in v1 hierarchies: then nodes get those too."""
    return set(hierarchies()) - {"unified"} != set()


def node_group(ident: str, node: str) -> str:
    """Name of the group that holds everything inside a node."""
    return f"{PREFIX}.{ident}.{node}"


def helper_group(ident: str, helper: str) -> str:
    """Name of the group of a process that serves the lab."""
    return f"{PREFIX}.{ident}.{helper}.helper"


def create(group: str, *, everywhere: bool) -> list[Path]:
    """Make the group; the directories a process has to enter."""
    all_of_them = hierarchies()
    if not everywhere:
        all_of_them = dict([next((name, all_of_them[name]) for name in PLAIN if name in all_of_them)])
    elif not legacy():
        _delegate(all_of_them["unified"])
    made = []
    for name, root in all_of_them.items():
        directory = root / group
        directory.mkdir(exist_ok=True)
        if name == "cpuset":  # a new cpuset is empty, and nothing may enter an empty one
            for file in ("cpuset.cpus", "cpuset.mems"):
                (directory / file).write_text((root / file).read_text())
            (directory / "cgroup.clone_children").write_text("1")
        made.append(directory)
    return made


def _delegate(root: Path) -> None:
    """Cgroup v2: let groups below the root have its controllers, as systemd does where it is PID 1."""
    for controller in (root / "cgroup.controllers").read_text().split():
        with contextlib.suppress(OSError):  # some can only be had by the root
            (root / "cgroup.subtree_control").write_text(f"+{controller}")


def enter(directories: list[Path]) -> None:
    """Move the calling process in."""
    for directory in directories:
        (directory / "cgroup.procs").write_text(str(os.getpid()))


def start(group: str, argv: Sequence[str], log: Path) -> None:
    """Start a helper and leave it to itself. It is in the group before it is anything: a killed `up` loses none."""
    directories = create(group, everywhere=False)
    with log.open("w") as output:
        subprocess.run(
            ["setsid", "--fork", *argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=True,
            cwd="/",
            preexec_fn=lambda: enter(directories),
        )


def members(group: str) -> set[int]:
    """Pids inside the group and below it, in any hierarchy."""
    found: set[int] = set()
    for root in hierarchies().values():
        for directory, _, _ in os.walk(root / group):  # which passes over what goes while it walks
            try:
                found |= {int(pid) for pid in Path(directory, "cgroup.procs").read_text().split()}
            except OSError:  # the directory went while we read, or a threaded group cannot be read
                continue
    return found - {0}


def groups(ident: str) -> set[str]:
    """All groups of a lab that exist."""
    return {path.name for root in hierarchies().values() for path in root.glob(f"{PREFIX}.{ident}.*")}


def kill(group: str) -> None:
    """End every process of the group, and wait until they are gone."""

    def empty() -> bool:
        left = members(group)
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return not left

    if not wait_until(empty, seconds=KILL_SECONDS):
        raise LabError(
            "processes do not end", where=group, why=f"pids {sorted(members(group))} survive SIGKILL"
        )


def remove(group: str) -> None:
    """End its processes and remove the group with all below it."""
    kill(group)
    for root in hierarchies().values():
        top = root / group
        if top.is_dir():
            wait_until(lambda top=top: _removed(top), seconds=KILL_SECONDS)  # type: ignore[misc]


def _removed(top: Path) -> bool:
    """Remove from the leaves up; False while the kernel still lets go of a process."""
    for directory, _, _ in os.walk(top, topdown=False):
        try:
            Path(directory).rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return True

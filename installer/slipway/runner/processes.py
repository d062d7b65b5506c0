"""Finding and ending everything that a run started, however it tried to get away.

Ansible's workers call setsid() and OpenSSH's control masters daemonize, so neither process group nor parent
finds them all. Two nets together do: descent from a child subreaper, and a variable in the environment.
"""

import ctypes
import os
import signal
import time
from pathlib import Path
from typing import Final

#: Environment variable that every process of a run inherits.
MARKER: Final = "SLIPWAY_RUN"

_PR_SET_CHILD_SUBREAPER: Final = 36
#: How long ended processes may take to vanish (seconds) before they are left to init.
_PATIENCE: Final = 2.0


def become_subreaper() -> None:
    """From now on orphans among our descendants become our children, not init's."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_run(run: str, *, root: int = 0) -> None:
    """SIGKILL all processes of a run, and all below `root`, until none is left; never ourselves."""
    deadline = time.monotonic() + _PATIENCE
    while found := (marked(run) | (descendants(root) if root else set())) - {os.getpid()}:
        for pid in found:
            _kill(pid)
        if time.monotonic() > deadline:
            return
        time.sleep(0.01)


def marked(run: str) -> set[int]:
    """Living processes with the run's marker."""
    wanted = f"{MARKER}={run}".encode()
    return {pid for pid in _pids() if wanted in _environment(pid) and _state(pid)[0] != "Z"}


def descendants(root: int) -> set[int]:
    """Living processes below `root`."""
    states = {pid: _state(pid) for pid in _pids()}
    found: set[int] = set()
    level = {root}
    while level:
        level = {pid for pid, (_, parent) in states.items() if parent in level} - found
        found |= level
    return {pid for pid in found if states[pid][0] != "Z"}


def _pids() -> list[int]:
    return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _state(pid: int) -> tuple[str, int]:
    """State letter and parent; a process that vanished counts as a zombie of nobody."""
    try:
        fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
        return fields[0], int(fields[1])
    except (OSError, IndexError, ValueError):
        return "Z", 0


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return

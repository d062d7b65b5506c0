"""Who holds a lock, whether that process is gone, and how long a record has stood still by our own clock.

Under all locks: the cluster's Lease, the operators' election, hosts' locks. Two readers of one record agree on nothing
but the record, so nothing here believes a machine's name, a bare process number, or another machine's clock.
"""

import hashlib
import os
import re
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Self

_TEXT: Final = re.compile(
    r"(?P<name>[A-Za-z0-9@._:/-]+)\+(?P<place>[0-9a-f]{16})\.(?P<pid>\d{1,7})\.(?P<start>\d+)"
)

#: States of /proc/PID/stat in which a process has ended and only waits to be forgotten.
_ENDED: Final = "ZXx"


@dataclass(frozen=True, slots=True)
class Holder:
    """One process among all machines: `NAME+PLACE.PID.START`.

    `name` is for people. `place` stands for machine, boot and PID namespace, within which `pid` means something;
    `start` (clock ticks since the boot) tells a process from a later one with its number.
    """

    name: str
    place: str
    pid: int
    start: int

    def __str__(self) -> str:
        """As it stands in locks."""
        return f"{self.name}+{self.place}.{self.pid}.{self.start}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The holder of a lock; None where it is not named by this form: nothing is known of its process."""
        found = _TEXT.fullmatch(text)
        if found is None:
            return None
        return cls(found["name"], found["place"], int(found["pid"]), int(found["start"]))


def this_process(name: str = "") -> str:
    """This process as a holder; without a name, `slipway@MACHINE:PID`."""
    pid = os.getpid()
    name = name or f"slipway@{socket.gethostname()}:{pid}"
    return str(Holder(name, _place() or _nowhere(), pid, _start(pid)))


def process_of(text: str) -> int:
    """The number of a holder's process, within its place; 0 where it is not known."""
    holder = Holder.parse(text)
    return holder.pid if holder else 0


def name_of(text: str) -> str:
    """A holder for people, whatever form it has."""
    return text.partition("+")[0]


def is_gone(text: str) -> bool:
    """Whether the holder is certain to have ended: it was a process of this very place, and runs no more."""
    holder = Holder.parse(text)
    return holder is not None and holder.place == _place() and not _runs(holder)


def runs_here(text: str) -> bool:
    """Whether the holder is a process of this very place, and runs."""
    holder = Holder.parse(text)
    return holder is not None and holder.place == _place() and _runs(holder)


class Sighting:
    """Since when a record stands still, by this process's clock: the only clock that a reader can trust.

    As in client-go's leader election: a record has expired when nobody changed it for its duration before our eyes.
    The clock stops while this machine sleeps, which makes a reader wait longer, never less.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._record: object = None
        self._since = 0.0

    def still_for(self, record: object) -> float:
        """Look at it, seconds after it was first seen like this: 0 for one that is new."""
        now = self._clock()
        if record != self._record:
            self._record, self._since = record, now
        return now - self._since


def seconds_awake_or_asleep() -> float:
    """A clock that goes on while the machine sleeps: by it a holder judges how old its own last renewal is."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _runs(holder: Holder) -> bool:
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, but there
        pass
    try:
        state, start = _stat(holder.pid)
    except OSError:  # hidden from us, or ending just now: not certain to be gone
        return True
    return state not in _ENDED and start == holder.start


def _start(pid: int) -> int:
    try:
        return _stat(pid)[1]
    except OSError:
        return 0


def _stat(pid: int) -> tuple[str, int]:
    """State and start of a process; its name, in brackets before them, may hold anything."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19])


def _place() -> str:
    """Machine, boot, PID namespace, and what `start` is counted by; empty: it cannot be told.

    It cannot where /proc is that of another PID namespace: its numbers are not ours.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
        if f"\nNSpid:\t{os.getpid()}\n" not in status:
            return ""
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        numbers = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""
    words = "\n".join([_machine(), boot, numbers, _clock_of_starts()])
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def _machine() -> str:
    """/etc/machine-id; a container often has none, and is told apart by its PID namespace."""
    try:
        return Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _clock_of_starts() -> str:
    """The time namespace; kernels before 5.6 have but one."""
    try:
        return str(Path("/proc/self/ns/time").readlink())
    except OSError:
        return ""


@cache
def _nowhere() -> str:
    """A place that no other process is in."""
    return secrets.token_hex(8)

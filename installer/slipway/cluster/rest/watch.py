"""A reflector: list, then watch from the list's version, for ever; every change reaches one callback.

Called by the operator's runtime. It survives what a control plane, and what stands before it, does to its watchers:
API servers that restart, connections that die without a word, compaction (410), streams that end at once or hold
something else than events. Whatever happens, two tries are apart by a pause that grows until a watch holds.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from slipway.cluster.rest.client import Client, Object
from slipway.errors import SlipwayError, TransientError

log = logging.getLogger(__name__)

#: Seconds after which the server ends a watch, drawn anew each time: watchers do not come back together.
WATCH_SECONDS: Final = (240, 300)

#: Seconds of back-off, first and longest. The first is short: an edit must be seen within a second.
BACK_OFF: Final = (0.2, 10.0)

#: Seconds that a watch has to last before the pause is short again: as long as the longest pause.
STEADY_SECONDS: Final = BACK_OFF[1]

#: A server ends a watch when its time is over; a share of that below which somebody else did.
EARLY: Final = 0.9


class ChangeKind(StrEnum):
    """What became of objects, in the words of shell-operator."""

    ADDED = "Added"
    MODIFIED = "Modified"
    DELETED = "Deleted"
    SYNCHRONIZATION = "Synchronization"
    """These are all that there are: a list was read."""


@dataclass(frozen=True, slots=True)
class Event:
    """What the callback gets: one object that changed, or all objects of a list."""

    kind: ChangeKind
    objects: tuple[dict[str, Any], ...]


@dataclass(slots=True)
class Hearing:
    """How one reflector fares, for /healthz and metrics. Its thread alone writes."""

    kind: str
    lists: int = 0
    breaks: int = 0
    """Lists and watches that failed, and watches that ended before their time."""
    failure: str = ""
    """The last of these in words; empty once a watch has brought something or has held."""

    def broke(self, why: str) -> None:
        """A list or a watch failed."""
        self.breaks += 1
        self.failure = why


class Pause:
    """Back-off with jitter: between half and the whole of a doubling time."""

    def __init__(self, wait: Callable[[float], object]) -> None:
        self._wait = wait
        self._seconds = BACK_OFF[0]

    def reset(self) -> None:
        """It works again."""
        self._seconds = BACK_OFF[0]

    def take(self) -> None:
        """Wait, longer each time."""
        self._wait(self._seconds * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, guards nothing
        self._seconds = min(self._seconds * 2, BACK_OFF[1])


@dataclass(frozen=True, slots=True)
class Reflector:
    """What is watched (apiVersion, kind), and who is told of it. An empty namespace is all of them.

    `connect` is asked before each list: a token may have been renewed. `kept` says what is kept of an object as it
    arrives (None: nothing, and nobody is told), so that memory is bound by what is of interest.
    """

    connect: Callable[[], Client]
    kind: tuple[str, str]
    namespace: str
    on_event: Callable[[Event], None]
    labels: str = ""
    resync: float = 600.0
    """Seconds after which the list is repeated, though the watch holds."""
    kept: Callable[[Object], Object | None] = lambda obj: obj

    @property
    def name(self) -> str:
        """The kind with its group, as kubectl takes it."""
        group = self.kind[0].rpartition("/")[0]
        return f"{self.kind[1]}.{group}" if group else self.kind[1]

    def run(
        self, stop: threading.Event, *, hearing: Hearing | None = None, pause: Pause | None = None
    ) -> None:
        """Call `on_event` for every list and every change, until `stop` is set.

        A watch that runs is not broken off by `stop`: run this in a daemon thread; after `stop` the callback is not
        called again. A fault of the callback is logged and counts as a break: the thread goes on.
        """
        hearing, pause = hearing or Hearing(self.name), pause or Pause(stop.wait)
        while not stop.is_set():
            try:
                self._round(stop, hearing, pause)
            except SlipwayError as error:
                if stop.is_set():
                    return
                log.info("watch of %s: %s; listing again", self.name, error.what)
                hearing.broke(f"{error.what} {error.why}".strip())
                pause.take()
            except Exception as exc:
                log.exception("watch of %s: a fault of the operator itself; listing again", self.name)
                hearing.broke(repr(exc))
                pause.take()

    def _round(self, stop: threading.Event, hearing: Hearing, pause: Pause) -> None:
        """A list, then watch after watch, each from where the last one ended, until it is time to list again."""
        client = self.connect()
        objects, version = client.list_at(*self.kind, self.namespace, labels=self.labels, kept=self.kept)
        hearing.lists += 1
        self.on_event(Event(ChangeKind.SYNCHRONIZATION, tuple(objects)))
        end = time.monotonic() + self.resync
        while not stop.is_set() and time.monotonic() < end:
            seconds = min(random.randint(*WATCH_SECONDS), max(1, int(end - time.monotonic())))  # noqa: S311
            began = time.monotonic()
            try:
                version = self._watch(client, version, seconds, stop, hearing)
            finally:
                lasted = time.monotonic() - began
                if lasted >= STEADY_SECONDS:
                    pause.reset()
            if stop.is_set() or lasted >= seconds * EARLY:
                hearing.failure = ""
            elif lasted >= STEADY_SECONDS:  # as a proxy does that ends what is idle: nothing was missed
                pause.take()
            else:
                raise TransientError(f"it ended after {lasted:.1f} of {seconds} s")

    def _watch(
        self, client: Client, version: str, seconds: int, stop: threading.Event, hearing: Hearing
    ) -> str:
        """One watch until its end; the version at which the next one goes on."""
        watching = client.watch(
            *self.kind, self.namespace, labels=self.labels, since=version, seconds=seconds
        )
        for change in watching:
            if stop.is_set():
                break
            hearing.failure = ""
            version = change["object"]["metadata"]["resourceVersion"]
            if change["type"] != "BOOKMARK" and (found := self.kept(change["object"])) is not None:
                self.on_event(Event(ChangeKind(change["type"].title()), (found,)))
        return version

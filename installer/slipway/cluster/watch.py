"""A reflector: list, then watch from the list's version, for ever; every change reaches one callback.

Called by the operator's runtime. It survives what a control plane does to its watchers: API servers that
restart, connections that die without a word, compaction (410), streams that end every few minutes.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from slipway.cluster.client import Client
from slipway.errors import SlipwayError

log = logging.getLogger(__name__)

#: Seconds after which the server ends a watch, drawn anew each time: watchers do not come back together.
WATCH_SECONDS: Final = (240, 300)

#: Seconds of back-off, first and longest. The first is short: an edit must be seen within a second.
BACK_OFF: Final = (0.2, 10.0)


@dataclass(frozen=True, slots=True)
class Event:
    """What the callback gets: Added | Modified | Deleted, or Synchronization with all objects of a list."""

    kind: str
    objects: tuple[dict[str, Any], ...]


def reflect(
    client: Client,
    kind: tuple[str, str],
    namespace: str,
    on_event: Callable[[Event], None],
    stop: threading.Event,
    *,
    resync: float = 600.0,
) -> None:
    """Call `on_event` for every list and every change of a kind (apiVersion, kind), until `stop` is set.

    The list is repeated every `resync` seconds, and whenever the watch broke. A watch that runs is not broken
    off by `stop`: run this in a daemon thread; after `stop` the callback is not called again.
    """
    pause = Pause(stop)
    while not stop.is_set():
        try:
            objects, version = client.list_at(*kind, namespace)
            on_event(Event("Synchronization", tuple(objects)))
            _watch_until(client, kind, namespace, version, on_event, stop, pause, time.monotonic() + resync)
        except SlipwayError as error:
            if not stop.is_set():
                log.info("watch of %s: %s; listing again", kind[1], error.what)
                pause.take()


class Pause:
    """Back-off with jitter: between half and the whole of a doubling time."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._seconds = BACK_OFF[0]

    def reset(self) -> None:
        """It works again."""
        self._seconds = BACK_OFF[0]

    def take(self) -> None:
        """Wait, longer each time."""
        self._stop.wait(self._seconds * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, guards nothing
        self._seconds = min(self._seconds * 2, BACK_OFF[1])


def _watch_until(
    client: Client,
    kind: tuple[str, str],
    namespace: str,
    version: str,
    on_event: Callable[[Event], None],
    stop: threading.Event,
    pause: Pause,
    end: float,
) -> None:
    """Watch after watch, each from where the last one ended, until it is time to list again."""
    while not stop.is_set() and time.monotonic() < end:
        seconds = min(random.randint(*WATCH_SECONDS), max(1, int(end - time.monotonic())))  # noqa: S311
        for change in client.watch(*kind, namespace, since=version, seconds=seconds):
            if stop.is_set():
                return
            pause.reset()
            version = change["object"]["metadata"]["resourceVersion"]
            if change["type"] != "BOOKMARK":
                on_event(Event(change["type"].title(), (change["object"],)))

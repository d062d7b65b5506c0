"""Follows one operation: progress events in, what runs and what is done out, shown by a thread of its own.

The engine's threads only note what happened. A second thread tells the API, a few times a second at most: an API
server that restarts because of the very operation must not hold it up.
"""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from slipway.engine.chronicle.course import Running, advanced
from slipway.model.operation import Progress, ProgressKind

#: Seconds between two writes of the status: people see steps move, the API is spared.
WRITE_SECONDS: Final = 0.5
#: Seconds between two looks of `heed` while nothing is new.
HEED_SECONDS: Final = 5.0

_NEWS: Final = frozenset({ProgressKind.STEP_STARTED, ProgressKind.STEP_FINISHED, ProgressKind.WAITS})


class Tracker:
    """Context manager around one run of a plan; `note` is the engine's progress callback."""

    def __init__(
        self,
        show: Callable[[Running], bool | None],
        clock: Callable[[], str],
        past: Running | None = None,
        *,
        stirred: threading.Event | None = None,
        heed: Callable[[Running], None] = lambda _: None,
        pause: float = WRITE_SECONDS,
        share: float = 1.0,
    ) -> None:
        """`past`: where an operation stood that is gone on with; `stirred`: the cluster looks otherwise than before.

        `show` is called again, though nothing is new, where it says False: it could not. `heed` gets the operation
        also while nothing is new of it; `pause`: seconds between two calls of `show`, at least; `share`: of the time
        that `show` takes at most, so that what is large is shown less often.
        """
        self._heed = heed
        self._pause = pause
        self._share = share
        self._stirred = stirred or threading.Event()
        self._show = show
        self._clock = clock
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._over = threading.Event()
        self._running = past
        self._thread = threading.Thread(target=self._tell, name="slipway-status", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._news.set()
        self._thread.join()

    @property
    def running(self) -> Running | None:
        """The operation at this moment; None before anything was heard of it."""
        with self._lock:
            return self._running

    def note(self, event: Progress) -> None:
        """Take one event in."""
        with self._lock:
            first = self._running is None
            before = self._running or Running(event.operation, self._clock(), locked=False)
            self._running = after = advanced(before, event)
        if first or (before.locked, before.waits) != (after.locked, after.waits) or event.kind in _NEWS:
            self._news.set()

    def _tell(self) -> None:
        while not self._over.is_set():
            news = self._news.wait(HEED_SECONDS) or self._stirred.is_set()
            if news:
                self._news.clear()
            running, began = self.running, time.monotonic()
            if running is not None and not self._over.is_set():
                self._heed(running)
                if news and self._show(running) is False:
                    self._news.set()
            if news:
                took = time.monotonic() - began
                self._over.wait(max(self._pause, took / self._share - took))

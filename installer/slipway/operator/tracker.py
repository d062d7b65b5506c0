"""Follows one operation: progress events in, what runs and what is done out, shown by a thread of its own.

The engine's threads only note what happened. A second thread tells the API, at most twice a second: an API
server that restarts because of the very operation must not hold it up.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

from slipway.model.operation import Failure, Outcome, Progress, ProgressKind, StepResult
from slipway.operator.afresh import STIR_SECONDS
from slipway.operator.door import Running

#: Seconds between two writes of the status: people see steps move, the API is spared.
WRITE_SECONDS: Final = 0.5

_NEWS: Final = frozenset({ProgressKind.STEP_STARTED, ProgressKind.STEP_FINISHED, ProgressKind.WAITS})


class Tracker:
    """Context manager around one run of a plan; `note` is the engine's progress callback."""

    def __init__(
        self,
        show: Callable[[Running], None],
        clock: Callable[[], str],
        past: Running | None = None,
        *,
        stirred: threading.Event,
        heed: Callable[[Running], None] = lambda _: None,
    ) -> None:
        """`past`: where an operation stood that is gone on with; `stirred`: the cluster looks otherwise than before.

        `heed` gets the operation also while nothing is new of it.
        """
        self._heed = heed
        self._stirred = stirred
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
            news = self._news.wait(STIR_SECONDS) or self._stirred.is_set()
            if news:
                self._news.clear()
            running = self.running
            if running is not None and not self._over.is_set():
                self._heed(running)
                if news:
                    self._show(running)
            if news:
                self._over.wait(WRITE_SECONDS)


def advanced(running: Running, event: Progress) -> Running:
    """The operation after one event."""
    steps, done, says = running.steps, dict(running.done), dict(running.says)
    if event.kind is ProgressKind.LOCKED:
        return replace(running, locked=True, waits="")
    if event.kind is ProgressKind.NOTE and not running.locked:
        return replace(running, waits=event.text)
    if event.kind is ProgressKind.WAITS:
        says[event.step] = event.text
    elif event.kind is ProgressKind.STEP_STARTED:
        steps |= {event.step}
        done.pop(event.step, None)  # tried again
    elif event.kind is ProgressKind.STEP_FINISHED:
        steps -= {event.step}
        says.pop(event.step, None)
        done[event.step] = step_result(event)
    return replace(running, steps=steps, done=done, says=says)


def step_result(event: Progress) -> StepResult:
    """What a `step-finished` event tells: its text is what failed, its data {outcome, seconds}."""
    outcome = Outcome(event.data.get("outcome", Outcome.SUCCEEDED))
    failure = None if outcome is Outcome.SUCCEEDED else Failure(event.text, where=event.target)
    return StepResult(event.step, outcome, float(event.data.get("seconds", 0.0)), failure=failure)

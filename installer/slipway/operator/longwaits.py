"""Which of an operation's waits people hear of by an Event: what has lasted for some time, once."""

import time
from collections.abc import Callable
from typing import Final

from slipway.engine.chronicle.course import Running

#: Seconds that a step has to wait for the same before it is told: most modules are there by then.
LONG_SECONDS: Final = 10.0
#: Seconds between two Events of one step.
REST_SECONDS: Final = 60.0
#: Events at once; others come with the next call.
AT_ONCE: Final = 5


class LongWaits:
    """Heeds a running operation again and again, and tells what lasts."""

    def __init__(self, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._clock = clock
        self._since: dict[str, tuple[str, float]] = {}
        self._told: dict[str, tuple[str, float]] = {}

    def heed(self, running: Running) -> None:
        """Tell what has lasted by now and was not told."""
        now = self._clock()
        for step, text in running.says.items():
            if self._since.get(step, ("", now))[0] != text:
                self._since[step] = (text, now)
        for step in [step for step, text in running.says.items() if self._is_due(step, text, now)][:AT_ONCE]:
            self._told[step] = (running.says[step], now)
            self._tell(f"{step} waits: {running.says[step]}")

    def _is_due(self, step: str, text: str, now: float) -> bool:
        told, when = self._told.get(step, ("", now - REST_SECONDS))
        return now - self._since[step][1] >= LONG_SECONDS and told != text and now - when >= REST_SECONDS

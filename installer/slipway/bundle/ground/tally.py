"""How far a transfer is: bytes, rate, and the time that is left."""

import threading
import time
from collections.abc import Callable

MIB = 1 << 20


class Tally:
    """Counts bytes from several threads; `progress` gets it after each piece.

    `total` is what is known of: a server may send more than it said before.
    """

    def __init__(self, total: int, progress: Callable[["Tally"], None]) -> None:
        self.total, self.done = total, 0
        self._progress, self._lock = progress, threading.Lock()
        self._started = time.monotonic()

    def add(self, count: int) -> None:
        """So many bytes more have arrived; a negative number: so many that had arrived have to come again."""
        with self._lock:
            if count < 0:
                self.total -= count
            else:
                self.done += count
            self._progress(self)

    def __str__(self) -> str:
        """As `120 of 766 MiB, 35.1 MiB/s, 18 s left`."""
        seconds = max(time.monotonic() - self._started, 0.001)
        rate = self.done / seconds
        left = f", {(self.total - self.done) / rate:.0f} s left" if 0 < self.done < self.total else ""
        whole = max(self.total, self.done)
        return f"{self.done // MIB} of {whole // MIB} MiB, {rate / MIB:.1f} MiB/s{left}"


def every(seconds: float, say: Callable[[str], None]) -> Callable[[Tally], None]:
    """Says how far it is, not more often than that, and not at once: what is short needs no telling."""
    told = time.monotonic()

    def show(tally: Tally) -> None:
        nonlocal told
        if time.monotonic() - told >= seconds:
            told = time.monotonic()
            say(str(tally))

    return show

"""A transfer on the screen: one line that changes on a terminal, a line now and then elsewhere. Always on stderr."""

import sys
import time
from typing import TYPE_CHECKING

from slipway.cli.views.streams import steer

if TYPE_CHECKING:
    from slipway.bundle.ground.tally import Tally

#: Seconds between two lines in a log, and between two changes of a terminal's line.
LOG_SECONDS, TERMINAL_SECONDS = 10.0, 0.2
WIDTH = 30


class TransferView:
    """Shows a tally of such things; called for each piece that arrives."""

    def __init__(self, things: str) -> None:
        self._things = things
        self._live = sys.stderr.isatty()
        self._shown = time.monotonic()

    def __call__(self, tally: "Tally") -> None:
        """Show it, unless it was shown a moment ago; its end in any case."""
        now, ended = time.monotonic(), tally.done == tally.total
        if not ended and now - self._shown < (TERMINAL_SECONDS if self._live else LOG_SECONDS):
            return
        self._shown = now
        if self._live:
            full = WIDTH * min(tally.done, tally.total) // max(tally.total, 1)
            bar = "━" * full + " " * (WIDTH - full)
            steer(f"\r{bar} {self._things}: {tally}\x1b[K" + ("\n" if ended else ""), sys.stderr)
        else:
            print(f"{self._things}: {tally}", file=sys.stderr, flush=True)

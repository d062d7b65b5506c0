"""How often something is tried again that a registry or server could not do, and what is waited before."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from slipway.bundle.registry.refusals import RegistryUnavailable

#: Seconds before each further try of something that can be tried again.
PATIENCE = (0.1, 0.5, 2.0, 5.0)
#: Seconds: a registry that asks for a longer pause (Retry-After) is told on and not waited for.
LONGEST_PAUSE = 30.0


@dataclass(slots=True)
class Patience:
    """How often one piece of work is tried again, and what is waited before each try.

    `met`: whether there was any answer yet; who never answered is not waited for: it is not there.
    """

    pauses: tuple[float, ...]
    met: Callable[[], bool] = lambda: True
    used: int = 0

    def wait(self, failure: RegistryUnavailable) -> None:
        """Wait for the next try; raises the failure when there is none."""
        if self.used == len(self.pauses) or failure.pause > LONGEST_PAUSE or not self.met():
            raise failure
        time.sleep(max(self.pauses[self.used], failure.pause))
        self.used += 1

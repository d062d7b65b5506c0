"""The cluster as it is while an operation runs: what was read before it began grows old, and it may take an hour."""

import threading
import time
from dataclasses import replace
from typing import Final

from slipway.errors import SlipwayError
from slipway.model.configuration import Configuration
from slipway.model.observed import ClusterObserved, Observed
from slipway.operator.door import Meter, Session

#: Seconds between two looks while an operation runs, which stirs much itself.
STIR_SECONDS: Final = 5.0


class Afresh:
    """Called by the thread that tells of the operation; `stirred` is set by the watches."""

    def __init__(
        self, configuration: Configuration, session: Session, meter: Meter, stirred: threading.Event
    ) -> None:
        self._configuration = configuration
        self._session = session
        self._meter = meter
        self._stirred = stirred
        self._next = 0.0
        self._cluster: ClusterObserved | None = None

    def seen(self, observed: Observed) -> Observed:
        """What was read, with the cluster as it is now where something stirred since."""
        if self._stirred.is_set() and time.monotonic() >= self._next:
            self._next = time.monotonic() + STIR_SECONDS
            self._look()
        return replace(observed, cluster=self._cluster) if self._cluster else observed

    def _look(self) -> None:
        self._stirred.clear()
        try:
            self._cluster = self._session.look()
        except SlipwayError:  # the API may be down by the operation itself: next time
            self._stirred.set()
        else:
            self._meter.looked(self._configuration, self._cluster)

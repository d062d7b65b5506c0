"""Whether a running operation is to stop: at once, or after what runs now."""

import threading
import time
from typing import Final

from slipway.errors import SlipwayError
from slipway.model.observed import LiveConfiguration
from slipway.model.status import Phase
from slipway.operator.door import Key, Store
from slipway.settings import API_GROUP

#: On a ClusterConfiguration: id of the operation to cancel.
CANCEL_ANNOTATION: Final = f"{API_GROUP}/cancel"

#: Seconds between two looks at the ClusterConfiguration while steps run.
LOOK_SECONDS: Final = 1.0


class Watch:
    """Reasons to stop: the process ends, the user says so, a newer generation came, the ClusterConfiguration went."""

    def __init__(self, live: LiveConfiguration, store: Store, stop: threading.Event) -> None:
        self._live = live
        self._store = store
        self._stop = stop
        self._next_look = 0.0
        self.operation = ""
        self.superseded = False
        self.by_user = False

    def cancelled(self) -> bool:
        """End at once what runs: the process has to go, or the user said so."""
        self._look()
        return self._stop.is_set() or self.by_user

    def held(self) -> bool:
        """Wait no more and begin nothing more: a newer generation is there, to be planned once what works has ended."""
        self._look()
        return self.superseded

    def _look(self) -> None:
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK_SECONDS
        try:
            live = self._store.get(Key(self._live.namespace, self._live.name))
        except SlipwayError:  # the API restarts: nothing is known, so nothing changes
            return
        if live is None:  # deleted: nobody wants the rest
            self.superseded = True
        else:
            self.superseded = (live.uid, live.generation) != (self._live.uid, self._live.generation)
            self.by_user = bool(self.operation) and live.annotations.get(CANCEL_ANNOTATION) == self.operation


def cancelled_before(live: LiveConfiguration) -> bool:
    """Whether the user cancelled what is left to do. An edit starts again, and so does the end of the annotation.

    What was done of it makes another plan of the rest, so plans are not compared.
    """
    status = live.status
    wanted = live.annotations.get(CANCEL_ANNOTATION)
    ended = (status.get("phase"), status.get("observedGeneration")) == (Phase.CANCELLED, live.generation)
    return bool(wanted) and wanted == (status.get("operation") or {}).get("id") and ended

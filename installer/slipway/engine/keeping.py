"""Threads that keep a lock while an operation runs: one for each kind, so that none waits for another's edge."""

import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from slipway.errors import ConflictError, SlipwayError

#: Frames that say where a bug of ours is.
_FRAMES: Final = 4


class Keeper:
    """Renews one lock every so many seconds until `stop`; `failure` says why it ended before.

    A renewal that fails for a passing cause is tried again at its next turn, and told once. A lock that somebody took
    ends the keeping, and so does a bug: the thread never ends without a word.
    """

    def __init__(
        self, name: str, renew: Callable[[], None], *, seconds: float, note: Callable[[str], None]
    ) -> None:
        self.failure: SlipwayError | None = None
        self._name = name
        self._renew = renew
        self._seconds = seconds
        self._note = note
        self._trouble = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"keeper of {name}", daemon=True)

    def start(self) -> None:
        """Begin; the lock has just been taken."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for a renewal that is on its way."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            self._keep()
        except ConflictError as error:
            self._end(error)
        except BaseException as exc:
            why = "".join(traceback.format_exception(exc)[-_FRAMES:])
            self._end(SlipwayError(f"{self._name} cannot be kept", why=why, hint="report this"))

    def _keep(self) -> None:
        pause = self._seconds
        while not self._stop.wait(pause):
            began = time.monotonic()
            try:
                self._renew()
            except ConflictError:
                raise
            except SlipwayError as error:  # the API restarts, a host reboots: the next renewal may succeed
                self._tell(error.what)
            else:
                self._tell("")
            pause = max(0.0, self._seconds - (time.monotonic() - began))

    def _tell(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            self._note(f"{self._name} could not be renewed: {trouble}")
        elif self._trouble and not trouble:
            self._note(f"{self._name} is renewed again")
        self._trouble = trouble

    def _end(self, failure: SlipwayError) -> None:
        self.failure = failure
        with suppress(Exception):  # who has to know asks for `failure`; a note may be what failed
            self._note(f"stopping: {failure.what}")

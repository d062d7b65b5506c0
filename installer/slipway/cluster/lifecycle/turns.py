"""What passes between the engine and the modules of one run, each of them a process of its own: files in a directory.

A module says what it waits for, and how its step ended, for those that require it. The engine says, once and to all,
that an edit came: whoever waits gives the wait up, and the next plan decides what becomes of it.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from slipway.landing import PRIVATE, land

#: Present once an edit came. No step has this name: those have two slashes.
_EDITED: Final = "edited"


class Ended(StrEnum):
    """How a module's step ended in this run."""

    DONE = "done"
    FAILED = "failed"
    BLOCKED = "blocked"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Turns:
    """The directory of one run; both sides may open it first."""

    directory: Path

    def end(self, step: str, how: Ended) -> None:
        """Say how a step ended."""
        self._write(self._marker(step), how)

    def ended(self, step: str) -> Ended | None:
        """How a step ended; None: it has not."""
        try:
            return Ended(self._marker(step).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def say(self, step: str, text: str) -> None:
        """What a step waits for, or does, at this moment."""
        self._write(self._marker(step, "said"), text)

    def said(self, step: str) -> str:
        """What a step said last; empty: nothing yet."""
        try:
            return self._marker(step, "said").read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def give_up(self) -> None:
        """Tell all that an edit came. A second time changes nothing."""
        if not self.given_up():
            self._write(self.directory / _EDITED, "")

    def given_up(self) -> bool:
        """Whether an edit came: to wait on would be for something that may be wanted no more."""
        return (self.directory / _EDITED).exists()

    def _marker(self, step: str, what: str = "ended") -> Path:
        return self.directory / f"{step.replace('/', '.')}.{what}"

    def _write(self, path: Path, text: str) -> None:
        """Whole: others read it while it is written."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        land(path, text, mode=PRIVATE)

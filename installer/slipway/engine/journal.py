"""The local history of operations: one append-only file of JSON lines each. For people; resume never needs it."""

import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO

from pydantic import TypeAdapter, ValidationError

from slipway.errors import ConfigurationError
from slipway.holders import process_of, runs_here
from slipway.model.operation import Outcome, Progress, ProgressKind
from slipway.smallfiles import bytes_of

#: Operations kept; a year of weekly changes.
KEEP = 50

_EVENT: Final = TypeAdapter(Progress)
#: What is read of an event's data.
_DATA: Final = {"holder": str, "steps": list, "outcome": str, "seconds": float, "failure": dict, "spec": dict}
#: Seconds since 1970 at the end of the year 9999: no clock shows more.
_FAR: Final = 253402300800.0


def new_operation() -> str:
    """A name that sorts by time and is unique across machines."""
    return time.strftime("op-%Y%m%d-%H%M%S-", time.gmtime()) + secrets.token_hex(4)


@dataclass(slots=True)
class Journal:
    """Writes one operation's events. A disk that takes no more ends the writing, never the operation."""

    directory: Path
    operation: str
    trouble: str = ""
    """Why nothing more is written, in the system's words; empty while it is."""
    _file: Any = field(default=None)

    def write(self, event: Progress) -> None:
        """Append one event, readable at once by `slipway operation logs`."""
        if self.trouble:
            return
        try:
            if self._file is None:
                self._file = self._opened()
            self._file.write(json.dumps(asdict(event), default=str) + "\n")
            self._file.flush()
        except OSError as error:
            self.trouble = error.strerror or str(error)

    def discard(self) -> None:
        """Forget an operation that never began: no step of it was carried out."""
        if self._file:
            self.close()
            with suppress(OSError):
                self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """End the file."""
        if self._file:
            with suppress(OSError):  # what could not be written before
                self._file.close()
            self._file = None

    @property
    def _path(self) -> Path:
        return self.directory / f"{self.operation}.jsonl"

    def _opened(self) -> TextIO:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        _prune(self.directory)
        return os.fdopen(descriptor, "a", encoding="utf-8")


def operation_names(directory: Path) -> list[str]:
    """Names of the operations on record, newest first."""
    return sorted((path.stem for path in directory.glob("op-*.jsonl")), reverse=True)


def newest_operation(directory: Path) -> tuple[str, list[dict[str, Any]]]:
    """The newest operation with its events; without any where there is none, or where it cannot be read."""
    return next(((name, readable_events(directory, name)) for name in operation_names(directory)), ("", []))


def readable_events(directory: Path, operation: str) -> list[dict[str, Any]]:
    """An operation's events in order; none where its file cannot be read."""
    try:
        return list(events(directory, operation))
    except (OSError, ConfigurationError):
        return []


def running_process(directory: Path) -> int | None:
    """Process of the operation that runs on this machine now, if there is one."""
    _, happened = newest_operation(directory)
    if not happened or happened[-1]["kind"] == ProgressKind.FINISHED:
        return None
    holder = str(happened[0]["data"].get("holder", ""))
    return process_of(holder) if runs_here(holder) else None


def events(directory: Path, operation: str) -> Iterator[dict[str, Any]]:
    """An operation's events in order. A line that is none is left out: cut off by a kill, or edited.

    Raises:
        ConfigurationError: there is no such operation.
        OSError: its file cannot be read.
    """
    path = directory / f"{operation}.jsonl"
    if not path.exists():
        raise ConfigurationError(
            f"there is no operation {operation}", where=str(directory), hint="slipway operation list"
        )
    for line in bytes_of(path).decode("utf-8", "replace").splitlines(keepends=True):
        if line.endswith("\n") and (event := _event(line)):
            yield event


def _event(line: str) -> dict[str, Any] | None:
    """One line, fit for all that is read of it; None: it is no event."""
    try:
        event = _EVENT.validate_json(line)
    except ValidationError:
        return None
    known = all(isinstance(event.data.get(name, form()), form) for name, form in _DATA.items())
    return asdict(event) if known and 0 <= event.time < _FAR else None


def unfinished_targets(directory: Path) -> set[str]:
    """Targets of steps that the newest operation on this machine began and did not bring to a good end."""
    begun: dict[str, str] = {}
    for event in newest_operation(directory)[1]:
        if event["kind"] == ProgressKind.STEP_STARTED:
            begun[event["step"]] = event["target"]
        elif (
            event["kind"] == ProgressKind.STEP_FINISHED and event["data"].get("outcome") == Outcome.SUCCEEDED
        ):
            begun.pop(event["step"], None)
    return set(begun.values())


def _prune(directory: Path) -> None:
    for name in operation_names(directory)[KEEP:]:
        (directory / f"{name}.jsonl").unlink(missing_ok=True)

"""The local history of operations: one append-only file of JSON lines each. For people; resume never needs it."""

import json
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from slipway.errors import ConfigurationError
from slipway.holders import process_of, runs_here
from slipway.model.operation import Outcome, Progress, ProgressKind

#: Operations kept; a year of weekly changes.
KEEP = 50


def new_operation() -> str:
    """A name that sorts by time and is unique across machines."""
    return time.strftime("op-%Y%m%d-%H%M%S-", time.gmtime()) + secrets.token_hex(4)


@dataclass(slots=True)
class Journal:
    """Writes one operation's events."""

    directory: Path
    operation: str
    _file: Any = field(default=None)

    def write(self, event: Progress) -> None:
        """Append one event, readable at once by `slipway operation logs`."""
        if self._file is None:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self.directory / f"{self.operation}.jsonl"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self._file = os.fdopen(descriptor, "a", encoding="utf-8")
            _prune(self.directory)
        self._file.write(json.dumps(asdict(event), default=str) + "\n")
        self._file.flush()

    def discard(self) -> None:
        """Forget an operation that never began: no step of it was carried out."""
        if self._file:
            self.close()
            (self.directory / f"{self.operation}.jsonl").unlink(missing_ok=True)

    def close(self) -> None:
        """End the file."""
        if self._file:
            self._file.close()
            self._file = None


def operations(directory: Path) -> list[str]:
    """Names of the operations on record, newest first."""
    return sorted((path.stem for path in directory.glob("op-*.jsonl")), reverse=True)


def running(directory: Path) -> int | None:
    """Process of the operation that runs on this machine now, if there is one."""
    for name in operations(directory)[:1]:
        happened = list(events(directory, name))
        holder = happened[0]["data"].get("holder", "") if happened else ""
        if happened and happened[-1]["kind"] != ProgressKind.FINISHED and runs_here(holder):
            return process_of(holder)
    return None


def events(directory: Path, operation: str) -> Iterator[dict[str, Any]]:
    """An operation's events in order; a last line cut off by a kill is left out."""
    path = directory / f"{operation}.jsonl"
    if not path.exists():
        raise ConfigurationError(
            f"there is no operation {operation}", where=str(directory), hint="slipway operation list"
        )
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield json.loads(line)


def unfinished(directory: Path) -> set[str]:
    """Targets of steps that the newest operation on this machine began and did not bring to a good end."""
    begun: dict[str, str] = {}
    for name in operations(directory)[:1]:
        for event in events(directory, name):
            if event["kind"] == ProgressKind.STEP_STARTED:
                begun[event["step"]] = event["target"]
            elif (
                event["kind"] == ProgressKind.STEP_FINISHED
                and event["data"].get("outcome") == Outcome.SUCCEEDED
            ):
                begun.pop(event["step"], None)
    return set(begun.values())


def _prune(directory: Path) -> None:
    for name in operations(directory)[KEEP:]:
        (directory / f"{name}.jsonl").unlink(missing_ok=True)

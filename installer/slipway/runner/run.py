"""`run`: one playbook over some hosts, in a supervised process, and what came of it.

Everything the run needs to know lies in a directory of its own (`scratch`), in memory where the machine has a
tmpfs, which is gone afterwards. What stays is the log, without secrets.
"""

import json
import logging
import os
import selectors
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from slipway.errors import StepError
from slipway.landing import real
from slipway.runner.events import EventKind, RunnerEvent
from slipway.runner.launch import Job, Started, launch
from slipway.runner.redaction import Redactor
from slipway.runner.scratch import Scratch
from slipway.runner.standby import Standby
from slipway.runner.variables import ssh_arguments
from slipway.settings import data_dir

_log = logging.getLogger(__name__)

#: How often `cancelled` is asked (seconds): a fifth of what a person notices.
_POLL: Final = 0.1


@dataclass(frozen=True, slots=True)
class RunnerFailure:
    """A task that failed for good on a host (rescued ones are none)."""

    host: str
    task: str
    role: str
    message: str
    why: str = ""
    path: str = ""
    step: str = ""
    unreachable: bool = False


@dataclass(frozen=True, slots=True)
class RunnerResult:
    """The end of a run. status: successful | failed | canceled; stats: {host: {ok, changed, failed, ...}}."""

    rc: int
    status: str
    seconds: float
    stats: dict[str, dict[str, int]] = field(default_factory=dict)
    failures: tuple[RunnerFailure, ...] = ()
    log: Path | None = None

    @property
    def changed(self) -> int:
        """Tasks that changed something, over all hosts."""
        return sum(host.get("changed", 0) for host in self.stats.values())

    @property
    def ok(self) -> bool:
        """All went well."""
        return self.status == "successful"


def run(
    playbook: str | Path,
    *,
    hosts: Mapping[str, Mapping[str, Any]],
    directory: Path,
    secrets: Callable[[str], str],
    groups: Mapping[str, Sequence[str]] | None = None,
    extra: Mapping[str, Any] | None = None,
    known_hosts: Path | None = None,
    on_event: Callable[[RunnerEvent], None] = lambda _event: None,
    cancelled: Callable[[], bool] = lambda: False,
    check: bool = False,
    tags: str = "",
    standby: Standby | None = None,
) -> RunnerResult:
    """Run a playbook of `playbooks/` (or an absolute path); its log goes to `directory`.

    `hosts` maps names to host variables, with places of secrets (`slipway.model.placeholders`). Returns also when
    hosts failed; raises StepError when Ansible itself could not run. May be called from any thread.
    A `standby` run of this playbook is taken where there is one; its connections are local.
    """
    path = data_dir() / "playbooks" / playbook
    if not path.is_file():
        raise StepError(f"there is no playbook {playbook}", where=str(path.parent))
    started = standby.take(path, len(hosts)) if standby and not (check or tags) else None
    scratch = started.scratch if started else Scratch.make(directory)
    try:
        redactor = Redactor(scratch.write(hosts, groups or {}, extra or {}, secrets))
        if started:
            started.open_gate()
        else:
            keys = real(known_hosts or directory / "known_hosts")
            variables = {"ANSIBLE_SSH_ARGS": ssh_arguments(keys)}
            started = launch(scratch, Job(path, max(len(hosts), 1), check, tags, variables))
        result = _Run(started, redactor, on_event, cancelled).execute()
        log = scratch.keep_log(directory, path.stem, redactor)
        return RunnerResult(**result, log=log)
    finally:
        if started:
            started.end(in_order=False)
        scratch.remove()


class _Run:
    """The supervisor's other end."""

    def __init__(
        self,
        started: Started,
        redactor: Redactor,
        on_event: Callable[[RunnerEvent], None],
        cancelled: Callable[[], bool],
    ) -> None:
        self.started = started
        self.redactor = redactor
        self.on_event = on_event
        self.cancelled = cancelled
        self.stats: dict[str, dict[str, int]] = {}
        self.failures: list[RunnerFailure] = []
        self.end: dict[str, Any] = {}

    def execute(self) -> dict[str, Any]:
        """Follow it to its end; leaves no process, whatever happens."""
        started = time.monotonic()
        cancelled = False
        try:
            for line in self._lines(self.started.process):
                if line is not None:
                    self._message(json.loads(line))
                elif cancelled := self.cancelled():
                    break
        finally:
            self.started.end(in_order=bool(self.end))
        if not cancelled and not self.end:
            raise self._broken(self.started.process.returncode)
        return {
            "rc": 254 if cancelled else self.end["rc"],
            "status": "canceled" if cancelled else self.end["status"],
            "seconds": time.monotonic() - started,
            "stats": self.stats,
            "failures": tuple(f for f in self.failures if self._final(f)),
        }

    def _lines(self, process: "subprocess.Popen[bytes]") -> Iterator[bytes | None]:
        """Lines as they come; None whenever it is time to look whether to cancel."""
        assert process.stdout is not None  # noqa: S101 - for the type checker
        buffer = b""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                if selector.select(_POLL):
                    chunk = os.read(process.stdout.fileno(), 1 << 16)
                    if not chunk:
                        return
                    *lines, buffer = (buffer + chunk).split(b"\n")
                    yield from lines
                yield None

    def _message(self, message: Mapping[str, Any]) -> None:
        if "event" in message:
            self._event(RunnerEvent.from_dict(message["event"]).shown(self.redactor.value))
        elif "result" in message:
            self.end = message["result"]
        elif "error" in message:
            raise StepError("Ansible could not be run", why=self.redactor.text(str(message["error"])))

    def _event(self, event: RunnerEvent) -> None:
        if event.kind is EventKind.STATS:
            self.stats = event.data
        if event.kind in {EventKind.FAILED, EventKind.UNREACHABLE}:
            self.failures.append(_failure(event))
        try:
            self.on_event(event)
        except Exception:
            _log.exception("a listener failed on %s", event.kind)

    def _final(self, failure: RunnerFailure) -> bool:
        """Whether the host really ended badly: a rescued failure is none."""
        stats = self.stats.get(failure.host)
        return stats is None or stats["failed"] + stats["unreachable"] > 0

    def _broken(self, code: int) -> StepError:
        log = (self.started.scratch.path / "supervisor.log").read_text(encoding="utf-8", errors="replace")
        why = self.redactor.text("\n".join(log.splitlines()[-6:]))
        return StepError("the process that runs Ansible died", why=why or f"it ended with {code}")


def _failure(event: RunnerEvent) -> RunnerFailure:
    return RunnerFailure(
        host=event.host,
        task=event.task,
        role=event.role,
        message=event.text,
        why=event.why,
        path=event.path,
        step=event.step,
        unreachable=event.kind is EventKind.UNREACHABLE,
    )

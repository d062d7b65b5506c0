"""`run`: one playbook over some hosts, in a supervised process, and what came of it.

Everything the run needs to know lies in a directory of its own (`scratch`), in memory where the machine has a
tmpfs, which is gone afterwards. What stays is the log, without secrets.
"""

import json
import logging
import os
import selectors
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from slipway.errors import StepError
from slipway.runner.events import EventKind, RunnerEvent
from slipway.runner.processes import MARKER, end_run
from slipway.runner.scratch import Scratch
from slipway.runner.variables import Redactor, ssh_arguments
from slipway.settings import data_dir, interpreter_bin

_log = logging.getLogger(__name__)

#: How often `cancelled` is asked (seconds): a fifth of what a person notices.
_POLL: Final = 0.1
#: How long the supervisor may take to kill all and leave before it is killed itself (seconds).
_PATIENCE: Final = 3.0


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
    forks: int = 0,
    tags: str = "",
    environment: Mapping[str, str] | None = None,
) -> RunnerResult:
    """Run a playbook of `playbooks/` (or an absolute path); its log goes to `directory`.

    `hosts` maps names to host variables, with `$secret` and `$secretFile` placeholders. Returns also when
    hosts failed; raises StepError when Ansible itself could not run. May be called from any thread.
    """
    path = data_dir() / "playbooks" / playbook
    if not path.is_file():
        raise StepError(f"there is no playbook {playbook}", where=str(path.parent))
    scratch = Scratch.make(directory)
    try:
        values = scratch.write(hosts, groups or {}, extra or {}, secrets)
        job = {
            "directory": str(scratch.path),
            "playbook": str(path),
            "inventory": str(scratch.inventory),
            "environment": _environment(scratch, known_hosts or directory / "known_hosts", environment or {}),
            "check": check,
            "tags": tags,
            "forks": forks or max(len(hosts), 1),
        }
        run_ = _Run(scratch, job, Redactor(values), on_event, cancelled)
        result = run_.execute()
        log = scratch.keep_log(directory, path.stem, Redactor(values))
        return RunnerResult(**result, log=log)
    finally:
        shutil.rmtree(scratch.path, ignore_errors=True)


def _environment(scratch: Scratch, known_hosts: Path, more: Mapping[str, str]) -> dict[str, str]:
    """Ansible's environment, all of it said here: nothing of it depends on the user's own setup."""
    return {
        "PATH": f"{interpreter_bin()}:{os.environ.get('PATH', '/usr/sbin:/usr/bin:/sbin:/bin')}",
        "LC_ALL": "C.UTF-8",  # Ansible refuses to start without UTF-8
        "ANSIBLE_CONFIG": str(data_dir() / "ansible.cfg"),
        "ANSIBLE_HOME": str(scratch.path / "home"),
        "ANSIBLE_LOCAL_TEMP": str(scratch.path / "home" / "tmp"),
        "ANSIBLE_INVENTORY_ENABLED": "yaml",
        # ansible-runner sets this to False unless somebody else has set it.
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(scratch.path / "cp"),
        "ANSIBLE_SSH_ARGS": ssh_arguments(known_hosts.resolve()),
        "ANSIBLE_NOCOLOR": "1",
        **more,
    }


class _Run:
    """The supervisor's other end."""

    def __init__(
        self,
        scratch: Scratch,
        job: Mapping[str, Any],
        redactor: Redactor,
        on_event: Callable[[RunnerEvent], None],
        cancelled: Callable[[], bool],
    ) -> None:
        self.id = uuid.uuid4().hex
        self.scratch = scratch
        self.job = job
        self.redactor = redactor
        self.on_event = on_event
        self.cancelled = cancelled
        self.stats: dict[str, dict[str, int]] = {}
        self.failures: list[RunnerFailure] = []
        self.end: dict[str, Any] = {}

    def execute(self) -> dict[str, Any]:
        """Start, follow, end; leaves no process, whatever happens."""
        started = time.monotonic()
        process = self._start()
        cancelled = False
        try:
            for line in self._lines(process):
                if line is not None:
                    self._message(json.loads(line))
                elif cancelled := self.cancelled():
                    break
        finally:
            self._stop(process)
        if not cancelled and not self.end:
            raise self._broken(process.returncode)
        return {
            "rc": 254 if cancelled else self.end["rc"],
            "status": "canceled" if cancelled else self.end["status"],
            "seconds": time.monotonic() - started,
            "stats": self.stats,
            "failures": tuple(f for f in self.failures if self._final(f)),
        }

    def _start(self) -> "subprocess.Popen[bytes]":
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ANSIBLE_", "AWX_", "SSH_"))}
        with (self.scratch.path / "supervisor.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "slipway.runner.supervise"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**kept, MARKER: self.id},
                cwd=self.scratch.path,
                start_new_session=True,  # Ctrl-C at a terminal is ours to handle
            )
        assert process.stdin is not None  # noqa: S101 - for the type checker
        process.stdin.write(json.dumps(self.job).encode() + b"\n")
        process.stdin.flush()
        return process

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
            self._event(RunnerEvent.from_dict(self.redactor.value(message["event"])))
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

    def _stop(self, process: "subprocess.Popen[bytes]") -> None:
        """Ask the supervisor to end the run; make sure of it."""
        try:
            if process.stdin is not None and process.poll() is None and not self.end:
                process.stdin.write(b"c")
                process.stdin.flush()
        except BrokenPipeError:
            pass
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        end_run(self.id)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def _broken(self, code: int) -> StepError:
        log = (self.scratch.path / "supervisor.log").read_text(errors="replace")
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

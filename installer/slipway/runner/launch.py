"""Starts the supervised process of one run, in an environment that depends on nothing of the user's own."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from slipway.runner.processes import MARKER, end_run
from slipway.runner.scratch import Scratch
from slipway.settings import data_dir, interpreter_bin

#: How long the supervisor may take to kill all and leave before it is killed itself (seconds).
_PATIENCE: Final = 3.0


@dataclass(frozen=True, slots=True)
class Job:
    """What has to be known of a run when Ansible starts; hosts and variables lie in its scratch directory."""

    playbook: Path
    forks: int
    check: bool = False
    tags: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Started:
    """A run whose processes exist. With a gate (the end of a FIFO to write to) Ansible waits at it."""

    id: str
    scratch: Scratch
    process: "subprocess.Popen[bytes]"
    gate: int | None = None
    _ended: bool = False

    @property
    def alive(self) -> bool:
        """Whether its supervisor lives."""
        return self.process.poll() is None

    def open_gate(self) -> None:
        """Let it go: hosts and variables are in place."""
        if self.gate is not None:
            os.write(self.gate, b"g")  # kept open: a FIFO that nobody has open forgets what was written

    def end(self, *, in_order: bool) -> None:
        """Let it leave, or ask it to end the run first; make sure of both. A second call does nothing."""
        if self._ended:
            return
        self._ended = True
        if self.gate is not None:
            os.close(self.gate)
        assert self.process.stdin is not None  # noqa: S101 - for the type checker
        if not in_order and self.alive:
            with suppress(BrokenPipeError):  # it may die between the question and the word
                self.process.stdin.write(b"c")
        try:
            self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        end_run(self.id)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


def launch(scratch: Scratch, job: Job) -> Started:
    """Start the supervisor of a run, and through it Ansible."""
    run = uuid.uuid4().hex
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ANSIBLE_", "AWX_", "SSH_"))}
    with (scratch.path / "supervisor.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "slipway.runner.supervise"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # what a dead supervisor no longer reads stays in no buffer, to fail when it is closed
            stderr=log,
            env={
                **kept,
                MARKER: run,
                "PYTHONUTF8": "1",
            },  # what the libraries read and write, whatever the locale
            cwd=scratch.path,
            pass_fds=(scratch.lock,),
            start_new_session=True,  # Ctrl-C at a terminal is ours to handle
        )
    assert process.stdin is not None  # noqa: S101 - for the type checker
    with suppress(BrokenPipeError):  # it is dead already: whoever follows it reads why
        process.stdin.write(json.dumps(_specification(scratch, job)).encode() + b"\n")
    return Started(run, scratch, process)


def _specification(scratch: Scratch, job: Job) -> dict[str, Any]:
    return {
        "directory": str(scratch.path),
        "playbook": str(job.playbook),
        "inventory": str(scratch.inventory),
        "environment": {**_environment(scratch), **job.environment},
        "check": job.check,
        "tags": job.tags,
        "forks": job.forks,
    }


def _environment(scratch: Scratch) -> dict[str, str]:
    """Ansible's environment, all of it said here."""
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
        "ANSIBLE_NOCOLOR": "1",
    }

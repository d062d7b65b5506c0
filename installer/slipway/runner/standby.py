"""A run that is started ahead: Ansible is imported and waits, so that a job costs what it does and no more.

For who has one playbook to run again and again and cannot wait for Ansible to start: the operator. Until it is
taken, the run knows no hosts and no secrets; it ends with the process that keeps it.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from slipway.runner.gate import GATE, PLUGINS
from slipway.runner.launch import Job, Started, launch
from slipway.runner.scratch import Scratch
from slipway.settings import data_dir


class Standby:
    """Keeps one started run of a playbook. For one thread."""

    def __init__(self, playbook: str, directory: Path, *, forks: int, plugins: Sequence[str] = ()) -> None:
        """`plugins`: names of action plugins to be loaded ahead, with whatever they import."""
        self.playbook = data_dir() / "playbooks" / playbook
        self._directory = directory
        self._forks = forks
        self._plugins = tuple(plugins)
        self._started: Started | None = None

    def refill(self) -> None:
        """Start one unless one waits; does not wait for it."""
        if self._started and self._started.alive:
            return
        self.close()
        self._started = self._start()

    def take(self, playbook: Path, hosts: int) -> Started | None:
        """The started run, once, if it fits; None: start your own."""
        if playbook != self.playbook or hosts > self._forks:
            return None
        if self._started and not self._started.alive:
            self.close()
        started, self._started = self._started, None
        return started

    def close(self) -> None:
        """End what waits."""
        if self._started:
            self._started.end(in_order=False)
            self._started.scratch.remove()
            self._started = None

    def _start(self) -> Started:
        scratch = Scratch.make(self._directory)
        scratch.write({}, {}, {}, str)  # replaced when it is taken; ansible-runner looks whether it is there
        fifo = scratch.path / "gate"
        os.mkfifo(fifo, 0o600)
        # Open for both, so that neither side waits for the other to open; when we are gone, it reads the end.
        gate = os.open(fifo, os.O_RDWR | os.O_CLOEXEC)
        environment = {GATE: str(fifo), PLUGINS: ",".join(self._plugins)}
        started = launch(scratch, Job(self.playbook, self._forks, environment=environment))
        started.gate = gate
        return started

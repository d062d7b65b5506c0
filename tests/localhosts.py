"""Hosts whose locks are folders of this machine: the real `lock.sh` under this machine's sh, without SSH in between.

SSH itself, and the same script through it, is tested on lab nodes (tests/nodes/test_probe.py).
"""

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from slipway.probe import locks
from slipway.probe.access import HostError
from slipway.probe.fleet import Fleet
from slipway.probe.ssh import SSHSession
from slipway.settings import HOST_STATE_DIR


class LocalHost:
    """Takes the place of `Session`; `answers` False: it is away."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.directory = directory
        self.answers = True
        self.asked: list[str] = []

    def run(self, script: str, *, stdin: bytes = b"", timeout: float = 0) -> tuple[int, bytes, bytes]:
        if not self.answers:
            raise HostError(self.name, "unreachable", "no SSH connection")
        assert script == locks._SCRIPT
        assert HOST_STATE_DIR in script
        self.asked.append(stdin.split()[0].decode())
        here = script.replace(HOST_STATE_DIR, str(self.directory))
        done = subprocess.run(
            ["sh", "-c", here], input=stdin, capture_output=True, timeout=timeout, check=False
        )
        return done.returncode, done.stdout, done.stderr

    def close(self) -> None:
        """There is no connection."""

    @property
    def lock(self) -> dict[str, Any]:
        """What stands in lock.json."""
        return cast("dict[str, Any]", json.loads((self.directory / "lock.json").read_text()))

    @lock.setter
    def lock(self, content: dict[str, Any]) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "lock.json").write_text(json.dumps(content))


class LocalFleet(Fleet):
    """A fleet of them."""

    def __init__(self, directory: Path, names: Iterable[str]) -> None:
        self.local = {name: LocalHost(name, directory / name) for name in names}
        self.bastion = None
        self.sessions = cast("dict[str, SSHSession]", self.local)

"""What a test's Ansible runs left behind: processes by a marker of the test's own."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from slipway.runner.processes import MARKER

PLAYBOOKS = Path(__file__).parent / "playbooks"
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
#: Marks the processes of one test, besides the runner's own marker.
OURS = "SLIPWAY_TEST_RUN"


def marked() -> dict[int, str]:
    """Processes of this test's runs, with their command lines: other runs may go on beside us."""
    ours = f"{OURS}={os.environ[OURS]}".encode()
    found = {}
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            environment = (directory / "environ").read_bytes()
            if ours in environment and f"{MARKER}=".encode() in environment:
                found[int(directory.name)] = (
                    (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                )
        except OSError:
            continue
    return found


def until(condition: Callable[[], bool], seconds: float) -> float:
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds
        time.sleep(0.02)
    return time.monotonic() - started


def running(text: str) -> Callable[[], bool]:
    return lambda: any(text in line for line in marked().values())

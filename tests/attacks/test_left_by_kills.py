"""What a run had in memory goes with it, also where all of it was killed at once: the next start takes it away.

Real runs of Ansible, killed whole; and what lies beside them in a directory where everybody may write.
"""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from slipway.runner.scratch import Scratch, sweep
from tests.contract.ansible.leftovers import OURS, PLAYBOOKS, marked, running, until

MEMORY = Path("/dev/shm")
PASSWORD = "hunter2-hunter2"
PROGRAM = """
import sys
from pathlib import Path
from slipway.model.placeholders import SecretValue
from slipway.runner import run
host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "it": SecretValue("a/b")}
run(Path(sys.argv[1]), hosts={"a": host}, directory=Path(sys.argv[2]), secrets=lambda _: sys.argv[3])
"""


@contextmanager
def a_run(directory: Path) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """One that sleeps, and its directory in memory."""
    command = [sys.executable, "-c", PROGRAM, str(PLAYBOOKS / "long.yml"), str(directory), PASSWORD]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            until(running("sleep 300"), 30)
            (found,) = MEMORY.glob(f"slipway-run{process.pid}-*")
            yield process, found
        finally:
            process.kill()
            until(lambda: not marked(), 5)


def kill_whole(process: "subprocess.Popen[bytes]") -> None:
    """As when a container is killed: nobody is left who could clean up."""
    ours = marked()
    supervisor = next(pid for pid, line in ours.items() if line.endswith("slipway.runner.supervise "))
    os.kill(supervisor, signal.SIGSTOP)
    for pid in (process.pid, *ours):
        os.kill(pid, signal.SIGKILL)
    process.wait()
    until(lambda: not any(map(holds_files, ours)), 30)


def holds_files(pid: int) -> bool:
    """A killed process is there for a while, with its locks; a zombie has let go of them."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_what_a_killed_run_left_goes_at_the_next_start_and_what_runs_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(OURS, uuid.uuid4().hex)
    with a_run(tmp_path / "one") as (process, left):
        sweep()
        assert PASSWORD in (left / "inventory.yaml").read_text()  # of one that runs
        kill_whole(process)
        assert PASSWORD in (left / "inventory.yaml").read_text()
        following = Scratch.make(tmp_path / "two")
        assert not left.exists()
        sweep()
        assert following.path.is_dir()
        following.remove()
        assert not following.path.exists()


def test_nothing_of_others_is_swept(tmp_path: Path) -> None:
    """A link to a directory, and names that look alike."""
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    (tmp_path / "slipway-run7-link").symlink_to(kept)
    (tmp_path / "slipway-run7-file").touch()
    (tmp_path / "slipway-7-abc").mkdir()
    sweep(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"kept", "slipway-run7-link", "slipway-run7-file", "slipway-7-abc"}
    assert (kept / "file").exists()

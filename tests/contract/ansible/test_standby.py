"""A run started ahead with the real ansible-runner: it is taken once, it is what a fresh one is, it leaves nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.model.placeholders import SecretFile, SecretValue
from slipway.runner import Standby, run
from tests.contract.ansible.leftovers import LOCAL, PLAYBOOKS, marked, running, until

SECRETS = {"slipway-site/password": "hunter2-hunter2", "ssh/key": "PRIVATE-KEY-LINE-1\nPRIVATE-KEY-LINE-2\n"}
WAITS = running("slipway.runner.gate")


@pytest.fixture
def standby(tmp_path: Path) -> Iterator[Standby]:
    made = Standby(str(PLAYBOOKS / "trivial.yml"), tmp_path, forks=2)
    yield made
    made.close()


def play(standby: Standby, tmp_path: Path, **more: Any) -> Any:
    common: dict[str, Any] = {
        "hosts": {"a": LOCAL},
        "directory": tmp_path,
        "secrets": str,
        "standby": standby,
    }
    return run(PLAYBOOKS / "trivial.yml", **common | more)


def test_it_is_taken_once_and_kept_again(standby: Standby, tmp_path: Path) -> None:
    standby.refill()
    until(WAITS, 20)
    waiting = {pid for pid, line in marked().items() if "runner.gate" in line}
    standby.refill()
    assert {pid for pid, line in marked().items() if "runner.gate" in line} == waiting
    assert play(standby, tmp_path).ok
    assert marked() == {}
    assert play(standby, tmp_path, hosts={"b": LOCAL}).stats.keys() == {"b"}


def test_what_does_not_fit_starts_its_own(standby: Standby, tmp_path: Path) -> None:
    standby.refill()
    until(WAITS, 20)
    assert play(standby, tmp_path, hosts=dict.fromkeys("abc", LOCAL)).stats.keys() == set("abc")
    assert play(standby, tmp_path, tags="none").stats == {}
    assert WAITS()


def test_hosts_variables_and_secrets_come_last(tmp_path: Path) -> None:
    standby = Standby(str(PLAYBOOKS / "secrets.yml"), tmp_path, forks=1)
    standby.refill()
    until(WAITS, 20)
    hosts = {
        "a": {
            **LOCAL,
            "password": SecretValue("slipway-site/password"),
            "key": SecretFile("ssh/key"),
        }
    }
    common: dict[str, Any] = {"hosts": hosts, "directory": tmp_path, "secrets": SECRETS.__getitem__}
    warm = run(PLAYBOOKS / "secrets.yml", **common, standby=standby)
    cold = run(PLAYBOOKS / "secrets.yml", **common)
    assert (warm.status, warm.stats) == (cold.status, cold.stats)


def test_one_that_died_is_not_missed(standby: Standby, tmp_path: Path) -> None:
    standby.refill()
    until(WAITS, 20)
    supervisor = next(pid for pid, line in marked().items() if "runner.supervise" in line)
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: standby._started is not None and not standby._started.alive, 5)
    assert play(standby, tmp_path).ok


def test_a_secret_that_is_missing_ends_it(standby: Standby, tmp_path: Path) -> None:
    standby.refill()
    until(WAITS, 20)
    hosts = {"a": {**LOCAL, "x": SecretValue("no/ne")}}
    with pytest.raises(KeyError):
        play(standby, tmp_path, hosts=hosts, secrets=SECRETS.__getitem__)
    assert marked() == {}


PROGRAM = """
import sys, time
from pathlib import Path
from slipway.runner import Standby
Standby(sys.argv[1], Path(sys.argv[2]), forks=1).refill()
time.sleep(300)
"""


def test_it_ends_with_the_process_that_keeps_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(PLAYBOOKS / "trivial.yml"), str(tmp_path)]
    with subprocess.Popen(command) as process:
        until(WAITS, 20)
        process.kill()
        process.wait()
        until(lambda: not marked(), 5)
    until(lambda: not list(Path("/dev/shm").glob(f"slipway-run{process.pid}-*")), 5)

"""`run` with the real ansible-runner: results, secrets, and that nothing of a run outlives it."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from slipway.errors import StepError
from slipway.model.placeholders import SecretFile, SecretValue
from slipway.runner import EventKind, RunnerEvent, run
from slipway.runner.launch import Job, launch
from slipway.runner.scratch import Scratch
from tests.contract.ansible.leftovers import LOCAL, PLAYBOOKS, marked, running, until

SECRETS = {"slipway-site/password": "hunter2-hunter2", "ssh/key": "PRIVATE-KEY-LINE-1\nPRIVATE-KEY-LINE-2\n"}


def test_results_failures_and_events(tmp_path: Path) -> None:
    names = ("a", "loop", "module", "unreachable")
    hosts: dict[str, dict[str, Any]] = {name: dict(LOCAL) for name in names}
    hosts["unreachable"] = {"ansible_host": "127.0.0.1", "ansible_port": 9}
    events: list[RunnerEvent] = []
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), Path.cwd()
    result = run(
        PLAYBOOKS / "all-events.yml",
        hosts=hosts,
        groups={"everybody": names},
        extra={"state_directory": str(tmp_path / "state")},
        directory=tmp_path / "run",
        secrets=SECRETS.__getitem__,
        on_event=events.append,
    )
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), Path.cwd()) == before
    assert (result.status, result.ok) == ("failed", False)
    assert {f.host: f.message for f in result.failures if not f.unreachable} == {
        "loop": "b is not well",
        "module": "DaemonSet/kube-flannel-ds is not ready",
    }
    assert [f.host for f in result.failures if f.unreachable] == ["unreachable"]
    assert result.stats["a"]["failed"] == 0
    assert result.changed >= 3
    kinds = {event.kind for event in events}
    assert kinds == set(EventKind)
    assert result.log is not None
    assert result.log.stat().st_mode & 0o777 == 0o600
    assert "PLAY RECAP" in result.log.read_text()


def test_secrets_reach_the_play_and_nothing_else(tmp_path: Path) -> None:
    template = "{{ lookup('pipe', 'id') }}"
    secrets = {
        "password": SecretValue("slipway-site/password"),
        "key_file": SecretFile("ssh/key"),
        "password_file": SecretFile("slipway-site/password"),
        "template": template,
        "wanted_template": template,
    }
    events: list[RunnerEvent] = []
    result = run(
        PLAYBOOKS / "secrets.yml",
        hosts={"a": {**LOCAL, **secrets}},
        extra={"extra": {"text": template}},
        directory=tmp_path,
        secrets=SECRETS.__getitem__,
        on_event=events.append,
    )
    assert [f.message for f in result.failures] == ["*** was refused"]
    (files,) = [event.data for event in events if event.kind is EventKind.MODULE_PROGRESS]
    assert files["mode"] == "600:600\n600:600"
    assert not Path(files["key_file"]).exists()
    assert result.log is not None
    left = result.log.read_text() + repr(events) + repr(result)
    assert "the password is ***" in left
    assert "hunter2" not in left
    assert "PRIVATE-KEY" not in left


def test_a_listener_that_fails_does_not_end_the_run(tmp_path: Path) -> None:
    def listener(_event: RunnerEvent) -> None:
        raise ValueError("a bug")

    result = run(
        PLAYBOOKS / "trivial.yml", hosts={"a": LOCAL}, directory=tmp_path, secrets=str, on_event=listener
    )
    assert result.ok


def test_several_runs_side_by_side_off_the_main_thread(tmp_path: Path) -> None:
    results = []

    def one(name: str) -> None:
        results.append(
            run(PLAYBOOKS / "trivial.yml", hosts={name: LOCAL}, directory=tmp_path / name, secrets=str)
        )

    threads = [threading.Thread(target=one, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(host for result in results for host in result.stats) == ["a", "b", "c"]
    assert all(result.ok for result in results)


def test_cancel_ends_every_process(tmp_path: Path) -> None:
    def cancelled() -> bool:
        asleep = [line for line in marked().values() if line.startswith("sleep")]
        return running("sleep 300")() and len(asleep) >= 4

    result = run(
        PLAYBOOKS / "long.yml",
        hosts={"a": LOCAL, "b": LOCAL},
        directory=tmp_path,
        secrets=str,
        cancelled=cancelled,
    )
    assert (result.status, result.rc) == ("canceled", 254)
    assert marked() == {}


def test_an_exception_in_the_caller_ends_every_process(tmp_path: Path) -> None:
    def cancelled() -> bool:
        if running("sleep 300")():
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        run(PLAYBOOKS / "long.yml", hosts={"a": LOCAL}, directory=tmp_path, secrets=str, cancelled=cancelled)
    assert marked() == {}


# A job in a shell's background starts with SIGINT ignored, and Python then leaves it so.
PROGRAM = """
import signal, sys
from pathlib import Path
from slipway.runner import run
signal.signal(signal.SIGINT, signal.default_int_handler)
local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
run(Path(sys.argv[1]), hosts={"a": local, "b": local}, directory=Path(sys.argv[2]), secrets=str)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_when_the_caller_is_killed_nothing_lives_on(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", PROGRAM, str(PLAYBOOKS / "long.yml"), str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        until(running("sleep 300"), 60)
        os.kill(process.pid, number)
        process.wait()
        until(lambda: not marked(), 20)
    until(lambda: not list(Path("/dev/shm").glob(f"slipway-run{process.pid}-*")), 20)


def test_when_the_supervisor_is_killed_the_run_fails_and_nothing_lives_on(tmp_path: Path) -> None:
    def kill() -> None:
        until(running("sleep 300"), 60)
        supervisor = next(pid for pid, line in marked().items() if line.endswith("slipway.runner.supervise "))
        os.kill(supervisor, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(StepError, match="died"):
        run(PLAYBOOKS / "long.yml", hosts={"a": LOCAL}, directory=tmp_path, secrets=str)
    killer.join()
    assert marked() == {}


def test_a_supervisor_that_no_longer_listens_is_ended_and_its_pipes_are_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that dies between the question whether it lives and the word to end: nobody reads its pipe."""
    deaf = tmp_path / "deaf"
    deaf.write_text(f"#!{sys.executable}\nimport os, time\nos.close(0)\nprint(flush=True)\ntime.sleep(60)\n")
    deaf.chmod(0o700)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", str(deaf))
        started = launch(Scratch.make(tmp_path), Job(PLAYBOOKS / "long.yml", forks=1))
    process = started.process
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.read(1)
    started.end(in_order=False)
    started.scratch.remove()
    assert (process.returncode, process.stdin.closed, process.stdout.closed) == (-signal.SIGKILL, True, True)
    assert marked() == {}


def test_check_mode_and_tags_reach_ansible(tmp_path: Path) -> None:
    common: dict[str, Any] = {"hosts": {"a": LOCAL}, "directory": tmp_path, "secrets": str}
    checked = run(PLAYBOOKS / "long.yml", check=True, **common)
    assert (checked.ok, checked.stats["a"]["skipped"]) == (True, 2)
    tagged = run(PLAYBOOKS / "trivial.yml", tags="none", **common)
    assert (tagged.ok, tagged.stats) == (True, {})


def test_a_missing_playbook_or_secret_stops_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(StepError, match="no playbook"):
        run("no-such.yml", hosts={}, directory=tmp_path, secrets=str)
    with pytest.raises(KeyError):
        run(
            PLAYBOOKS / "trivial.yml",
            hosts={"a": {**LOCAL, "x": SecretValue("no/ne")}},
            directory=tmp_path,
            secrets=SECRETS.__getitem__,
        )


def test_a_log_that_cannot_be_kept_changes_no_result(tmp_path: Path) -> None:
    (tmp_path / "trivial.log").mkdir()
    result = run(PLAYBOOKS / "trivial.yml", hosts={"a": LOCAL}, directory=tmp_path, secrets=str)
    assert result.ok
    assert result.log is None

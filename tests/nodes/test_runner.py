"""Ansible over SSH to real nodes: keys and host keys from the probe, control masters, what a cancel leaves."""

import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slipway.lab import Lab
from slipway.model.fields import SecretRef
from slipway.model.host.ssh import SSH, Become
from slipway.runner import RunnerResult, connection_variables, run
from slipway.runner.processes import MARKER
from tests.labs import lab_fixture

lab = lab_fixture("runner", "10.175.0.0/24", nodes=2, os=("debian-12", "debian-13"))

OURS = "SLIPWAY_TEST_RUN"
PLAY = """
- name: Over SSH
  hosts: all
  gather_facts: false
  tasks:
    - name: Who am I
      ansible.builtin.command: id -un
      register: me
      changed_when: false
      failed_when: me.stdout != "root"
    - name: Take long
      ansible.builtin.command: sleep {{ seconds }}
      changed_when: false
"""


@pytest.fixture
def play(tmp_path: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RunnerResult]:
    monkeypatch.setenv(OURS, uuid.uuid4().hex)
    playbook = tmp_path / "play.yml"
    playbook.write_text(PLAY)
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text("".join(f"{line}\n" for line in lab.host_keys()))
    secrets = {"ssh/id_ed25519": lab.private_key.read_text(), "ops/sudo": "correct horse"}

    def play_(ssh: SSH | None = None, seconds: int = 0, **options: Any) -> RunnerResult:
        return run(
            playbook,
            hosts={node.name: connection_variables(ssh or SSH(), node.address) for node in lab.nodes},
            directory=tmp_path / "run",
            secrets=secrets.__getitem__,
            extra={"seconds": seconds},
            known_hosts=options.pop("known_hosts", known_hosts),
            **options,
        )

    return play_


def marked() -> int:
    """Processes of this test's runs: other runs may go on beside us."""
    environments = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            environments.append(path.read_bytes())
        except OSError:
            continue
    ours = f"{OURS}={os.environ[OURS]}".encode()
    return sum(ours in environment and f"{MARKER}=".encode() in environment for environment in environments)


def test_a_run_over_ssh_leaves_no_control_master(play: Callable[..., RunnerResult]) -> None:
    result = play()
    assert result.ok, result.failures
    assert marked() == 0


def test_a_user_with_a_sudo_password(lab: Lab, play: Callable[..., RunnerResult]) -> None:
    key = lab.private_key.with_suffix(".pub").read_text()
    for node in lab.nodes:
        lab.ssh(node.name, ["useradd", "--create-home", "ops"])
        lab.ssh(
            node.name,
            ["install", "-D", "-o", "ops", "/dev/stdin", "/home/ops/.ssh/authorized_keys"],
            stdin=key,
        )
        lab.ssh(node.name, ["chpasswd"], stdin="ops:correct horse\n")
        lab.ssh(
            node.name,
            ["install", "-m", "440", "/dev/stdin", "/etc/sudoers.d/ops"],
            stdin="ops ALL=(ALL) ALL\n",
        )
    result = play(SSH(user="ops", become=Become(method="sudo", secret_ref=SecretRef(name="ops", key="sudo"))))
    assert result.ok, result.failures


def test_an_unknown_or_changed_host_key_is_refused(
    lab: Lab, tmp_path: Path, play: Callable[..., RunnerResult]
) -> None:
    empty = tmp_path / "empty"
    empty.write_text("")
    result = play(known_hosts=empty)
    assert [failure.unreachable for failure in result.failures] == [True, True]
    # Under load Ansible may find ssh gone before it has read what ssh said.
    words = ("Host key verification failed", "Data could not be sent to remote host")
    assert any(word in result.failures[0].message for word in words)
    first, second = (line.split() for line in lab.host_keys())
    swapped = tmp_path / "swapped"
    swapped.write_text(f"{first[0]} {' '.join(second[1:])}\n{second[0]} {' '.join(first[1:])}\n")
    assert [failure.unreachable for failure in play(known_hosts=swapped).failures] == [True, True]


def test_cancel_ends_control_masters_too(lab: Lab, play: Callable[..., RunnerResult]) -> None:
    def cancelled() -> bool:
        return all(lab.ssh(node.name, ["pgrep", "sleep"], check=False).returncode == 0 for node in lab.nodes)

    result = play(seconds=300, cancelled=cancelled)
    assert result.status == "canceled"
    assert marked() == 0

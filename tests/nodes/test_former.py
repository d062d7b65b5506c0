"""A unit that does not work with a new file gets the former one back; a trial that a kill cut short is judged later."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.lab import Lab
from slipway.settings import data_dir, interpreter_bin
from tests.labs import lab_nodes

NODE, FILE = "node-1", "/etc/trial.conf"
#: Serves as long as its file says so at its start.
UNIT = f"""[Service]
ExecStartPre=/bin/grep -q good {FILE}
ExecStart=/usr/bin/python3 -m http.server --directory /srv 8099
Restart=always
RestartSec=1
"""
TRIAL = {"name": "trial.service", "enabled": False, "health": "http://127.0.0.1:8099/", "watch": [FILE]}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with lab_nodes("kubformer", "10.186.4.0/24") as found:
        found.ssh(NODE, ["tee", "/etc/systemd/system/trial.service"], stdin=UNIT)
        yield found


def play(lab: Lab, directory: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Both modules, as the role kubernetes_node uses them."""
    tasks: list[dict[str, Any]] = [
        {"slipway_files": {"files": [{"path": FILE, "content": text, "keep_former": True}]}},
        {"slipway_units": {"units": [TRIAL], "seconds": 20}},
    ]
    playbook, hosts = directory / "play.yml", directory / "hosts.json"
    playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    options = f"-o UserKnownHostsFile={lab.known_hosts}"
    variables = {
        "ansible_host": lab.nodes[0].address,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(lab.private_key),
        "ansible_ssh_common_args": options,
    }
    hosts.write_text(json.dumps({"all": {"hosts": {NODE: variables}}}))
    environment = {**os.environ, "ANSIBLE_CONFIG": str(data_dir() / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    return subprocess.run(
        [interpreter_bin() / "ansible-playbook", "-i", hosts, playbook],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=data_dir(),
    )


def sh(lab: Lab, script: str) -> list[str]:
    return lab.ssh(NODE, ["sh", "-c", script], check=False).stdout.split()


def test_what_works_stays_and_what_does_not_is_put_back(lab: Lab, tmp_path: Path) -> None:
    first = play(lab, tmp_path, "good 1\n")
    assert first.returncode == 0, first.stdout
    bad = play(lab, tmp_path, "bad\n")
    assert bad.returncode == 2
    assert f"trial.service does not work with the new {FILE}; what it held before is back" in bad.stdout
    assert sh(lab, f"cat {FILE}; systemctl is-active trial; ls {FILE}*") == ["good", "1", "active", FILE]
    assert play(lab, tmp_path, "good 2\n").returncode == 0
    assert sh(lab, f"cat {FILE}; systemctl is-active trial; ls {FILE}*") == ["good", "2", "active", FILE]


def test_a_trial_that_was_killed_is_judged_by_the_next_run(lab: Lab, tmp_path: Path) -> None:
    """The file landed and the unit was restarted; nobody saw what came of it."""
    sh(lab, f"mv {FILE} {FILE}.former; echo bad >{FILE}; systemctl restart trial")
    bad = play(lab, tmp_path, "bad\n")
    assert bad.returncode == 2, bad.stdout
    assert sh(lab, f"cat {FILE}; systemctl is-active trial; ls {FILE}*") == ["good", "2", "active", FILE]

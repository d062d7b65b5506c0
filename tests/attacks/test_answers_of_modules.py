"""What a host answers to a module is data of that host: it steers no run, ends nobody else's step and fills nothing.

Real runs of Ansible; the host's Python, or what stands between, is the attacker's.
"""

import json
import sys
from pathlib import Path
from typing import Any

from slipway.engine.batches import StepState
from slipway.engine.board import Board
from slipway.engine.hosts import listener
from slipway.runner import RunnerEvent, RunnerResult, run
from slipway.runner.answers import LONGEST
from tests.contract.ansible.leftovers import LOCAL
from tests.unit.engine.plans import plan, step

OURS, THEIRS = step("host/good/kubernetes_node"), step("host/evil/kubernetes_node")
PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.stat: {path: /}
    - ansible.builtin.debug: {msg: "it goes to {{ inventory_hostname }}: {{ carried }}"}
"""


def program(path: Path, text: str) -> str:
    """A program of the attacker's; it takes all that it is told."""
    path.write_text(f"#!/bin/sh\n[ -t 0 ] || cat >/dev/null\n{text}\n")
    path.chmod(0o755)
    return str(path)


def answering(tmp_path: Path, **answer: Any) -> dict[str, str]:
    """A host whose Python answers every module with the same."""
    file = tmp_path / "answer.json"
    file.write_text(json.dumps({"changed": False, "stat": {}, **answer}))
    python = program(tmp_path / "python3", f"cat {file}")
    return {"ansible_connection": "local", "ansible_python_interpreter": python, "carried": "the program"}


def outcome(tmp_path: Path, evil: dict[str, str], on_event: Any = lambda _event: None) -> RunnerResult:
    play = tmp_path / "play.yml"
    play.write_text(PLAY)
    hosts = {"good": {**LOCAL, "carried": "the program"}, "evil": evil}
    return run(play, hosts=hosts, directory=tmp_path / "runs", secrets=str, on_event=on_event)


def test_no_answer_is_a_variable_of_the_run(tmp_path: Path) -> None:
    """What goes to a host from this machine is named by variables: with its own word a host got the SSH key."""
    facts = {"carried": "/root/secrets/ssh/id_ed25519", "ansible_connection": "ssh"}
    result = outcome(tmp_path, answering(tmp_path, ansible_facts=facts))
    assert result.ok
    assert result.log
    text = result.log.read_text()
    assert "it goes to evil: the program" in text
    assert "id_ed25519" not in text


def test_no_answer_ends_the_step_of_another_host(tmp_path: Path) -> None:
    board = Board("op-1", plan(OURS, THEIRS), lambda _progress: None)
    for one in board.plan.steps:
        board.take(one)
    heard: list[RunnerEvent] = []
    tell = listener(board.plan.steps, board)
    answer = answering(tmp_path, slipway_step=OURS.id, state="done")
    assert outcome(tmp_path, answer, lambda event: (heard.append(event), tell(event))).ok
    assert ("evil", OURS.id) in [(event.host, event.step) for event in heard]
    assert board.states == {OURS.id: StepState.RUNNING, THEIRS.id: StepState.RUNNING}


def test_an_answer_without_an_end_fails_that_host_alone(tmp_path: Path) -> None:
    """As OpenSSH hands it on: more than Ansible may keep, and then more."""
    most = LONGEST + (64 << 20)
    flood = program(tmp_path / "ssh", f"head -c {most} /dev/zero && touch {tmp_path}/all")
    evil = {"ansible_connection": "ssh", "ansible_ssh_executable": flood}
    evil |= {"ansible_python_interpreter": sys.executable, "carried": ""}
    result = outcome(tmp_path, evil)
    (failure,) = result.failures
    assert (failure.host, "more than 16 MiB" in failure.message) == ("evil", True)
    assert (result.stats["good"]["failed"], result.stats["good"]["ok"]) == (0, 2)
    assert not (tmp_path / "all").exists()

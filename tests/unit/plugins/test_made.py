"""What a role makes gets into its record: a task that can make something is registered, and its turn hands that on."""

import re
from typing import Any

import pytest
import yaml

from slipway.settings import data_dir

ROLES = data_dir() / "roles"
PLAYBOOK = (data_dir() / "playbooks/install.yml").read_text()
#: Builtin modules that write: what they made has to be named by hand.
WRITERS = {"ansible.builtin.copy", "ansible.builtin.file", "ansible.builtin.template", "ansible.builtin.user"}
#: Files below /var/lib/slipway that a later task consumes: the site's packages, kept whole and asked for by one digest.
PASSING = {
    ("node_disks", "See whether they are there"),
    ("node_disks", "Make the place for them"),
    ("node_disks", "Copy them"),
    ("node_disks", "Place them"),
    ("node_disks", "Fetch the site's packages"),
    ("node_prepare", "Fetch the site's packages"),
}
#: It only takes away, and its answer is what was there before.
UNMADE = {
    ("node_firewall", "Give back the firewall that was stopped"),
    ("node_routes", "Take the routes away"),
}
UNMADE |= {("node_firewall", "Take the rules away")}
#: These ask another host.
UNMADE |= {("kubernetes_control_plane", "Ask a control plane for credentials")}
UNMADE |= {("kubernetes_worker", "Ask a control plane for a token")}


def answering() -> set[str]:
    """Modules of ours that answer what they made."""
    modules = (data_dir() / "plugins/modules").glob("slipway_*.py")
    return {path.stem for path in modules if re.search(r"^made:$", path.read_text(), re.MULTILINE)}


def tasks() -> list[tuple[str, dict[str, Any]]]:
    """Role and task; a reset records nothing."""
    paths = [path for path in sorted(ROLES.glob("*/tasks/*.yml")) if path.parts[-3] != "node_reset"]
    return [(path.parts[-3], task) for path in paths for task in yaml.safe_load(path.read_text()) or []]


@pytest.mark.parametrize(
    ("role", "task"), tasks(), ids=lambda one: one["name"] if isinstance(one, dict) else one
)
def test_what_a_task_makes_is_handed_to_the_record(role: str, task: dict[str, Any]) -> None:
    if (role, task["name"]) in UNMADE | PASSING:
        return
    turns = [
        turn
        for turn in re.split(r"\n    - name: ", PLAYBOOK)
        if f"step_role: {role}\n" in turn and "step.yml" in turn
    ]
    if answering() & set(task):
        assert all(f"{task['register']}.made" in turn for turn in turns), f"{role}: {task['name']}"
    if WRITERS & set(task):
        (arguments,) = (task[name] for name in WRITERS & set(task))
        name = arguments.get("dest") or arguments["name"]
        assert all(str(name).strip("{} ") in turn for turn in turns), f"{role}: {task['name']}"

"""Records ansible-runner's events of all-events.yml anew: `python -m tests.contract.ansible.record`.

Run it, with kubeadm on PATH, after an update of ansible-core or ansible-runner; `git diff` then shows what became
different. Expected translations are written beside each event, to be read before they are committed.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import ansible_runner

from slipway.runner.events import translate
from slipway.settings import data_dir, interpreter_bin

HERE = Path(__file__).parent
FAILING = ("kubeadm", "apt", "loop", "hidden", "undefined", "broken", "module", "unreachable")
#: Of an event only what could be of interest to a reader is kept.
KEPT = ("play", "task", "role", "host", "task_path", "task_action", "ignore_errors", "res")
#: Of a result what differs from run to run, tells about the machine, or repeats the rest.
DROPPED = ("start", "end", "delta", "stdout", "stdout_lines", "stderr_lines", "invocation")


def inventory() -> dict[str, Any]:
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    hosts: dict[str, dict[str, Any]] = {name: dict(local) for name in ("a", *FAILING[:-1])}
    hosts["unreachable"] = {"ansible_host": "127.0.0.1", "ansible_port": 9}
    return {"all": {"hosts": hosts}}


def events() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as directory:
        seen: list[dict[str, Any]] = []
        ansible_runner.run(
            private_data_dir=directory,
            playbook=str(HERE / "playbooks" / "all-events.yml"),
            inventory=inventory(),
            extravars={"state_directory": f"{directory}/state"},
            envvars={
                "ANSIBLE_CONFIG": str(data_dir() / "ansible.cfg"),
                "ANSIBLE_INVENTORY_ENABLED": "yaml,script,host_list",
                "PATH": f"{interpreter_bin()}:{os.environ['PATH']}",
            },
            quiet=True,
            event_handler=lambda event: bool(seen.append(event)),
            cancel_callback=lambda: False,
        )
        text = (
            json.dumps(seen).replace(str(HERE.resolve()), "/opt/slipway").replace(directory, "/run/slipway")
        )
        for path in {sys.executable, str(interpreter_bin()), str(data_dir())}:
            text = text.replace(path, "/opt/slipway")
        return list(json.loads(text))


def slim(event: dict[str, Any]) -> dict[str, Any]:
    data = event["event_data"]
    stats = {k: v for k, v in data.items() if event["event"] == "playbook_on_stats" and k != "artifact_data"}
    kept = {k: data[k] for k in KEPT if k in data} | stats
    if isinstance(kept.get("res"), dict):
        kept["res"] = {k: v for k, v in kept["res"].items() if k not in DROPPED}
    for key in ("pid", "uuid", "playbook_uuid"):
        kept.pop(key, None)
    return {"event": event["event"], "created": "2026-01-02T03:04:05.678901+00:00", "event_data": kept}


def main() -> None:
    folder = HERE / "events"
    shutil.rmtree(folder)
    folder.mkdir()
    for event in events():
        data = event.get("event_data") or {}
        if not data.get("task") and event["event"] != "playbook_on_stats":
            continue
        if event["event"] in {"playbook_on_task_start", "runner_on_skipped", "runner_item_on_skipped"}:
            continue
        if event["event"] == "runner_on_start" and data["task"] != "Begin":
            continue
        if data.get("host") != "a" and event["event"] in {"runner_on_ok", "runner_on_start"}:
            continue
        if data.get("host") != "a" and data.get("task") in {"Fail and be ignored", "Fail and be rescued"}:
            continue
        slimmed = slim(event)
        translated = translate(slimmed)
        name = f"{data.get('task', 'stats')} {data.get('host', '')} {event['event']}".lower().replace(
            " ", "-"
        )
        case = {"raw": slimmed, "translated": translated.as_dict() if translated else None}
        (folder / f"{name}.json").write_text(json.dumps(case, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()

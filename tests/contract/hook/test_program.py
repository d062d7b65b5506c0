"""The hook as a program, as shell-operator runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.operator import program
from slipway.operator.door import Key, Request, Verdict
from slipway.settings import interpreter_bin

#: Fields that shell-operator v1 knows, per part of the configuration.
KNOWN = {
    "": {"configVersion", "onStartup", "kubernetes", "schedule", "settings"},
    "kubernetes": {
        "name",
        "apiVersion",
        "kind",
        "executeHookOnEvent",
        "executeHookOnSynchronization",
        "keepFullObjectsInMemory",
        "labelSelector",
        "jqFilter",
        "queue",
    },
    "schedule": {"name", "crontab", "queue"},
    "settings": {"executionMinInterval", "executionBurst"},
}


@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "-m", "slipway.operator.program"],
        [str(interpreter_bin() / "slipway"), "operator", "hook"],
    ],
    ids=["module", "command"],
)
def test_config_is_what_shell_operator_reads(command: list[str]) -> None:
    done = subprocess.run([*command, "--config"], capture_output=True, text=True, check=True, timeout=60)
    config = json.loads(done.stdout)
    assert config["configVersion"] == "v1"
    assert set(config) <= KNOWN[""]
    assert all(set(item) <= KNOWN["kubernetes"] for item in config["kubernetes"])
    kubernetes, *standing = config["kubernetes"]
    assert kubernetes["kind"] == "ClusterConfiguration"
    assert [item["kind"] for item in standing] == ["Node", "DaemonSet", "Deployment", "StatefulSet"]
    assert len({item["name"] for item in config["kubernetes"]}) == len(config["kubernetes"])
    assert '.metadata.annotations["installer.slipway.dev/approve"]' in kubernetes["jqFilter"]
    assert all(set(item) <= KNOWN["schedule"] for item in config["schedule"])
    assert set(config["settings"]) <= KNOWN["settings"]


class Door:
    """One ClusterConfiguration, always up to date."""

    def configurations(self) -> tuple[Key, ...]:
        return (Key("slipway-system", "production"),)

    def reconcile(self, request: Request) -> Verdict:
        return Verdict.UNCHANGED


def test_metrics_are_lines_of_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = tmp_path / "metrics.json"
    monkeypatch.setenv("BINDING_CONTEXT_PATH", str(Path(__file__).parent / "contexts" / "04-schedule.json"))
    monkeypatch.setenv("METRICS_PATH", str(metrics))
    assert program.main([], Door) == 0
    (line,) = [json.loads(line) for line in metrics.read_text().splitlines()]
    assert set(line) == {"name", "action", "value", "labels"}
    assert line["labels"] == {"configuration": "slipway-system/production", "verdict": "unchanged"}


def test_without_contexts_it_says_what_is_missing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "slipway.operator.program"],
        capture_output=True,
        text=True,
        check=False,
        env={},
        timeout=60,
    )
    assert done.returncode == 3
    assert done.stderr.startswith("error: BINDING_CONTEXT_PATH: no binding contexts")

"""Trainings by Kubeflow's trainer."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.lab4.batches import WORKERS, holds, job
from tests.lab4.platforms import BUSYBOX, Enabled, Platform, until


@pytest.mark.level("4", "trainer", beside=("jobset",))
def test_a_training_runs_on_its_nodes_and_completes(platform: Platform, enabled: Enabled) -> None:
    with (
        enabled({"trainer": {}}),
        platform.applied(runtime("shell"), training("trained", "shell")),
    ):
        until("the training to complete", lambda: holds(platform, "trainjob/trained", "Complete"), 180)
        pods = platform.kubectl_json("get", "pods", "-l", "jobset.sigs.k8s.io/jobset-name=trained")["items"]
        assert sorted(said(platform, pod) for pod in pods) == ["trained 0", "trained 1"]


def runtime(name: str) -> dict[str, Any]:
    template = {"replicatedJobs": [{"name": "node", "template": job("exit 1")}]}
    template["replicatedJobs"][0]["template"]["metadata"] = {
        "labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}
    }
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainingRuntime",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"mlPolicy": {"numNodes": 1}, "template": {"spec": template}},
    }


def training(name: str, of: str) -> dict[str, Any]:
    command = ["sh", "-ec", f"echo {name} $JOB_COMPLETION_INDEX"]
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "runtimeRef": {"name": of, "kind": "TrainingRuntime", "apiGroup": "trainer.kubeflow.org"},
            "trainer": {"numNodes": WORKERS, "image": BUSYBOX, "command": command},
        },
    }


def said(platform: Platform, pod: Mapping[str, Any]) -> str:
    return platform.kubectl("logs", pod["metadata"]["name"]).stdout.strip()

"""The scheduler's configuration of inventories/cube-studio, as planning writes it, read by the real kube-scheduler."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.model.kubernetes import Kubernetes
from slipway.planning.kubeadm import scheduler_file
from slipway.settings import data_dir
from tests.apiserver import ApiServer
from tests.binaries import binary

SAMPLE = data_dir() / "inventories" / "cube-studio" / "cluster.yaml"
#: Nodes on which the GPU's use is told apart: one pod asks for one there already, and for much else.
BUSY, EMPTY = "busy", "empty"
SECONDS = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Its own scheduler knows nothing of GPUs: what it does is what the other one has to do otherwise."""
    with ApiServer(tmp_path_factory.mktemp("scheduler"), controllers=True, kwok=True) as found:
        for name in (BUSY, EMPTY):
            found.create_node(name)
            wait(lambda name=name: "cpu" in status(found, name).get("allocatable", {}), f"{name} to be ready")
            resources = {"status": {kind: {"nvidia.com/gpu": "8"} for kind in ("capacity", "allocatable")}}
            found.kubectl(
                "patch", "node", name, "--subresource=status", "--type=merge", "-p", json.dumps(resources)
            )
        wait(
            lambda: found.kubectl("get", "serviceaccount", "default", check=False).returncode == 0, "accounts"
        )
        yield found


def wait(condition: Any, what: str) -> Any:
    deadline = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {SECONDS} s"
        time.sleep(0.2)
    return found


def status(server: ApiServer, node: str) -> dict[str, Any]:
    return dict(json.loads(server.kubectl("get", "node", node, "-o", "json").stdout).get("status", {}))


def written(server: ApiServer, kind: str = "MostAllocated") -> Path:
    """The file as it lands on a control plane, for this API server and under another name of the scheduler."""
    kubernetes = yaml.safe_load(SAMPLE.read_text())["spec"]["kubernetes"]
    profile = kubernetes["scheduler"]["config"]["profiles"][0]
    profile["schedulerName"] = "packing"
    profile["pluginConfig"][0]["args"]["scoringStrategy"]["type"] = kind
    content = scheduler_file(Kubernetes.model_validate(kubernetes))["content"]
    content["clientConnection"]["kubeconfig"] = str(server.kubeconfig)
    path = server.directory / "packing.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def argv(config: Path) -> list[str]:
    return [str(binary("kube-scheduler")), f"--config={config}", "--leader-elect=false", "--secure-port=0"]


def scheduled(server: ApiServer, name: str, scheduler: str, node: str = "") -> str:
    """Node of a new pod that asks for one GPU."""
    resources = {"limits": {"nvidia.com/gpu": "1"}, "requests": {"cpu": "4", "memory": "4Gi"}}
    spec = {
        "schedulerName": scheduler,
        "containers": [{"name": "wait", "image": "none", "resources": resources}],
        **({"nodeSelector": {"kubernetes.io/hostname": node}} if node else {}),
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
    server.kubectl("create", "-f", "-", stdin=json.dumps(pod))
    place = ("get", "pod", name, "-o", "jsonpath={.spec.nodeName}")
    return str(wait(lambda: server.kubectl(*place).stdout, f"pod {name} to be scheduled"))


def test_gpus_of_one_node_are_filled_first(server: ApiServer) -> None:
    process = subprocess.Popen(argv(written(server)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert scheduled(server, "seed", "packing", node=BUSY) == BUSY
        assert [scheduled(server, f"packed-{number}", "packing") for number in range(3)] == [BUSY] * 3
    finally:
        process.kill()
        process.wait()
    assert scheduled(server, "spread", "default-scheduler") == EMPTY


def test_a_strategy_that_does_not_exist_ends_the_scheduler_with_its_name(server: ApiServer) -> None:
    """What no type tells: on a control plane the health gate puts the former file back."""
    done = subprocess.run(
        argv(written(server, "NoSuchStrategy")), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode != 0
    assert "NoSuchStrategy" in done.stderr

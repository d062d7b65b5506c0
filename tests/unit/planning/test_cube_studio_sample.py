"""The sample inventories/cube-studio: disks, shared file systems and NVIDIA's runtime where it asks for them."""

from dataclasses import replace

import yaml

from slipway.api import read
from slipway.model.observed import HostObserved
from slipway.model.survey import NvidiaDriver, Survey
from slipway.settings import data_dir
from tests.unit.planning import model

DOCUMENT = yaml.safe_load((data_dir() / "inventories" / "cube-studio" / "cluster.yaml").read_text())
NAMES = ("cp-01", "cp-02", "cp-03", "worker-01", "gpu-01", "gpu-02")
CARDS = Survey(gpus=("0000:3b:00.0 10de:20b2",), driver=NvidiaDriver("550.54.15", "550.54.15"))


def test_every_node_has_its_disk_and_the_shared_file_systems_before_the_kubelet() -> None:
    bare = model.fresh(read.parse(DOCUMENT))
    observed = replace(bare, hosts={name: _seen(host) for name, host in bare.hosts.items()})
    plan = model.planned(DOCUMENT, observed)
    steps = {step.id: step for step in plan.steps}
    for name in NAMES:
        disk = steps[f"host/{name}/node_disks"].inputs["node_disks_disks"]["data"]
        assert (disk["path"], disk["id"][:4]) == ("/data", "wwn-")
        mounts = steps[f"host/{name}/node_mounts"].inputs["node_mounts_mounts"]
        assert {mount["path"] for mount in mounts} == {"/mnt/ceph_fuse", "/data/k8s"}
        runtime = steps[f"host/{name}/container_runtime"].inputs
        assert runtime["container_runtime_data_root"] == "/data/containerd"
        order = [step.action for step in plan.steps if step.target == name]
        assert order.index("node_disks") < order.index("node_mounts") < order.index("container_runtime")
    inputs = [steps[f"host/{name}/node_disks"].inputs for name in NAMES]
    assert len({given["node_disks_disks"]["data"]["id"] for given in inputs}) == len(NAMES)


def test_hosts_with_gpus_run_containers_by_nvidias_runtime() -> None:
    bare = model.fresh(read.parse(DOCUMENT))
    observed = replace(bare, hosts={name: _seen(host) for name, host in bare.hosts.items()})
    steps = [step for step in model.planned(DOCUMENT, observed).steps if step.action == "node_nvidia"]
    assert [step.target for step in steps] == ["gpu-01", "gpu-02"]
    assert all(step.inputs["node_nvidia_default_runtime"] for step in steps)


def _seen(host: HostObserved) -> HostObserved:
    return replace(host, survey=CARDS) if host.name.startswith("gpu") else host

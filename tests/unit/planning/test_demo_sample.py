"""The sample that labs run: nodes share a machine's disk, so how full that is in percent says nothing of a node."""

from slipway.api import read
from slipway.planning.kubeadm import kubelet_drop_in
from slipway.settings import data_dir

#: What the kubelet evicts by when nobody says otherwise (kubelet's defaults for Linux), less the memory.
DISK_SIGNALS = ("nodefs.available", "imagefs.available", "nodefs.inodesFree", "imagefs.inodesFree")


def test_a_nodes_kubelet_does_not_evict_by_the_fullness_of_the_machine() -> None:
    configuration = read.load(data_dir() / "inventories" / "demo" / "cluster.yaml")
    for host in configuration.hosts:
        settings = kubelet_drop_in(configuration.spec.kubernetes, host)
        assert settings["imageGCHighThresholdPercent"] == 100
        limits = settings["evictionHard"]
        assert set(DISK_SIGNALS) < set(limits), "one that is not named is 0 as soon as another is"
        assert {limits["nodefs.available"], limits["imagefs.available"]} == {"1Gi"}

"""What is read of a Node itself."""

from slipway.cluster.observe import node_observed

SINCE = "2026-01-01T00:00:00Z"


def test_node_with_its_health() -> None:
    node = {
        "metadata": {"name": "worker-01", "labels": {"disk": "nvme"}},
        "spec": {"taints": [{"key": "gpu", "effect": "NoSchedule"}]},
        "status": {
            "nodeInfo": {"kubeletVersion": "v1.35.4"},
            "conditions": [
                {"type": "DiskPressure", "status": "True", "message": "kubelet has disk pressure"},
                {"type": "PIDPressure", "status": "False", "message": "kubelet has sufficient PID available"},
                {"type": "Ready", "status": "False", "message": "no network", "lastTransitionTime": SINCE},
            ],
            "addresses": [
                {"type": "Hostname", "address": "worker-01"},
                {"type": "InternalIP", "address": "10.0.0.31"},
            ],
        },
    }
    seen = node_observed(node, None)
    assert (seen.name, seen.ready, seen.message, seen.version) == (
        "worker-01",
        False,
        "no network",
        "v1.35.4",
    )
    assert (seen.since, seen.silent) == (SINCE, False)
    assert seen.pressures == ("DiskPressure: kubelet has disk pressure",)
    assert seen.address == "", "where its machine is, only a record tells"
    assert seen.taints == ({"key": "gpu", "value": "", "effect": "NoSchedule"},)


def test_a_node_whose_kubelet_says_nothing_any_more() -> None:
    unknown = {"type": "Ready", "status": "Unknown", "message": "Kubelet stopped posting node status."}
    seen = node_observed({"metadata": {"name": "lost"}, "status": {"conditions": [unknown]}}, None)
    assert (seen.ready, seen.silent) == (False, True)

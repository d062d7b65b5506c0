"""What is read of a Node."""

from slipway.cluster.observe import node_observed


def test_node_with_its_address_and_health() -> None:
    node = {
        "metadata": {"name": "worker-01", "labels": {"disk": "nvme"}},
        "spec": {"taints": [{"key": "gpu", "effect": "NoSchedule"}]},
        "status": {
            "nodeInfo": {"kubeletVersion": "v1.35.4"},
            "conditions": [{"type": "Ready", "status": "False", "message": "no network"}],
            "addresses": [
                {"type": "Hostname", "address": "worker-01"},
                {"type": "InternalIP", "address": "10.0.0.31"},
            ],
        },
    }
    seen = node_observed(node)
    assert (seen.name, seen.ready, seen.message, seen.version) == (
        "worker-01",
        False,
        "no network",
        "v1.35.4",
    )
    assert seen.address == "10.0.0.31"
    assert seen.taints == ({"key": "gpu", "value": "", "effect": "NoSchedule"},)
    assert node_observed({"metadata": {"name": "new"}}).address == ""

"""What is read of a real cluster that is not well: causes, words and times are the cluster's own."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from slipway.cluster.client import Client, connect
from slipway.cluster.observe import observe
from slipway.cluster.records import delete_module, write_module
from slipway.model.record import ModuleRecord, ObjectRef
from slipway.model.standing import Ailment, Cause
from slipway.settings import NAMESPACE
from tests.apiserver import ApiServer, until

SPACE = "standing"
MODULE = "stood"
WEB = ObjectRef("apps/v1", "Deployment", "web", SPACE)
NODE = "stands"
#: kwok never makes this one ready, so what a test says of it stays.
LOST = "lost"


@pytest.fixture
def cluster(cluster_api: ApiServer) -> Iterator[ApiServer]:
    """A module with one Deployment, whose pod runs on the only node for it, recorded as healthy."""
    cluster_api.create_namespace(NAMESPACE)
    cluster_api.create_namespace(SPACE)
    cluster_api.create_node(NODE, labels={"for": SPACE})
    cluster_api.kubectl("apply", "-f", "-", stdin=json.dumps(deployment()))
    cluster_api.kubectl("-n", SPACE, "rollout", "status", "deployment/web", "--timeout=60s")
    with connect(cluster_api.kubeconfig) as client:
        write_module(client, ModuleRecord(MODULE, "Healthy", "sha256:d", objects=(WEB,)))
        yield cluster_api
        delete_module(client, MODULE)
    cluster_api.kubectl("delete", "namespace", SPACE, "--wait=true")
    cluster_api.kubectl("delete", "node", NODE)


def deployment() -> dict[str, Any]:
    labels = {"app": "web"}
    containers = [{"name": "web", "image": "registry.invalid/web"}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": SPACE},
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"nodeSelector": {"for": SPACE}, "containers": containers},
            },
        },
    }


@pytest.fixture
def client(cluster: ApiServer) -> Iterator[Client]:
    with connect(cluster.kubeconfig) as client:
        yield client


def sick(client: Client) -> tuple[Ailment, ...]:
    return observe(client).sick.get(MODULE, ())


def test_a_deployment_without_an_available_pod(cluster: ApiServer, client: Client) -> None:
    assert sick(client) == ()
    cluster.kubectl("label", "node", NODE, "for-")
    cluster.kubectl("-n", SPACE, "delete", "pod", "--all")
    until(lambda: "Unschedulable" in str(sick(client)), seconds=30, what="the pod is pending")
    (ailment,) = sick(client)
    first, pod = ailment.message.splitlines()
    assert ailment.cause is Cause.NOT_CURRENT
    assert first == f"Deployment.apps/{SPACE}/web: 0 of 1 replicas are available"
    assert "nodes are available" in pod  # the scheduler's words
    place = ("-n", SPACE, "get", "deployment", "web", "-o", "json")
    conditions = json.loads(cluster.kubectl(*place).stdout)["status"]["conditions"]
    available = next(one for one in conditions if one["type"] == "Available")
    assert ailment.since == available["lastTransitionTime"]
    cluster.kubectl("label", "node", NODE, f"for={SPACE}")
    until(lambda: sick(client) == (), seconds=30, what="it is well again")


def test_an_object_that_is_gone(cluster: ApiServer, client: Client) -> None:
    cluster.kubectl("-n", SPACE, "delete", "deployment", "web")
    (ailment,) = sick(client)
    assert (ailment.cause, ailment.message) == (Cause.ABSENT, f"Deployment.apps/{SPACE}/web is gone")


def test_a_module_that_is_worked_on_is_not_looked_at(cluster: ApiServer, client: Client) -> None:
    cluster.kubectl("-n", SPACE, "delete", "deployment", "web")
    write_module(client, ModuleRecord(MODULE, "Applying", objects=(WEB,)))
    assert sick(client) == ()


def test_a_node_whose_kubelet_is_silent(cluster: ApiServer, client: Client) -> None:
    cluster.create_node(LOST)
    since = "2026-01-01T00:00:00Z"
    said = {
        "type": "Ready",
        "status": "Unknown",
        "reason": "NodeStatusUnknown",
        "message": "Kubelet stopped posting node status.",
        "lastTransitionTime": since,
        "lastHeartbeatTime": since,
    }
    try:
        status, answer = cluster.request(
            "PATCH",
            f"/api/v1/nodes/{LOST}/status",
            {"status": {"conditions": [said]}},
            content_type="application/strategic-merge-patch+json",
        )
        assert status == 200, answer
        nodes = observe(client).nodes
        assert (nodes[LOST].ready, nodes[LOST].silent, nodes[LOST].since) == (False, True, since)
        assert nodes[LOST].message == said["message"]
        assert nodes[NODE].ready
    finally:
        cluster.kubectl("delete", "node", LOST)

"""What is read of a real cluster that is not well: causes, words and times are the cluster's own."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from slipway.api.crd import crds
from slipway.cluster.observe import observe
from slipway.cluster.own.records import delete_module, write_module
from slipway.cluster.rest.client import Client, connect
from slipway.model.configuration import Configuration
from slipway.model.modulehealth import Expectations, HealthRule
from slipway.model.observed import ClusterObserved, Observed, Scope
from slipway.model.plan import Plan
from slipway.model.record import ModulePhase, ModuleRecord, ObjectRef
from slipway.model.standing import Ailment, Cause
from slipway.operator.conditions import find
from slipway.operator.lookout import MADE_BY_HELM
from slipway.operator.runtime import OperatorProcess
from slipway.planning.standing import standing_of
from slipway.settings import API_VERSION, NAMESPACE
from tests.api.operator.recording import RecordingEngine, RecordingSession, Running, make_runtime
from tests.apiserver import ApiServer, until

SPACE = "standing"
MODULE = "stood"
WEB = ObjectRef("apps/v1", "Deployment", "web", SPACE)
NODE = "stands"
#: One that holds, and one of an object that is looked at anyway.
RULES = Expectations(
    {
        MODULE: (
            HealthRule(api_version="v1", kind="Namespace", name=SPACE),
            HealthRule(api_version="apps/v1", kind="Deployment", name="web", namespace=SPACE),
        )
    }
)
#: kwok never makes this one ready, so what a test says of it stays.
LOST = "lost"


@pytest.fixture(scope="module")
def site(cluster_api: ApiServer) -> Iterator[ApiServer]:
    """A namespace, and the only node for what is in it."""
    cluster_api.create_namespace(NAMESPACE)
    cluster_api.create_namespace(SPACE)
    cluster_api.create_node(NODE, labels={"for": SPACE})
    yield cluster_api
    cluster_api.kubectl("delete", "namespace", SPACE, "--wait=false")
    cluster_api.kubectl("delete", "node", NODE)


@pytest.fixture
def cluster(site: ApiServer) -> Iterator[ApiServer]:
    """A module with one Deployment, recorded as healthy."""
    site.kubectl("apply", "-f", "-", stdin=json.dumps(deployment()))
    site.kubectl("-n", SPACE, "rollout", "status", "deployment/web", "--timeout=60s")
    with connect(site.kubeconfig) as client:
        write_module(client, ModuleRecord(MODULE, ModulePhase.HEALTHY, "sha256:d", objects=(WEB,)))
        yield site
        delete_module(client, MODULE)


def deployment() -> dict[str, Any]:
    labels = {"app": "web"}
    containers = [{"name": "web", "image": "registry.invalid/web"}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": SPACE, "labels": dict([MADE_BY_HELM.split("=")])},
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
    return observe(client, expectations=RULES).sick.get(MODULE, ())


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


def test_what_says_no_time_has_that_of_its_pods(cluster: ApiServer, client: Client) -> None:
    """A StatefulSet has no conditions."""
    database = deployment()
    database["kind"] = "StatefulSet"
    database["metadata"] |= {"name": "db"}
    del database["spec"]["strategy"]
    database["spec"]["template"]["spec"]["nodeSelector"] = {"for": "nobody"}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(database))
    ref = ObjectRef("apps/v1", "StatefulSet", "db", SPACE)
    write_module(client, ModuleRecord(MODULE, ModulePhase.HEALTHY, "sha256:d", objects=(WEB, ref)))
    until(lambda: "Unschedulable" in str(sick(client)), seconds=30, what="the pod is pending")
    place = ("-n", SPACE, "get", "pod", "db-0", "-o", "jsonpath={.status.conditions[0].lastTransitionTime}")
    (ailment,) = sick(client)
    assert ailment.since == cluster.kubectl(*place).stdout
    cluster.kubectl("-n", SPACE, "delete", "statefulset", "db")


def test_an_object_that_is_gone(cluster: ApiServer, client: Client) -> None:
    cluster.kubectl("-n", SPACE, "delete", "deployment", "web")
    (ailment,) = sick(client)
    assert (ailment.cause, ailment.message) == (Cause.ABSENT, f"Deployment.apps/{SPACE}/web is gone")


def test_a_rule_that_does_not_hold(cluster: ApiServer, client: Client) -> None:
    rule = HealthRule(api_version="storage.k8s.io/v1", kind="StorageClass", default_class=True)
    (ailment,) = observe(client, expectations=Expectations({MODULE: (rule,)})).sick[MODULE]
    assert (ailment.cause, ailment.message) == (Cause.NOT_CURRENT, "StorageClass: no class is the default")


def test_a_module_that_is_worked_on_is_not_looked_at(cluster: ApiServer, client: Client) -> None:
    cluster.kubectl("-n", SPACE, "delete", "deployment", "web")
    write_module(client, ModuleRecord(MODULE, ModulePhase.APPLYING, objects=(WEB,)))
    assert sick(client) == ()


ONE_HOST = {
    "kubernetes": {"version": "v1.35.4", "endpoint": {"address": "api.internal"}},
    "hosts": {
        "ssh": {"user": "root", "secretRef": {"name": "ssh", "key": "id"}},
        "items": [{"name": LOST, "address": "10.0.0.1", "roles": ["control-plane"]}],
    },
}
SILENT = "Kubelet stopped posting node status."
SINCE = "2026-01-01T00:00:00Z"


@pytest.fixture
def lost(site: ApiServer) -> Iterator[ApiServer]:
    """A node of which the test says what its kubelet would say."""
    site.create_node(LOST)
    yield site
    site.kubectl("delete", "node", LOST, "--ignore-not-found")


def say(server: ApiServer, ready: str, message: str) -> None:
    said = {"type": "Ready", "status": ready, "reason": "said", "message": message}
    said |= {"lastTransitionTime": SINCE, "lastHeartbeatTime": SINCE}
    status, answer = server.request(
        "PATCH",
        f"/api/v1/nodes/{LOST}/status",
        {"status": {"conditions": [said]}},
        content_type="application/strategic-merge-patch+json",
    )
    assert status == 200, answer


def test_a_node_whose_kubelet_is_silent(lost: ApiServer, client: Client) -> None:
    say(lost, "Unknown", SILENT)
    nodes = observe(client).nodes
    assert (nodes[LOST].ready, nodes[LOST].silent, nodes[LOST].since) == (False, True, SINCE)
    assert nodes[LOST].message == SILENT
    assert nodes[NODE].ready


class ReadingSession(RecordingSession):
    """Reads the cluster as the engine does; what is to be done is as little as elsewhere in these tests."""

    def prepare(self, scope: Scope) -> tuple[Observed, Plan]:
        observed, plan = super().prepare(scope)
        cluster = self.look()
        standing = standing_of(self.configuration, cluster, expected=())
        return replace(observed, cluster=cluster), replace(plan, standing=standing)

    def look(self) -> ClusterObserved:
        assert self.engine.client
        return observe(self.engine.client)


class ReadingEngine(RecordingEngine):
    """Its steps last until the test has seen enough."""

    def __init__(self) -> None:
        super().__init__()
        self.seen_enough = threading.Event()

    def work(self) -> None:
        assert self.seen_enough.wait(120)

    def open(self, configuration: Configuration) -> ReadingSession:
        return ReadingSession(self, configuration)


@pytest.fixture(scope="module")
def operator(site: ApiServer) -> Iterator[tuple[ReadingEngine, OperatorProcess]]:
    """An operator that polls nothing: what it sees in time it was told by its watches."""
    site.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": crds()}))
    served = f"/apis/{API_VERSION}/clusterconfigurations"
    until(lambda: site.request("GET", served)[0] == 200, seconds=60, what="ClusterConfigurations served")
    engine = ReadingEngine()
    write(site, "tools", {"modules": {}})
    runtime = make_runtime(site.kubeconfig, "standing", engine, lease="operator-standing", look_again=3600)
    with Running(runtime):
        yield engine, runtime
    site.kubectl("-n", NAMESPACE, "delete", "cc,op", "--all", "--wait=false")


def write(server: ApiServer, name: str, spec: dict[str, Any]) -> None:
    """A ClusterConfiguration, as a user applies it."""
    document = {
        "apiVersion": API_VERSION,
        "kind": "ClusterConfiguration",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }
    server.kubectl("apply", "-f", "-", stdin=json.dumps(document))


def condition(server: ApiServer, kind: str, name: str = "tools") -> tuple[str, str, str]:
    """Its status, reason and message."""
    path = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}/clusterconfigurations/{name}"
    found = find(server.request("GET", path)[1].get("status") or {}, kind)
    return tuple(str(found.get(key)) for key in ("status", "reason", "message"))  # type: ignore[return-value]


def test_the_operator_follows_a_module_by_its_watches(
    cluster: ApiServer, operator: tuple[ReadingEngine, OperatorProcess]
) -> None:
    server, (engine, runtime) = cluster, operator
    until(lambda: condition(server, "Ready")[0] == "True", seconds=30, what="Ready")
    server.kubectl("label", "node", NODE, "for-")
    server.kubectl("-n", SPACE, "delete", "pod", "--all")
    until(lambda: "Unschedulable" in condition(server, "Ready")[2], seconds=60, what="Degraded, and why")
    assert condition(server, "Ready")[:2] == ("False", "Degraded")
    assert condition(server, "ModulesReady")[:2] == ("False", "ModulesNotHealthy")
    assert condition(server, "ModulesReady")[2] == f"0 of 1: {MODULE} Unhealthy"
    assert b'slipway_sick{configuration="slipway-system/tools",part="module"} 1.0' in runtime.metrics.text()
    shown = server.kubectl("-n", NAMESPACE, "get", "cc", "tools").stdout
    assert f"{MODULE} Unhealthy" in shown
    server.kubectl("label", "node", NODE, f"for={SPACE}")
    until(lambda: condition(server, "Ready")[0] == "True", seconds=60, what="Ready again")
    assert b'slipway_sick{configuration="slipway-system/tools",part="module"} 0.0' in runtime.metrics.text()
    assert engine.runs == []  # it tells, and does nothing


def test_the_operator_follows_a_module_that_is_recorded_later(
    cluster: ApiServer, operator: tuple[ReadingEngine, OperatorProcess], client: Client
) -> None:
    server = cluster
    until(lambda: condition(server, "Ready")[0] == "True", seconds=30, what="Ready")
    gone = ObjectRef("batch/v1", "Job", "setup", SPACE)
    write_module(client, ModuleRecord("later", ModulePhase.HEALTHY, "sha256:d", objects=(gone,)))
    try:
        until(lambda: "setup is gone" in condition(server, "Ready")[2], seconds=60, what="Degraded, and why")
        job = deployment()
        job |= {"apiVersion": "batch/v1", "kind": "Job"}
        job["metadata"] |= {"name": "setup"}
        template = job["spec"]["template"]
        template["spec"] |= {"restartPolicy": "Never"}
        job["spec"] = {"template": template}
        server.kubectl("apply", "-f", "-", stdin=json.dumps(job))
        until(lambda: condition(server, "Ready")[0] == "True", seconds=60, what="Ready once it is complete")
    finally:
        delete_module(client, "later")


def test_the_operator_follows_a_node_by_its_watches(
    lost: ApiServer, operator: tuple[ReadingEngine, OperatorProcess]
) -> None:
    engine, runtime = operator
    say(lost, "True", "kubelet is posting ready status")
    write(lost, "nodes", ONE_HOST)

    def told(kind: str) -> tuple[str, str, str]:
        return condition(lost, kind, "nodes")

    until(lambda: told("Ready")[0] == "True", seconds=30, what="Ready")
    say(lost, "Unknown", SILENT)
    until(lambda: told("Ready")[1] == "Degraded", seconds=60, what="Degraded")
    assert told("HostsReady") == ("False", "HostsNotReady", f"0 of 1: {LOST} NotReady")
    assert told("KubernetesReady")[:2] == ("False", "ControlPlaneNotReady")
    assert f"node {LOST} is not well since {SINCE}: {SILENT}" in told("Ready")[2]
    assert b'slipway_sick{configuration="slipway-system/nodes",part="node"} 1.0' in runtime.metrics.text()
    say(lost, "True", "kubelet is posting ready status")
    until(lambda: told("Ready")[0] == "True", seconds=60, what="Ready again")
    lost.kubectl("delete", "node", LOST)
    until(lambda: "no Node of that name" in told("Ready")[2], seconds=60, what="the Node is missed")
    assert engine.runs == []


def test_the_status_follows_while_an_operation_runs(
    lost: ApiServer, operator: tuple[ReadingEngine, OperatorProcess]
) -> None:
    engine, _ = operator
    say(lost, "True", "kubelet is posting ready status")
    write(lost, "nodes", ONE_HOST | {"modules": {"welcome": {"enabled": True}}})

    def told(kind: str) -> tuple[str, str, str]:
        return condition(lost, kind, "nodes")

    try:
        until(lambda: told("Ready")[1] == "Applying", seconds=30, what="it runs")
        say(lost, "Unknown", SILENT)
        until(lambda: told("HostsReady")[0] == "False", seconds=60, what="the node is missed")
        assert told("HostsReady")[2] == f"0 of 1: {LOST} NotReady"
        assert told("Ready")[1] == "Applying"
    finally:
        engine.seen_enough.set()
    until(lambda: told("Ready")[1] == "Degraded", seconds=60, what="Degraded")
    assert len(engine.runs) == 1

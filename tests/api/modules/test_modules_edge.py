"""The cluster's edge on a real API server: settings, conflicts, node metadata, drain, observation."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.cluster.nodes import cordon, delete_node, drain, let_in, take_out
from slipway.cluster.observe import observe
from slipway.cluster.own.noderecords import apply_node
from slipway.cluster.own.settings import apply_settings
from slipway.cluster.rest.client import Client, connect
from slipway.errors import ConflictError, Interrupted, StepError, TransientError
from slipway.model.record import StepRecord
from slipway.settings import API_VERSION, NAMESPACE
from tests.apiserver import ApiServer, until

RECORD = StepRecord("sha256:abc", {"document": "123"}, catalog="sha256:c")


def document(**modules: Any) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "ClusterConfiguration",
        "metadata": {"name": "edge", "namespace": NAMESPACE},
        "spec": {"modules": modules},
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """One of its own: it begins without anything of Slipway's."""
    with ApiServer(tmp_path_factory.mktemp("edge"), controllers=True, kwok=True) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: ApiServer) -> Iterator[Client]:
    with connect(server.kubeconfig) as client:
        yield client


def test_a_cluster_without_slipway_is_empty_not_an_error(client: Client) -> None:
    seen = observe(client, drift=True)
    assert seen.reachable
    assert seen.version.startswith("v1.")
    assert (seen.configurations, seen.settings, seen.operator_catalog) == ((), None, "")


def test_settings_land_and_a_second_time_change_nothing(client: Client, server: ApiServer) -> None:
    secrets = {"ssh/id_ed25519": b"key", "site/a": b"1", "site/b": b"\x00\xff"}
    for _ in range(2):
        apply_settings(client, document(welcome={"enabled": True}), secrets, record=RECORD)
    seen = observe(client)
    assert seen.settings == RECORD
    assert [(item.name, item.generation, item.managers) for item in seen.configurations] == [("edge", 1, {})]
    data = server.kubectl("-n", NAMESPACE, "get", "secret", "site", "-o", "jsonpath={.data}").stdout
    assert '"b":"AP8="' in data


def test_a_field_that_somebody_changed_is_a_conflict_that_names_them(
    client: Client, server: ApiServer
) -> None:
    apply_settings(client, document(welcome={"enabled": True}), {}, record=RECORD)
    patch = '{"spec": {"modules": {"welcome": {"enabled": false}}}}'
    server.kubectl("-n", NAMESPACE, "patch", "cc", "edge", "--type=merge", "-p", patch, "--field-manager=ann")
    assert observe(client).configurations[0].managers == {("modules", "welcome", "enabled"): "ann"}
    with pytest.raises(ConflictError) as caught:
        apply_settings(client, document(welcome={"enabled": True}), {}, record=RECORD)
    assert [(item.path, item.problem) for item in caught.value.findings] == [
        ("spec.modules.welcome.enabled", "was changed in the cluster by ann")
    ]
    apply_settings(client, document(welcome={"enabled": True}), {}, record=RECORD, force=True)
    assert observe(client).configurations[0].spec["modules"]["welcome"]["enabled"] is True


def test_an_unknown_field_is_refused_by_name(client: Client) -> None:
    wrong = document()
    wrong["spec"]["modul"] = {}
    with pytest.raises(StepError) as caught:
        client.apply(wrong)
    assert "modul" in caught.value.why


def test_node_metadata_in_one_write_and_its_record_in_another(client: Client, server: ApiServer) -> None:
    server.create_node("edge-1")
    # Else the node's own first writes come in between, and ours is made twice.
    server.kubectl("wait", "--for=condition=Ready", "node/edge-1", "--timeout=60s")
    records = {"node_prepare": StepRecord("d1", {"a": "b"})}
    gpu = {"key": "gpu", "value": "", "effect": "NoSchedule"}

    def apply(*taints: dict[str, str], **labels: str) -> bool:
        return apply_node(client, "edge-1", labels=labels, taints=taints, records=records, address="10.0.0.9")

    # Others write to a node whenever they like, and then ours is made twice: one of a few has the node to itself.
    for disk in ("slow", "slower", "slowest", "fast"):
        before = client.writes
        assert apply(gpu, disk=disk)
        written = client.writes - before
        if written == 2:
            break
    assert written == 2
    assert apply(gpu, disk="fast") == (disk != "fast")
    before = client.writes
    assert not apply(gpu, disk="fast")
    assert client.writes == before
    node = observe(client).nodes["edge-1"]
    assert node.labels["disk"] == "fast"
    assert gpu in node.taints
    assert (node.records, node.address, node.owned_labels) == (records, "10.0.0.9", ("disk",))
    assert apply()
    node = observe(client).nodes["edge-1"]
    assert "disk" not in node.labels
    assert gpu not in node.taints
    assert (node.owned_labels, node.owned_taints) == ((), ())


def test_drain_evicts_and_respects_budgets(client: Client, server: ApiServer) -> None:
    server.create_node("edge-2", labels={"edge": "two"})
    server.kubectl("create", "namespace", "edge")
    server.kubectl("-n", "edge", "apply", "-f", "-", stdin=WORKLOAD)
    until(
        lambda: (
            server.kubectl(
                "-n", "edge", "get", "deploy", "web", "-o", "jsonpath={.status.readyReplicas}"
            ).stdout
            == "2"
        ),
        seconds=60,
        what="web ready",
    )
    looks = iter(range(20))
    with pytest.raises(StepError) as caught:  # at its deadline, long before it runs out of looks
        drain(client, "edge-2", seconds=0, cancelled=lambda: next(looks) < 0)
    assert "disruption budget" in caught.value.why
    cordon(client, "edge-2", on=False)
    with pytest.raises(StepError, match="takes pods again"):
        take_out(client, "edge-2", seconds=3, cancelled=lambda: False)
    assert not observe(client).nodes["edge-2"].drained
    assert not client.get("v1", "Node", "edge-2")["spec"].get("unschedulable")
    server.kubectl("-n", "edge", "delete", "pdb", "web")
    assert drain(client, "edge-2", seconds=60) == 2
    assert delete_node(client, "edge-2")
    assert drain(client, "edge-2", seconds=1) == 0
    server.kubectl("delete", "namespace", "edge", "--wait=false")


def test_a_node_is_let_in_again_once_its_kubelet_speaks_anew(client: Client, server: ApiServer) -> None:
    server.create_node("edge-3")
    server.kubectl("wait", "--for=condition=Ready", "node/edge-3", "--timeout=60s")
    assert take_out(client, "edge-3", seconds=30, cancelled=lambda: False) == 0
    assert observe(client).nodes["edge-3"].drained
    with pytest.raises(StepError, match="stays cordoned"):
        let_in(client, "edge-none", seconds=0, cancelled=lambda: False)
    with pytest.raises(Interrupted):
        let_in(client, "edge-none", seconds=60, cancelled=lambda: True)
    assert let_in(client, "edge-3", seconds=60, cancelled=lambda: False)
    assert not observe(client).nodes["edge-3"].drained
    assert not client.get("v1", "Node", "edge-3")["spec"].get("unschedulable")


def test_a_node_that_somebody_else_cordoned_stays_so(client: Client, server: ApiServer) -> None:
    cordon(client, "edge-3")
    take_out(client, "edge-3", seconds=30, cancelled=lambda: False)
    assert not observe(client).nodes["edge-3"].drained
    assert not let_in(client, "edge-3", seconds=60, cancelled=lambda: False)
    assert client.get("v1", "Node", "edge-3")["spec"]["unschedulable"]


WORKLOAD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      nodeSelector: {edge: two}
      containers: [{name: web, image: web}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 2, selector: {matchLabels: {app: web}}}
"""


def test_no_answer_is_a_passing_failure(tmp_path: Path, server: ApiServer) -> None:
    text = server.kubeconfig.read_text().replace(str(server.port), "1")
    elsewhere = tmp_path / "kubeconfig"
    elsewhere.write_text(text)
    with connect(elsewhere) as client, pytest.raises(TransientError, match="does not answer"):
        client.version()


def test_a_broken_kubeconfig_says_where(tmp_path: Path) -> None:
    with pytest.raises(StepError, match="cannot be used"):
        connect(tmp_path / "missing")

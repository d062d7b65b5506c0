"""What a kubelet may write, on a real API server that restricts it as kubeadm's does, and what comes of it: nothing.

The same for planning: tests/attacks/test_nodes_are_not_believed.py.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.cluster import nodes
from slipway.cluster.observe import observe
from slipway.cluster.own.kept import FORMER
from slipway.cluster.own.noderecords import apply_node, mark_begun
from slipway.cluster.own.settings import ensure_namespace
from slipway.cluster.rest.client import MERGE, Client, connect
from slipway.errors import PreflightError, StepError
from slipway.model.record import StepRecord
from slipway.settings import NAMESPACE, data_dir
from tests.apiserver import ApiServer, until
from tests.binaries import binary

HELD = "node-restriction.kubernetes.io/tenant"
TAINT = {"key": "dedicated", "value": "pci", "effect": "NoSchedule"}
DONE, FORBIDDEN = 200, 403
ADDRESS, PLANE = "10.0.0.13", "10.0.0.11"
RECORDS = {"kubernetes_worker": StepRecord("sha256:1", {"a": "b"})}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """With the admission that kubeadm turns on: what a kubelet may do is what it may do there."""
    flags = ("--enable-admission-plugins=NodeRestriction",)
    with ApiServer(tmp_path_factory.mktemp("kubelets"), controllers=True, flags=flags) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: ApiServer) -> Iterator[Client]:
    with connect(server.kubeconfig) as client:
        ensure_namespace(client, NAMESPACE)
        yield client


def kubelet(server: ApiServer, name: str, method: str, path: str, body: object = None) -> int:
    """The status of a request with the rights of that node's kubelet."""
    account = {"Impersonate-User": f"system:node:{name}", "Impersonate-Group": "system:nodes"}
    return server.request(method, f"/api/v1/{path}", body, content_type=MERGE, headers=account)[0]


def node_of_others(server: ApiServer, name: str) -> None:
    """A Node with a label that its kubelet may not change, and a taint of somebody else."""
    server.create_node(name, labels={HELD: "low"})
    server.kubectl("taint", "node", name, f"{TAINT['key']}={TAINT['value']}:{TAINT['effect']}")


def forge(server: ApiServer, name: str, **values: Any) -> None:
    """Annotations as earlier releases wrote them, by the kubelet, and the address of another machine."""
    notes = {key: json.dumps(values.get(key.rpartition("/")[2], "x")) for key in FORMER}
    status = {"addresses": [{"type": "InternalIP", "address": PLANE}]}
    assert kubelet(server, name, "PATCH", f"nodes/{name}", {"metadata": {"annotations": notes}}) == DONE
    assert kubelet(server, name, "PATCH", f"nodes/{name}/status", {"status": status}) == DONE


def test_what_a_kubelet_calls_ours_is_not_taken_away_by_us(server: ApiServer, client: Client) -> None:
    node_of_others(server, "worker-1")
    for change in ({"metadata": {"labels": {HELD: None}}}, {"spec": {"taints": None}}):
        assert kubelet(server, "worker-1", "PATCH", "nodes/worker-1", change) == FORBIDDEN
    apply_node(client, "worker-1", labels={"ours": "1"}, taints=[], records=RECORDS, address=ADDRESS)
    forge(
        server,
        "worker-1",
        owned={"labels": [HELD], "taints": ["dedicated:NoSchedule"]},
        record={"format": 1, "steps": {}},
        address=PLANE,
    )
    seen = observe(client).nodes["worker-1"]
    assert (seen.owned_labels, seen.owned_taints) == (("ours",), ())
    assert (seen.address, seen.records) == (ADDRESS, RECORDS)
    apply_node(client, "worker-1", labels={}, taints=[], records=RECORDS, address=ADDRESS)
    seen = observe(client).nodes["worker-1"]
    assert (seen.labels.get(HELD), seen.labels.get("ours"), TAINT in seen.taints) == ("low", None, True)


def test_no_kubelet_reads_or_writes_records(server: ApiServer, client: Client) -> None:
    server.create_node("worker-2")
    apply_node(client, "worker-2", labels={}, taints=[], records=RECORDS, address=ADDRESS)
    all_of_them = f"namespaces/{NAMESPACE}/configmaps"
    own = f"{all_of_them}/slipway-node-worker-2"
    assert kubelet(server, "worker-2", "GET", own) == FORBIDDEN
    assert kubelet(server, "worker-2", "PATCH", own, {"data": {"record": "{}"}}) == FORBIDDEN
    assert kubelet(server, "worker-2", "DELETE", own) == FORBIDDEN
    assert kubelet(server, "worker-2", "DELETE", "nodes/worker-2") == FORBIDDEN  # its record would go with it
    assert kubelet(server, "worker-2", "POST", all_of_them, {"metadata": {"name": "x"}}) == FORBIDDEN


def test_the_operator_s_own_account_reads_records_and_writes_none(
    server: ApiServer, client: Client, tmp_path: Path
) -> None:
    """By the rules of the module's chart, with a token as its pod has one. What it plans by, the applier reads."""
    chart = data_dir() / "modules/operator/chart"
    made = [binary("helm"), "template", "-n", NAMESPACE, "operator", chart, "-s", "templates/rbac.yaml"]
    rules = subprocess.run(made, capture_output=True, check=True, text=True).stdout
    server.kubectl("-n", NAMESPACE, "apply", "-f", "-", stdin=rules)
    server.create_node("worker-10")
    apply_node(client, "worker-10", labels={}, taints=[], records=RECORDS, address=ADDRESS)
    token = server.kubectl("-n", NAMESPACE, "create", "token", "slipway-operator").stdout
    kubeconfig = json.loads(server.kubeconfig.read_text())
    kubeconfig["users"][0]["user"]["token"] = token
    own = tmp_path / "kubeconfig"
    own.write_text(json.dumps(kubeconfig))
    with connect(own) as operator:
        names = [one["metadata"]["name"] for one in operator.list("v1", "ConfigMap", NAMESPACE)]
        assert "slipway-node-worker-10" in names
        with pytest.raises(StepError, match="cannot patch resource"):
            operator.merge("v1", "ConfigMap", "slipway-node-worker-10", {"data": {}}, NAMESPACE)


def test_garbage_of_a_kubelet_or_in_a_record_is_that_nodes_alone(server: ApiServer, client: Client) -> None:
    for name in ("worker-3", "worker-4"):
        server.create_node(name)
        apply_node(client, name, labels={}, taints=[], records=RECORDS, address=ADDRESS)
    forge(server, "worker-3")
    broken = '{"data": {"record": "x"}}'
    server.kubectl(
        "-n", NAMESPACE, "patch", "configmap", "slipway-node-worker-4", "--type=merge", "-p", broken
    )
    seen = observe(client)
    assert seen.reachable
    assert (seen.nodes["worker-3"].records, seen.nodes["worker-3"].unreadable) == (RECORDS, None)
    fault = seen.nodes["worker-4"].unreadable
    assert fault is not None
    assert fault.where == "configmap/slipway-system/slipway-node-worker-4"
    with pytest.raises(PreflightError, match="cannot be read"):
        apply_node(client, "worker-4", labels={}, taints=[], records=RECORDS, address=ADDRESS)
    command = fault.hint.partition(";")[0].split()
    server.kubectl(*command[1:])
    assert apply_node(client, "worker-4", labels={}, taints=[], records=RECORDS, address=ADDRESS)
    assert observe(client).nodes["worker-4"].records == RECORDS


def test_a_module_s_record_that_is_garbage_is_that_module_s_alone(server: ApiServer, client: Client) -> None:
    label = {"installer.slipway.dev/module": "odd"}
    meta = {"name": "slipway-module-odd", "namespace": NAMESPACE, "labels": label}
    client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"record": "x"}})
    seen = observe(client, drift=True)
    assert (seen.reachable, list(seen.unreadable), "odd" in seen.modules) == (True, ["odd"], False)
    server.kubectl("-n", NAMESPACE, "delete", "configmap", "slipway-module-odd")


def test_keys_are_known_to_be_ours_before_they_are_on_the_node(
    server: ApiServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the record and the Node, and again between the Node and the record."""
    server.create_node("worker-5")

    def killed(*_: Any) -> Any:
        raise KeyboardInterrupt

    def apply(**labels: str) -> None:
        apply_node(client, "worker-5", labels=labels, taints=[], records=RECORDS, address=ADDRESS)

    monkeypatch.setattr(client, "merge", killed)
    with pytest.raises(KeyboardInterrupt):
        apply(a="1")
    assert observe(client).nodes["worker-5"].owned_labels == ("a",)
    monkeypatch.undo()
    apply(a="1")
    monkeypatch.setattr(client, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        apply()
    seen = observe(client).nodes["worker-5"]
    assert ("a" in seen.labels, seen.owned_labels) == (False, ("a",))
    monkeypatch.undo()
    apply()
    assert observe(client).nodes["worker-5"].owned_labels == ()


def test_a_record_goes_with_its_node_and_says_nothing_of_the_next_of_that_name(
    server: ApiServer, client: Client
) -> None:
    server.create_node("worker-6")
    apply_node(client, "worker-6", labels={}, taints=[], records=RECORDS, address=ADDRESS)
    nodes.delete_node(client, "worker-6")
    server.create_node("worker-6")
    seen = observe(client).nodes["worker-6"]
    assert (seen.records, seen.address) == ({}, "")
    record = ("v1", "ConfigMap", "slipway-node-worker-6", NAMESPACE)
    until(lambda: client.get(*record) is None, seconds=60, what="the record has gone with its Node")


def test_who_drained_a_node_is_not_what_its_annotations_say(server: ApiServer, client: Client) -> None:
    for name in ("worker-7", "worker-8"):
        server.create_node(name)
        mark_begun(client, name, "op-1", ["node_prepare"])
    nodes.take_out(client, "worker-7", seconds=30, cancelled=lambda: False)
    nodes.cordon(client, "worker-8")
    forge(server, "worker-8", drained="true")
    seen = observe(client).nodes
    assert (seen["worker-7"].drained, seen["worker-8"].drained) == (True, False)
    assert (nodes.admit(client, "worker-7"), nodes.admit(client, "worker-8")) == (True, False)
    seen = observe(client).nodes
    assert (seen["worker-7"].drained, [one.operation for one in seen["worker-7"].begun]) == (False, ["op-1"])


def test_two_who_write_one_record_at_once_lose_nothing(
    server: ApiServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.create_node("worker-9")
    apply_node(client, "worker-9", labels={}, taints=[], records=RECORDS, address=ADDRESS)
    replace, first = client.replace, []

    def late(document: dict[str, Any]) -> Any:
        if not first:
            first.append(True)
            mark_begun(client, "worker-9", "op-2", ["node_prepare"])
        return replace(document)

    monkeypatch.setattr(client, "replace", late)
    nodes.take_out(client, "worker-9", seconds=30, cancelled=lambda: False)
    seen = observe(client).nodes["worker-9"]
    assert (seen.drained, len(seen.begun), seen.records) == (True, 1, RECORDS)


def test_a_node_that_is_gone_is_no_error_where_nothing_is_left_to_do(client: Client) -> None:
    mark_begun(client, "gone", "op-1", ["node_prepare"])
    assert not nodes.admit(client, "gone")
    with pytest.raises(PreflightError, match="no such node"):
        apply_node(client, "gone", labels={}, taints=[], records={}, address=ADDRESS)

"""A Node is its kubelet's word: which machine is reset, what may be taken away and what is done, records alone tell.

The same against a real API server, with what a kubelet may write there: tests/api/operator/test_kubelets.py.
"""

import json
from dataclasses import replace
from typing import Any

import pytest

from slipway.api import read
from slipway.cluster.observe import node_observed
from slipway.cluster.own.kept import FORMER
from slipway.cluster.own.noderecords import node_patch
from slipway.findings import FindingCode
from slipway.model.codes import HostCode
from slipway.model.observed import HostFacts, HostObserved, NodeObserved, Observed
from slipway.model.plan import Plan, Step
from slipway.model.record import NodeRecord, StepRecord, Unreadable
from slipway.planning.preflight import preflight
from tests.unit.planning import model

PLANE, OURS, LEAVES = "cp-01", "worker-01", "worker-02"
PLANE_ADDRESS, ADDRESS = "10.0.0.11", "10.0.0.13"
WITHOUT = {
    "hosts": {
        "items": [
            {"name": PLANE, "address": PLANE_ADDRESS, "roles": ["control-plane"]},
            {"name": OURS, "address": "10.0.0.12", "roles": ["worker"]},
        ]
    }
}
TENANT = "node-restriction.kubernetes.io/tenant"
STEPS = {"format": 1, "steps": {"kubernetes_worker": {"digest": "sha256:1"}}}
#: What earlier releases kept on Nodes, as somebody with a kubelet's account writes it.
FORGED: dict[str, Any] = {
    "record": STEPS,
    "begun": {"operation": "op-1", "roles": ["node_prepare"]},
    "owned": {"labels": [TENANT], "taints": ["dedicated:NoSchedule"]},
    "address": PLANE_ADDRESS,
    "drained": "true",
}


def claiming(name: str = LEAVES) -> dict[str, Any]:
    """A Node whose kubelet says all that it can, and that it is at the control plane's address."""
    notes = {key: json.dumps(FORGED[key.rpartition("/")[2]]) for key in FORMER}
    return {
        "metadata": {"name": name, "uid": "u-1", "labels": {TENANT: "low"}, "annotations": notes},
        "spec": {"taints": [{"key": "dedicated", "value": "pci", "effect": "NoSchedule"}]},
        "status": {"addresses": [{"type": "InternalIP", "address": PLANE_ADDRESS}]},
    }


def installed(**nodes: NodeObserved) -> Observed:
    """The base site by its records alone, with some Nodes otherwise."""
    seen = model.records_only(model.installed(model.base()))
    named = {name.replace("_", "-"): node for name, node in nodes.items()}
    return replace(seen, cluster=replace(seen.cluster, nodes={**seen.cluster.nodes, **named}))


def leaving(seen: Observed) -> Step:
    """The step by which worker-02 leaves."""
    found = {step.id: step for step in planned(seen, WITHOUT).steps}
    return found[f"node/{LEAVES}/remove"]


def planned(seen: Observed, *patches: dict[str, Any]) -> Plan:
    return model.planned(model.document(*patches), seen)


def answering(name: str, **known: Any) -> HostObserved:
    """The machine at the address of worker-02, as it describes itself."""
    facts = HostFacts(hostname=name, addresses=(ADDRESS,))
    return HostObserved(LEAVES, facts=facts, cluster=model.SITE, **known)


def test_nothing_of_a_node_is_taken_for_a_record() -> None:
    seen = node_observed(claiming(), None)
    assert (seen.records, seen.begun, seen.drained, seen.address) == ({}, (), False, "")
    assert (seen.owned_labels, seen.owned_taints) == ((), ())


def test_labels_and_taints_of_others_are_not_taken_away_for_who_says_they_are_ours() -> None:
    patch = node_patch(claiming(), {}, [], NodeRecord(LEAVES))
    assert patch is not None
    assert (patch["metadata"]["labels"], "spec" in patch) == ({}, False)


@pytest.mark.parametrize("text", ["x", "[" * 100_000, '{"format": 99}', '{"labels": 7}', "\x00"])
def test_no_garbage_of_a_kubelet_keeps_a_node_from_being_read(text: str) -> None:
    node = claiming()
    node["metadata"]["annotations"] = dict.fromkeys(FORMER, text)
    assert node_observed(node, None).unreadable is None


def test_a_node_does_not_say_where_its_machine_is() -> None:
    """Its kubelet calls the control plane's address its own, and its host is taken out of the site."""
    step = leaving(installed())
    assert step.inputs["address"] == ADDRESS
    assert [reason.text for reason in step.reasons] == [
        f"spec.hosts.items no longer has {LEAVES}; the machine at {ADDRESS} is reset"
    ]
    claims = node_observed(claiming(), None)
    names = {f"node/{LEAVES}/remove"}
    assert not names & {step.id for step in planned(installed(worker_02=claims), WITHOUT).steps}


def test_a_node_of_an_earlier_release_is_told_of_and_left_alone() -> None:
    plan = planned(installed(worker_02=node_observed(claiming(), None)), WITHOUT)
    (hint,) = plan.standing.hints
    assert hint.name == LEAVES
    assert "is not believed: it is not removed\nnext: name it in spec.hosts.items" in hint.message


def test_a_cluster_of_an_earlier_release_has_its_records_written_anew_and_nothing_else() -> None:
    seen = model.installed(model.base())
    former = {
        name: replace(node, records={}, address="", owned_labels=(), owned_taints=(), former=True)
        for name, node in seen.cluster.nodes.items()
    }
    seen = replace(seen, cluster=replace(seen.cluster, nodes=former))
    by_records = {step.target for step in planned(model.records_only(seen)).steps if step.on_host}
    assert by_records == set(former), "so they are read"
    plan = planned(seen)
    assert {step.id for step in plan.steps} == {f"node/{name}/metadata" for name in former}
    assert plan.standing.hints == ()
    assert planned(model.applied(model.base(), plan, seen)).steps == ()


@pytest.mark.parametrize(
    ("machine", "why"),
    [
        (answering(PLANE, recorded=PLANE), f"by its own record it is {PLANE}"),
        (answering(LEAVES, recorded=PLANE), f"by its own record it is {PLANE}"),
        (answering(PLANE), f"by its own record it is {PLANE}"),
        (replace(answering(LEAVES), cluster="5170000000000001"), "it belongs to another cluster"),
        (replace(answering(PLANE), cluster="", kubernetes="https://10.0.0.1:6443"), f"it is {PLANE}"),
    ],
    ids=["by record", "by record under another's name", "by name", "of another site", "of no site"],
)
def test_another_machine_at_the_address_is_neither_reset_nor_is_the_node_drained(
    machine: HostObserved, why: str
) -> None:
    hold = leaving(replace(installed(), hosts={LEAVES: machine})).hold
    assert hold is not None
    assert hold.what == f"the machine at {ADDRESS} is not {LEAVES}"
    assert why in hold.why


@pytest.mark.parametrize(
    "machine", [answering(LEAVES, recorded=LEAVES), answering(LEAVES), replace(answering("new"), cluster="")]
)
def test_the_machine_that_is_meant_leaves(machine: HostObserved) -> None:
    assert leaving(replace(installed(), hosts={LEAVES: machine})).hold is None


def test_no_step_is_begun_on_a_machine_that_is_another_host() -> None:
    """The address of a new host is that of another one, whose record says so."""
    items = [
        *model.base()["spec"]["hosts"]["items"],
        {"name": "w", "address": "10.0.0.14", "roles": ["worker"]},
    ]
    seen, wanted = model.installed(model.base()), {"hosts": {"items": items}}
    known = {"facts": HostFacts(addresses=("10.0.0.14",)), "cluster": model.SITE, "recorded": LEAVES}
    seen = replace(seen, hosts={**seen.hosts, "w": HostObserved("w", **known)})
    configuration = read.parse(model.document(wanted))
    found = preflight(configuration, model.bundle(), seen, planned(seen, wanted), {})
    assert [one.problem for one in found if one.code is FindingCode.ANOTHER_HOST] == [
        f"is {LEAVES}, by the machine's own record"
    ]


@pytest.mark.parametrize("told", ["by its machine", "by its record"])
def test_a_member_of_etcd_is_one_by_its_machine_whatever_its_node_is_called(told: str) -> None:
    """No label says that it is a control plane. Another one is away: to stop this would stop etcd."""
    planes = {"cp-02": "10.0.0.14", LEAVES: ADDRESS}
    further = [{"name": name, "address": at, "roles": ["control-plane"]} for name, at in planes.items()]
    made = model.installed(model.document({"hosts": {"items": [*WITHOUT["hosts"]["items"], *further]}}))
    node = made.cluster.nodes[LEAVES]
    silent = HostObserved("cp-02", error_code=HostCode.UNREACHABLE, error="no route to host")
    machine = replace(made.hosts[LEAVES], recorded=LEAVES)
    if told == "by its machine":
        node = replace(node, records={"kubernetes_worker": StepRecord("d")})
    else:
        machine = replace(machine, records={})
    cluster = replace(made.cluster, nodes={**made.cluster.nodes, LEAVES: node})
    step = leaving(replace(made, hosts={"cp-02": silent, LEAVES: machine}, cluster=cluster))
    assert step.hold is not None
    assert step.hold.where == "etcd"


UNREADABLE = Unreadable(
    "configmap/slipway-system/slipway-node-worker-01", "a record cannot be read", "delete it"
)


def test_a_record_that_cannot_be_read_holds_back_what_depends_on_it_and_nothing_else() -> None:
    """Labels of two nodes and a module change; what is kept of one node is garbage."""
    seen = model.installed(model.base())
    nodes = {name: replace(node, records={}, address="") for name, node in seen.cluster.nodes.items()}
    nodes = {**seen.cluster.nodes, OURS: replace(nodes[OURS], unreadable=UNREADABLE)}
    items = [{**item, "settings": {"labels": {"a": "b"}}} for item in model.base()["spec"]["hosts"]["items"]]
    wanted = {"hosts": {"items": items}, "modules": {"welcome": {"enabled": True}}}
    plan = planned(replace(seen, cluster=replace(seen.cluster, nodes=nodes)), wanted)
    held = {step.id: step.hold for step in plan.steps if step.hold}
    assert list(held) == [f"node/{OURS}/metadata"]
    assert held[f"node/{OURS}/metadata"].where == UNREADABLE.where
    assert {f"node/{LEAVES}/metadata", "module/welcome/apply"} < {step.id for step in plan.steps}
    assert [(hint.name, hint.message.partition(":")[0]) for hint in plan.standing.hints] == [
        (OURS, UNREADABLE.where)
    ]


def test_a_host_whose_record_cannot_be_read_is_not_reset() -> None:
    node = NodeObserved(LEAVES, ready=True, unreadable=UNREADABLE)
    step = leaving(installed(worker_02=node))
    assert step.hold is not None
    assert (step.hold.what, step.inputs["address"]) == ("its record cannot be read", "")


def test_a_module_whose_record_cannot_be_read_is_left_as_it_is() -> None:
    seen = installed()
    modules = {name: record for name, record in seen.cluster.modules.items() if name != "flannel"}
    cluster = replace(seen.cluster, modules=modules, unreadable={"flannel": UNREADABLE})
    plan = planned(replace(seen, cluster=cluster))
    assert [(step.id, step.hold is not None) for step in plan.steps] == [("module/flannel/apply", True)]

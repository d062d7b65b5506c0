"""Custom resources as real operators write them: what is well, what nobody has acted on, what is not as declared."""

from typing import Any

import pytest

from slipway.cluster.condition.declared import demand_status, full_status
from slipway.cluster.condition.health import KStatus, can_be_unready, unready_since
from slipway.model.fieldnames import field_keys, value_of
from slipway.model.modulehealth import Demand, Health, KindRule

NEVER = "1970-01-01T00:00:00Z"
POLICY = KindRule(group="nvidia.com", kind="ClusterPolicy", fields={"status.state": "ready"})
PROMETHEUS = KindRule(
    group="monitoring.coreos.com", kind="Prometheus", conditions={"Available": "True", "Reconciled": "True"}
)
SEARCH = KindRule(
    group="elasticsearch.k8s.elastic.co",
    kind="Elasticsearch",
    fields={"status.health": ("green", "yellow"), "status.phase": "Ready"},
)
QUEUE = KindRule(group="kueue.x-k8s.io", kind="ClusterQueue", conditions={"Active": "True"})
GATEWAY = KindRule(group="gateway.networking.k8s.io", kind="GatewayClass", conditions={"Accepted": "True"})
ADVERTISEMENT = KindRule(group="metallb.io", kind="L2Advertisement", status="none")
WORKFLOW = KindRule(group="argoproj.io", kind="Workflow", fields={"status.phase": "Succeeded"})


def custom(api_version: str, kind: str, status: Any = None, **meta: Any) -> dict[str, Any]:
    obj = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x", "generation": 2, **meta}}
    return obj if status is None else {**obj, "status": status}


def condition(name: str, value: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"type": name, "status": value, "message": message, **more}


def policy(status: Any = None) -> dict[str, Any]:
    return custom("nvidia.com/v1", "ClusterPolicy", status)


def prometheus(*conditions: dict[str, Any]) -> dict[str, Any]:
    return custom("monitoring.coreos.com/v1", "Prometheus", {"conditions": list(conditions), "replicas": 1})


def gateway(*conditions: dict[str, Any]) -> dict[str, Any]:
    return custom("gateway.networking.k8s.io/v1", "GatewayClass", {"conditions": list(conditions)})


NOBODY = "nobody has acted on it"
RECONCILED = condition("Reconciled", "True", observedGeneration=2)
#: Object, what is declared of its kind, whether its kind has a status apart, what is said; empty: current.
CASES = [
    (policy(), None, True, NOBODY),
    (policy({}), None, True, NOBODY),
    (policy(), POLICY, False, NOBODY),
    (policy({"state": "notReady"}), None, True, ""),
    (policy({"namespace": "gpu"}), POLICY, True, "it has no status.state yet, which has to be ready"),
    (
        policy({"state": "notReady", "conditions": [condition("Error", "True", "driver is not ready")]}),
        POLICY,
        True,
        "status.state is notReady, not ready: driver is not ready",
    ),
    (policy({"state": "ready", "conditions": [condition("Error", "False")]}), POLICY, True, ""),
    (
        policy({"state": "ready", "conditions": [condition("Ready", "False", "3 left")]}),
        POLICY,
        True,
        "3 left",
    ),
    (prometheus(condition("Available", "True", observedGeneration=2), RECONCILED), PROMETHEUS, True, ""),
    (
        prometheus(condition("Available", "Degraded", "shard 0: pod x: Unschedulable"), RECONCILED),
        PROMETHEUS,
        True,
        "Available is Degraded, not True: shard 0: pod x: Unschedulable",
    ),
    (
        prometheus(condition("Available", "True", observedGeneration=1), RECONCILED),
        PROMETHEUS,
        True,
        "Available is not yet about its last change",
    ),
    (prometheus(RECONCILED), PROMETHEUS, True, "it has no condition Available yet, which has to be True"),
    (
        custom(
            "elasticsearch.k8s.elastic.co/v1", "Elasticsearch", {"health": "red", "phase": "ApplyingChanges"}
        ),
        SEARCH,
        True,
        "status.health is red, not green or yellow; status.phase is ApplyingChanges, not Ready",
    ),
    (
        custom("elasticsearch.k8s.elastic.co/v1", "Elasticsearch", {"health": "yellow", "phase": "Ready"}),
        SEARCH,
        True,
        "",
    ),
    (
        custom(
            "elasticsearch.k8s.elastic.co/v1", "Elasticsearch", {"observedGeneration": 1, "phase": "Ready"}
        ),
        SEARCH,
        True,
        "its controller has not seen the last change",
    ),
    (
        custom(
            "kueue.x-k8s.io/v1beta1",
            "ClusterQueue",
            {"conditions": [{**condition("Active", "False"), "reason": "FlavorNotFound"}]},
        ),
        QUEUE,
        True,
        "Active is False, not True: FlavorNotFound",
    ),
    # The schema itself fills this in, with nobody there.
    (gateway(condition("Accepted", "Unknown", "Waiting", lastTransitionTime=NEVER)), None, True, NOBODY),
    (gateway(condition("Accepted", "Unknown", "Waiting", lastTransitionTime=NEVER)), GATEWAY, True, NOBODY),
    (gateway(condition("Accepted", "True", lastTransitionTime="2026-01-01T00:00:00Z")), GATEWAY, True, ""),
    (
        custom("cert-manager.io/v1", "Issuer", {"conditions": [condition("Ready", "False", "no secret ca")]}),
        None,
        True,
        "no secret ca",
    ),
    (
        custom(
            "cert-manager.io/v1",
            "Certificate",
            {"conditions": [condition("Ready", "True", observedGeneration=1)]},
        ),
        None,
        True,
        "its controller has not seen the last change",
    ),
    # Nobody writes a status here, whether there is a place for it or not.
    (custom("metallb.io/v1beta1", "L2Advertisement"), ADVERTISEMENT, True, ""),
    (custom("monitoring.coreos.com/v1", "ServiceMonitor"), None, False, ""),
    (custom("traefik.io/v1alpha1", "IngressRoute"), None, False, ""),
    # Kinds whose controller writes a status, and which have no place apart for it.
    (custom("argoproj.io/v1alpha1", "Workflow"), WORKFLOW, False, NOBODY),
    (custom("example.com/v1", "Widget", "Running"), None, True, ""),
    (custom("example.com/v1", "Widget", {"conditions": {"Ready": "False"}}), None, True, ""),
    ({**custom("v1", "ConfigMap"), "data": {}}, None, True, ""),
]


@pytest.mark.parametrize(("obj", "declared", "has_place", "said"), CASES)
def test_what_is_said_of_it(
    obj: dict[str, Any], declared: KindRule | None, has_place: bool, said: str
) -> None:
    found = full_status(obj, declared, has_place=has_place)
    assert found.state is (KStatus.IN_PROGRESS if said else KStatus.CURRENT)
    assert said in found.message
    assert bool(found.message) is bool(said)


def test_what_was_well_before_is_no_more() -> None:
    """Kinds whose group ends like one of Kubernetes' own are custom resources too."""
    assert can_be_unready("gateway.networking.k8s.io/v1", "Gateway")
    assert not can_be_unready("networking.k8s.io/v1", "Ingress")


def test_since_when_by_a_declared_condition() -> None:
    obj = prometheus(condition("Available", "True"), condition("Reconciled", "False", lastTransitionTime="t"))
    assert unready_since(obj) == ""
    assert unready_since(obj, PROMETHEUS.conditions) == "t"


@pytest.mark.parametrize(
    ("wanted", "value", "holds"),
    [
        (True, True, True),
        (True, 1, False),
        (1, True, False),
        (3, 3, True),
        ("3", 3, False),
        (("a", "b"), "b", True),
        ("a", ["a"], False),
        ("x", None, False),
    ],
)
def test_a_value_is_compared_as_yaml_has_it(wanted: Any, value: Any, holds: bool) -> None:
    demand = Demand(fields={"status.value": wanted})
    assert demand_status(custom("example.com/v1", "Widget", {"value": value}), demand).current is holds


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("status", ("status",)),
        ("status.state", ("status", "state")),
        ("status.nodes[0].ready", ("status", "nodes", 0, "ready")),
        ('metadata.annotations["a.b/c"]', ("metadata", "annotations", "a.b/c")),
    ],
)
def test_names_of_fields(name: str, keys: tuple[str | int, ...]) -> None:
    assert field_keys(name) == keys


@pytest.mark.parametrize(
    "name", ["", ".", ".status", "status.", "a..b", "[0]", "a[x]", "a b", 'a["b', "$.status"]
)
def test_names_of_no_field(name: str) -> None:
    with pytest.raises(ValueError, match="is no field"):
        field_keys(name)


@pytest.mark.parametrize(("name", "value"), [("a.l[1]", 2), ("a.l[2]", None), ("a.l.x", None), ("b.c", None)])
def test_what_stands_in_a_field(name: str, value: Any) -> None:
    assert value_of({"a": {"l": [1, 2]}, "b": "text"}, name) == value


def test_written_down_without_what_nobody_set() -> None:
    """Of this form are digests of what stands in clusters."""
    rule = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "defaultClass": True}
    plain = {"timeout": 300, "rules": [rule]}
    assert Health.model_validate(plain).model_dump(mode="json") == plain
    assert Health().model_dump(mode="json") == {"timeout": 300, "rules": []}

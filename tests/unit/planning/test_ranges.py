"""Room for nodes is told before it is gone; hosts may have their full names."""

import pytest

from slipway.api import read
from slipway.errors import WARNING
from slipway.model.plan import StepKind
from slipway.planning.preflight import preflight
from slipway.planning.roles import role_variables
from tests.unit.planning import model


def site(count: int, pods: str) -> dict[str, object]:
    workers = [
        {"name": f"w-{i}", "address": f"10.0.0.{20 + i}", "roles": ["worker"]} for i in range(1, count)
    ]
    plane = {"name": "cp-01", "address": "10.0.0.11", "roles": ["control-plane"]}
    return {"hosts": {"items": [plane, *workers]}, "kubernetes": {"network": {"podCIDR": pods}}}


def told(count: int, pods: str) -> list[tuple[str, str, str]]:
    document = model.document(site(count, pods))
    observed = model.fresh(read.parse(document))
    plan = model.planned(document, observed)
    found = preflight(read.parse(document), model.bundle(), observed, plan, {})
    return [(one.path, one.code, one.severity) for one in found if one.path.startswith("spec.")]


def test_a_pod_range_that_is_nearly_full_is_told() -> None:
    assert told(6, "10.244.0.0/21") == []
    assert told(7, "10.244.0.0/21") == [("spec.kubernetes.network.podCIDR", "pod-range-nearly-full", WARNING)]
    assert told(8, "10.244.0.0/21") == [("spec.kubernetes.network.podCIDR", "pod-range-nearly-full", WARNING)]


def test_a_host_may_have_its_full_name() -> None:
    name = "cp-01.rack-7.example.org"
    items = [{"name": name, "address": "10.0.0.11", "roles": ["control-plane"]}]
    document = model.document({"hosts": {"items": items}})
    configuration = read.parse(document)
    plan = model.planned(document, model.fresh(configuration))
    assert {step.target for step in plan.steps if step.kind is StepKind.HOST} == {name}
    assert f"node/{name}/metadata" in {step.id for step in plan.steps}
    given = role_variables(configuration, model.bundle(), configuration.hosts[0], "node_prepare")
    assert given["node_prepare_hostname"] == name
    assert given["node_prepare_hosts_entries"][0] == {"address": "10.0.0.11", "names": [name, "cp-01"]}


@pytest.mark.parametrize(
    ("patch", "paths"),
    [
        ({"kubernetes": {"endpoint": {"port": 8443}}, "registry": {"port": 5443}}, []),
        ({"kubernetes": {"endpoint": {"port": 10250}}}, ["spec.kubernetes.endpoint.port"]),
        ({"kubernetes": {"endpoint": {"port": 2379}}}, ["spec.kubernetes.endpoint.port"]),
        ({"kubernetes": {"endpoint": {"port": 5000}}}, ["spec.registry.port"]),
        ({"registry": {"pushPort": 6443}}, ["spec.registry.pushPort"]),
        ({"registry": {"host": "worker-01", "port": 6443}}, []),
        ({"registry": {"host": "worker-01", "port": 10256}}, ["spec.registry.port"]),
    ],
)
def test_two_programs_of_a_host_have_two_ports(patch: dict[str, object], paths: list[str]) -> None:
    document = model.document(patch)
    observed = model.fresh(read.parse(document))
    plan = model.planned(document, observed)
    found = preflight(read.parse(document), model.bundle(), observed, plan, {})
    assert [(one.path, one.code) for one in found if one.path.startswith("spec.")] == [
        (path, "port-clash") for path in paths
    ]

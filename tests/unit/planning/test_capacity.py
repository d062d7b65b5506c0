"""Is there room for what modules ask: summed over modules and nodes, refused with the smallest change that would do."""

from dataclasses import replace
from typing import Any

import pytest

from slipway.api import read
from slipway.catalog import Catalog
from slipway.errors import ERROR, WARNING, Finding
from slipway.model.amounts import Amount, PodRequests
from slipway.model.observed import Observed
from slipway.planning.plan import make_plan
from slipway.planning.together.capacity import capacity_findings
from tests.unit.planning import model

GIB = 1 << 30


@pytest.mark.parametrize(
    ("cpu", "memory", "amount"),
    [
        ("100m", "50Mi", Amount(100, 50 << 20)),
        ("1.5", "2Gi", Amount(1500, 2 * GIB)),
        ("16", "32589012Ki", Amount(16000, 32589012 << 10)),
        ("0.001", "1G", Amount(1, 1000**3)),
        ("", "", Amount()),
        ("2", "8589934592", Amount(2000, 8 * GIB)),
    ],
)
def test_amounts_are_read_as_kubernetes_writes_them(cpu: str, memory: str, amount: Amount) -> None:
    assert Amount.parse(cpu, memory) == amount


@pytest.mark.parametrize(
    ("cpu", "memory"), [("100m per node", ""), ("-1", ""), ("1e3", ""), ("", "50 MB"), ("", "x")]
)
def test_what_is_no_amount_is_refused(cpu: str, memory: str) -> None:
    with pytest.raises(ValueError, match="as "):
        Amount.parse(cpu, memory)


def catalog(**demands: tuple[PodRequests, ...]) -> Catalog:
    """Ours, in which the named modules ask for this, and all others for nothing."""
    known = model.catalog()
    modules = {
        name: replace(module, resources=demands.get(name.replace("-", "_"), ()))
        for name, module in known.modules.items()
    }
    return replace(known, modules=modules)


def told(release: Catalog, seen: Observed, *patches: dict[str, Any]) -> list[Finding]:
    document = model.document(*patches)
    configuration = read.parse(document)
    plan = make_plan(configuration, release, model.bundle(), seen, document)
    return list(capacity_findings(configuration, release, seen, plan))


def fresh(*patches: dict[str, Any]) -> Observed:
    return model.fresh(read.parse(model.document(*patches)))


WELCOME = {"modules": {"welcome": {"enabled": True, "settings": {"replicas": 3}}}}


def of_cluster(cpu: int = 0, memory: int = 0, times: str = "") -> tuple[PodRequests, ...]:
    return (PodRequests(Amount(cpu, memory), times=times),)


def test_the_modules_of_the_base_have_room() -> None:
    assert told(model.catalog(), fresh()) == []


def test_what_finds_no_room_is_refused_with_both_figures_the_largest_and_a_way_out() -> None:
    """Two workers of 4 CPU and 8 GiB each; Kubernetes' own DNS asks for 200m and 140 MiB."""
    release = catalog(welcome=of_cluster(3000, GIB, "replicas"), metrics_server=of_cluster(100))
    (finding,) = told(release, fresh(), WELCOME)
    assert finding.severity is ERROR
    assert finding.problem == (
        "too little capacity: need 9.3 CPU and 3.1 GiB, have 8 CPU and 15.8 GiB, "
        "the largest are welcome (9 CPU and 3.0 GiB), metrics-server (0.1 CPU)"
    )
    assert finding.expected == "1.3 CPU more"
    assert finding.hint == "spec.modules.welcome.enabled: false; or add hosts with 1.3 CPU"
    fewer = {"modules": {"welcome": {"enabled": True, "settings": {"replicas": 2}}}}
    assert told(release, fresh(), fewer) == []  # 6.3 of 8 is below four fifths


def test_each_node_has_less_by_what_runs_on_all_of_them() -> None:
    each = (PodRequests(Amount(2000, GIB), per_node=True),)
    (finding,) = told(catalog(flannel=each, welcome=of_cluster(2000, times="replicas")), fresh(), WELCOME)
    assert "need 6.2 CPU and 140 MiB, have 4 CPU and 13.8 GiB" in finding.problem
    assert finding.expected == "2.2 CPU more"


def test_a_control_plane_that_works_as_a_worker_has_its_own_beside_the_pods() -> None:
    alone = {
        "hosts": {"items": [{"name": "cp-01", "address": "10.0.0.11", "roles": ["control-plane", "worker"]}]}
    }
    release = catalog(welcome=of_cluster(1000, times="replicas"))
    assert "have 3.35 CPU" in told(release, fresh(alone), alone, WELCOME)[0].problem


def test_the_smallest_module_that_would_do_is_named_and_none_that_others_need() -> None:
    release = catalog(
        welcome=of_cluster(1500), metrics_server=of_cluster(3000), local_path_provisioner=of_cluster(4000)
    )
    persistent = {"modules": {"welcome": {"enabled": True, "settings": {"persistence": True}}}}
    (finding,) = told(release, fresh(), persistent)
    assert finding.hint.startswith("spec.modules.welcome.enabled: false; or add hosts")


def test_two_are_named_where_one_is_not_enough() -> None:
    release = catalog(welcome=of_cluster(4000), metrics_server=of_cluster(5000), operator=of_cluster(6000))
    (finding,) = told(release, fresh(), {"modules": {"welcome": {"enabled": True}}})
    assert finding.hint.startswith(
        "spec.modules.operator.enabled: false, spec.modules.metrics-server.enabled: false; or add hosts"
    )


def test_what_is_nearly_used_up_is_a_warning_and_so_is_what_runs_already() -> None:
    release = catalog(welcome=of_cluster(7000))
    (finding,) = told(release, fresh(), WELCOME)
    assert (finding.severity, finding.hint) == (WARNING, "add a host")
    assert finding.problem.startswith("capacity is nearly used up: need 7.2 CPU")
    live = model.installed(model.document(WELCOME))
    edited = {"modules": {"welcome": {"settings": {"greeting": "Moin"}}}}
    (running,) = told(catalog(welcome=of_cluster(30000)), live, WELCOME, edited)
    assert running.severity is WARNING
    assert running.problem.startswith("too little capacity")


def test_a_plan_without_modules_is_not_asked() -> None:
    live = model.installed(model.document(WELCOME))
    label = {"hosts": {"defaults": {"labels": {"rack": "one"}}}}
    release = catalog(welcome=of_cluster(30000))
    unchanged = replace(release, modules={**model.catalog().modules})
    assert told(unchanged, live, WELCOME, label) == []


def test_a_kubelet_knows_better_than_the_machine() -> None:
    live = model.installed(model.document())
    nodes = {name: replace(node, allocatable=Amount(1000, GIB)) for name, node in live.cluster.nodes.items()}
    live = replace(live, cluster=replace(live.cluster, nodes=nodes))
    (finding,) = told(catalog(welcome=of_cluster(2000)), live, WELCOME)
    assert "have 2 CPU and 2.0 GiB" in finding.problem


def test_where_nobody_knows_what_a_node_has_nothing_is_said() -> None:
    seen = replace(fresh(), hosts={})
    assert told(catalog(welcome=of_cluster(90000)), seen, WELCOME) == []

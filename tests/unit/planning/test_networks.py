"""The sample site with three networks: what goes over which, and an address that is not where it should be."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from slipway import catalog
from slipway.api import read
from slipway.model.observed import HostObserved
from slipway.model.survey import Link, Reach, ReachVerdict, Survey
from slipway.planning.checks.fleet import fleet_state
from slipway.planning.checks.networks import network_state
from slipway.planning.ports import places_to_reach
from slipway.planning.roles import role_variables
from slipway.settings import data_dir
from tests.unit.planning import model

DOCUMENT = yaml.safe_load((data_dir() / "inventories" / "three-networks" / "cluster.yaml").read_text())
CONFIGURATION = read.parse(DOCUMENT)
CP, WORKER, APART = CONFIGURATION.hosts
REGISTRY = {CP.name: "10.2.0.21", WORKER.name: "10.2.0.21", APART.name: "10.0.0.21"}


def variables(role: str) -> dict[str, dict[str, Any]]:
    return {h.name: role_variables(CONFIGURATION, model.bundle(), h, role) for h in CONFIGURATION.hosts}


def test_pulls_go_over_the_storage_network_where_both_are_on_it() -> None:
    for role in ("node_prepare", "container_runtime", "kubernetes_node"):
        found = {name: given[f"{role}_registry"]["address"] for name, given in variables(role).items()}
        assert found == REGISTRY
    for name, given in variables("node_prepare").items():
        entries = {entry["names"][0]: entry["address"] for entry in given["node_prepare_hosts_entries"]}
        assert entries["registry.slipway.internal"] == REGISTRY[name]
        assert entries["api.site.internal"] == CP.address
    assert CP.served_at == ("10.0.0.21", "10.2.0.21")
    assert APART.served_at == ("10.0.0.32",)


def test_nodes_are_on_the_business_network_and_the_api_on_the_management_network() -> None:
    found = {name: given["kubernetes_node_address"] for name, given in variables("kubernetes_node").items()}
    assert found == {"cp-01": "10.1.0.21", "worker-01": "10.1.0.31", "worker-02": "10.1.0.32"}
    plane = role_variables(CONFIGURATION, model.bundle(), CP, "kubernetes_control_plane")
    assert plane["kubernetes_control_plane_address"] == "10.0.0.21"
    release = catalog.load()
    flannel = release.values(release.modules["flannel"], {}, {}, catalog.cluster_facts(CONFIGURATION))
    assert flannel["flannel"]["flannel"]["args"][-1] == "--iface-can-reach=10.1.0.0"


def test_who_has_to_reach_whom_is_tried_where_it_will_go() -> None:
    found = {(other.name, address, port) for other, address, port in places_to_reach(CONFIGURATION, WORKER)}
    assert found == {
        ("cp-01", "10.2.0.21", 5000),
        ("cp-01", "10.0.0.21", 6443),
        ("worker-02", "10.1.0.32", 10250),
    }
    assert ("worker-01", "10.1.0.31", 10250) in {
        (other.name, address, port) for other, address, port in places_to_reach(CONFIGURATION, CP)
    }


def test_a_way_that_is_closed_is_named_by_the_address_that_was_tried() -> None:
    closed = (Reach("cp-01", 5000, ReachVerdict.TIMEOUT), Reach("cp-01", 6443, ReachVerdict.TIMEOUT))
    seen = {host.name: HostObserved(host.name) for host in CONFIGURATION.hosts}
    seen[WORKER.name] = HostObserved(WORKER.name, survey=Survey(reach=closed))
    assert [finding.problem for finding in fleet_state(CONFIGURATION, seen)] == [
        "does not reach cp-01 at 10.2.0.21 port 5000 (timeout)",
        "does not reach cp-01 at port 6443 (timeout)",
    ]


def test_a_node_says_where_ssh_reaches_it_and_is_removed_there() -> None:
    observed = model.installed(DOCUMENT)
    assert model.planned(DOCUMENT, observed).steps == ()
    assert model.planned(DOCUMENT, model.records_only(observed)).steps == ()
    less = {**DOCUMENT, "spec": {**DOCUMENT["spec"], "hosts": {**DOCUMENT["spec"]["hosts"]}}}
    less["spec"]["hosts"]["items"] = DOCUMENT["spec"]["hosts"]["items"][:2]
    for seen in (observed, model.records_only(observed)):
        (step,) = (step for step in model.planned(less, seen).steps if step.action == "remove")
        assert step.inputs == {"name": "worker-02", "address": "10.0.0.32"}


def test_a_node_that_lost_the_address_of_ssh_gets_it_back() -> None:
    observed = model.installed(DOCUMENT)
    lost = replace(observed.cluster.nodes["worker-01"], address="10.1.0.31")
    cluster = replace(observed.cluster, nodes={**observed.cluster.nodes, "worker-01": lost})
    (step,) = model.planned(DOCUMENT, replace(observed, cluster=cluster)).steps
    assert (step.id, step.inputs["address"]) == ("node/worker-01/metadata", "10.0.0.31")


MAC = "52:54:00:00:00:01"
GOOD: dict[str, tuple[str, ...]] = {
    "eno1": ("10.0.0.21",),
    "ens2f0": ("10.1.0.21",),
    "ens2f1": ("10.2.0.21",),
}


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        (GOOD, []),
        ({}, []),  # the host did not say
        ({**GOOD, "ens2f1": ()}, [("network-address", "ens2f1: no address")]),
        ({**GOOD, "br0": ("10.2.0.21",)}, [("network-address-twice", "one link")]),
        ({**GOOD, "ens2f0": (), "ens3": ("10.1.0.21",)}, [("network-link", "on ens2f0")]),
    ],
)
def test_each_address_is_on_its_one_link(
    links: Mapping[str, tuple[str, ...]], expected: list[tuple[str, str]]
) -> None:
    survey = Survey(links=tuple(Link(name, addresses=addresses) for name, addresses in links.items()))
    found = list(network_state("host/cp-01", CP, HostObserved(CP.name, survey=survey)))
    assert [one.code for one in found] == [code for code, _ in expected]
    assert all(text in one.expected for one, (_, text) in zip(found, expected, strict=True))


def test_a_link_is_known_by_its_hardware_address_as_well() -> None:
    host = WORKER.model_copy(update={"links": CP.links.model_copy(update={"management": MAC})})
    links = (
        Link("enp1s0", mac=MAC, addresses=("10.0.0.31",)),
        Link("ens2f0", addresses=("10.1.0.31",)),
        Link("ens2f1", addresses=("10.2.0.31",)),
    )
    assert (
        list(network_state("host/worker-01", host, HostObserved(host.name, survey=Survey(links=links)))) == []
    )

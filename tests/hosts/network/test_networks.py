"""Hosts with three networks, this machine on the first only: what goes over which is counted at the switches.

The tests of this file share a cluster and build on each other, in the order written.
"""

import json
import time
import urllib.request
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from slipway.catalog import versions
from slipway.lab import Lab
from tests.e2e.sites import Site
from tests.labs import lab_nodes
from tests.sites import KUBERNETES
from tests.sites import bundle as build

CP, WORKER = "node-1", "node-2"
KUBECTL = ["kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf"]
FURTHER = {"business": "10.191.12.0/24", "storage": "10.191.13.0/24"}
RANGES = {"management": "10.191.11.0/24", **FURTHER}
#: Ports of kube-proxy on every node, and of CoreDNS' pods.
PROXY_HEALTH, DNS_METRICS = 10256, 9153
MIB = 1 << 20
#: Bytes: less than what the tests move, more than what a cluster says by itself meanwhile.
MUCH = 1 * MIB


@cache
def bundle() -> str:
    """One for all tests: each that is built anew could differ."""
    return str(build())


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with lab_nodes(
        "nt2three", RANGES["management"], 2, ("debian-12", "debian-13"), networks=FURTHER
    ) as found:
        yield found


@pytest.fixture(scope="module")
def site(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = Site(tmp_path_factory.mktemp("site"), lab, name="nt2three")
    items = made.document["spec"]["hosts"]["items"]
    for item in items:
        item["addresses"] = {name: lab.address(name, item["name"]) for name in FURTHER}
        item["links"] = {name: name for name in FURTHER}
    items[1]["settings"] = {"swap": "keep"}
    networks = {name: {"cidr": cidr} for name, cidr in RANGES.items()}
    modules = {name: None for name in made.document["spec"]["modules"] if name != "flannel"}
    # Behind a firewall that has open what the roles need, and no more.
    hosts = {"networks": networks, "items": items, "defaults": {"firewall": {"mode": "ports"}}}
    # By itself kube-proxy answers NodePorts at a node's own address only, and whoever is outside is on another network.
    outside = {"kubeProxy": {"extraConfig": {"nodePortAddresses": [RANGES["management"]]}}}
    made.edit({"spec": {"hosts": hosts, "modules": modules, "kubernetes": outside}})
    return made


def kubectl(site: Site, *argv: str) -> Any:
    return json.loads(site.lab.ssh(CP, [*KUBECTL, *argv, "-o", "json"]).stdout)


def sent(lab: Lab) -> dict[str, int]:
    """Bytes that crossed each switch."""
    return {"management": lab.sent(), **{name: lab.sent(name) for name in FURTHER}}


def moved(lab: Lab, before: dict[str, int]) -> dict[str, int]:
    return {name: count - before[name] for name, count in sent(lab).items()}


def findings(site: Site) -> set[tuple[str, str]]:
    found = site.slipway_json("preflight", "-f", str(site.file), "-b", bundle(), check=False)
    return {(one["path"], one["code"]) for one in found["findings"]}


def test_an_address_that_is_elsewhere_is_found_before_anything_is_changed(site: Site) -> None:
    right = site.document["spec"]["hosts"]["items"]
    wrong = [
        {**right[0], "links": {"business": "storage"}},
        {**right[1], "addresses": {**right[1]["addresses"], "storage": "10.191.13.99"}},
    ]
    site.edit({"spec": {"hosts": {"items": wrong}}})
    found = findings(site)
    assert {(f"host/{CP}", "network-link"), (f"host/{WORKER}", "network-address")} <= found
    site.edit({"spec": {"hosts": {"items": right}}})
    assert not {code for _, code in findings(site)} & {"network-link", "network-address", "reach"}


def test_hosts_become_a_cluster_whose_nodes_are_on_the_business_network(site: Site, lab: Lab) -> None:
    before = sent(lab)
    site.slipway("install", "-f", str(site.file), "-b", bundle(), timeout=900)
    assert (
        moved(lab, before)["storage"] > 100 * MIB
    )  # the worker's programs and images, from the registry on node-1
    nodes = kubectl(site, "get", "nodes")["items"]
    addresses = {
        node["metadata"]["name"]: [
            a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP"
        ]
        for node in nodes
    }
    assert addresses == {node: [lab.address("business", node)] for node in (CP, WORKER)}
    for node in nodes:
        conditions = {one["type"]: one["status"] for one in node["status"]["conditions"]}
        assert conditions["Ready"] == "True"


def test_a_kubelet_starts_with_swap_where_its_host_keeps_it(lab: Lab) -> None:
    ask = [*KUBECTL, "get", "--raw"]
    found = [lab.ssh(CP, [*ask, f"/api/v1/nodes/{name}/proxy/configz"]).stdout for name in (CP, WORKER)]
    assert [json.loads(one)["kubeletconfig"]["failSwapOn"] for one in found] == [True, False]


def test_a_pull_goes_over_the_storage_network(lab: Lab) -> None:
    # A worker has not pulled it: it runs on control planes.
    image = next(name for name in versions.load().release(KUBERNETES).images if "/etcd:" in name)
    before = sent(lab)
    lab.ssh(WORKER, ["ctr", "images", "pull", "--hosts-dir", "/etc/containerd/certs.d", image], timeout=120)
    found = moved(lab, before)
    assert found.pop("storage") > 10 * MIB
    assert max(found.values()) < MUCH


def test_pods_talk_over_the_business_network(site: Site, lab: Lab) -> None:
    """CoreDNS' pod, from the other node: a packet to it is one between flannel's two ends."""
    lab.ssh(CP, [*KUBECTL, "-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=120s"])
    pod = kubectl(site, "-n", "kube-system", "get", "pods", "-l", "k8s-app=kube-dns")["items"][0]
    other = WORKER if pod["spec"]["nodeName"] == CP else CP
    before = sent(lab)
    lab.ssh(other, ["ping", "-q", "-f", "-c", "1500", "-s", "1300", pod["status"]["podIP"]], timeout=60)
    found = moved(lab, before)
    assert found.pop("business") > 2 * 1500 * 1300
    assert max(found.values()) < MUCH


def test_ssh_and_the_api_go_over_the_management_network(lab: Lab) -> None:
    before = sent(lab)
    lab.ssh(WORKER, ["sh", "-c", f"head -c {4 * MIB} /dev/urandom | base64"])
    found = moved(lab, before)
    assert found.pop("management") > 4 * MIB
    assert max(found.values()) < MUCH
    before = sent(lab)
    ask = "kubectl --kubeconfig /etc/kubernetes/kubelet.conf get --raw /openapi/v2 >/dev/null"
    lab.ssh(WORKER, ["sh", "-c", f"for n in $(seq 20); do {ask} || exit 1; done"])
    found = moved(lab, before)
    assert found.pop("management") > 2 * MIB
    assert max(found.values()) < MUCH


def service(name: str, app: str, port: int, node_port: int, policy: str) -> str:
    """A NodePort to pods of kube-system."""
    spec = {
        "type": "NodePort",
        "externalTrafficPolicy": policy,
        "selector": {"k8s-app": app},
        "ports": [{"port": port, "targetPort": port, "nodePort": node_port}],
    }
    kind = {"apiVersion": "v1", "kind": "Service"}
    return json.dumps({**kind, "metadata": {"name": name, "namespace": "kube-system"}, "spec": spec})


def get(address: str, port: int, path: str) -> int:
    """Status of an HTTP answer to this machine, which is no node; 0: nobody answers there."""
    try:
        with urllib.request.urlopen(f"http://{address}:{port}{path}", timeout=3) as response:
            return int(response.status)
    except OSError:
        return 0


def each(lab: Lab, port: int, path: str, wanted: int, seconds: float = 0) -> dict[str, int]:
    """What every node answers at a port, as soon as that is what is wanted."""
    deadline = time.monotonic() + seconds
    while True:
        found = {node.name: get(node.address, port, path) for node in lab.nodes}
        if set(found.values()) == {wanted} or time.monotonic() >= deadline:
            return found
        time.sleep(1)


def test_a_node_port_is_open_at_every_node_and_nothing_else_is(lab: Lab) -> None:
    """CoreDNS' pods are on the network of pods, kube-proxy's on the nodes' own, at a port that is not open."""
    listen = "import socket; s=socket.create_server(('',9999))\nwhile True: s.accept()"
    for name in (CP, WORKER):
        lab.ssh(name, ["systemd-run", "--quiet", "--unit=listen", "python3", "-c", listen])
    before = [get(node.address, PROXY_HEALTH, "/healthz") for node in lab.nodes]
    assert before == [0, 0]
    for made in (
        service("dns-outside", "kube-dns", DNS_METRICS, 30053, "Cluster"),
        service("proxy-outside", "kube-proxy", PROXY_HEALTH, 30256, "Local"),
    ):
        lab.ssh(CP, [*KUBECTL, "apply", "-f", "-"], stdin=made)
    assert each(lab, 30053, "/metrics", 200, seconds=60) == {CP: 200, WORKER: 200}
    assert each(lab, 30256, "/healthz", 200, seconds=60) == {CP: 200, WORKER: 200}
    # A Service opens its own port and not the one behind it; nobody opened the others.
    for port in (PROXY_HEALTH, DNS_METRICS, 30054, 9999):
        assert each(lab, port, "/", 0) == {CP: 0, WORKER: 0}
    for node in lab.nodes:
        assert "inet slipway" in lab.ssh(node.name, ["nft", "list", "tables"]).stdout
        assert lab.ssh(node.name, ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9999"]).returncode == 0
        assert lab.ssh(node.name, ["systemctl", "stop", "listen.service"]).returncode == 0
    lab.ssh(CP, [*KUBECTL, "-n", "kube-system", "delete", "service", "dns-outside", "proxy-outside"])
    assert each(lab, 30053, "/metrics", 0, seconds=60) == {CP: 0, WORKER: 0}


def test_a_host_leaves_over_the_management_network(site: Site, lab: Lab) -> None:
    kept = kubectl(site, "-n", "slipway-system", "get", "configmap", f"slipway-node-{WORKER}")["data"][
        "record"
    ]
    assert json.loads(kept)["address"] == next(node.address for node in lab.nodes if node.name == WORKER)
    site.edit({"spec": {"hosts": {"items": site.document["spec"]["hosts"]["items"][:1]}}})
    site.slipway("apply", "-f", str(site.file), "-b", bundle(), "--yes", timeout=600)
    assert [node["metadata"]["name"] for node in kubectl(site, "get", "nodes")["items"]] == [CP]
    assert lab.ssh(WORKER, ["ls", "/etc/kubernetes/kubelet.conf"], check=False).returncode != 0

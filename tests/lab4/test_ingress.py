"""Pages that are reached from outside the nodes."""

import subprocess
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.lab4.platforms import NODES, Enabled, Platform, page, pod, service, until

NAME = "page.lab4.internal"
#: Of the lab's own network, where nobody else is; this machine is on it too, as any client of a site would be.
ADDRESSES = "10.73.0.200-10.73.0.209"
METALLB: dict[str, Any] = {"pools": {"lab": {"addresses": [ADDRESSES]}}}


@pytest.mark.level("4", "metallb")
def test_an_address_is_announced_to_the_nodes_neighbours(platform: Platform, enabled: Enabled) -> None:
    with enabled({"metallb": METALLB}), platform.applied(*served("by its address", "LoadBalancer")):
        address = until("an address", lambda: given(platform, "default", "page"))
        assert until("the page", lambda: asked(address)) == "by its address"
        assert neighbour(address) in macs(platform)
        own = [platform.site.lab.ssh(node, ["ip", "-o", "address"]).stdout for node in NODES]
        assert not [one for one in own if f"{address}/" in one], "no node has it: it is announced"


def served(text: str, kind: str = "ClusterIP") -> list[dict[str, Any]]:
    """A pod and its Service."""
    return [pod("page", page(text)), service("page", {"port": 80, "targetPort": 8080}, type=kind)]


def addresses_of(platform: Platform, namespace: str, what: str) -> list[str]:
    """What a load balancer's status says."""
    status = platform.kubectl_json("-n", namespace, "get", what).get("status", {})
    return [one["ip"] for one in status.get("loadBalancer", {}).get("ingress", [])]


def given(platform: Platform, namespace: str, name: str) -> str:
    """A Service's address; empty while it has none."""
    return next(iter(addresses_of(platform, namespace, f"service/{name}")), "")


def asked(address: str, name: str = NAME) -> str:
    """The page that is served there by this name; empty while there is none."""
    connection = HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", "/", headers={"Host": name})
        answer = connection.getresponse()
        return answer.read().decode().strip() if answer.status == HTTPStatus.OK else ""
    finally:
        connection.close()


def neighbour(address: str) -> str:
    """Who answered this machine's question for that address: a MAC."""
    words = subprocess.run(
        ["ip", "neigh", "show", address], check=True, capture_output=True, text=True
    ).stdout
    return words.split("lladdr ")[1].split()[0]


def macs(platform: Platform) -> set[str]:
    """Of the nodes' own links."""
    look = ["cat", "/sys/class/net/host0/address"]
    return {platform.site.lab.ssh(node, look).stdout.strip() for node in NODES}

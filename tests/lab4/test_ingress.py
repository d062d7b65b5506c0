"""Pages that are reached from outside the nodes: addresses, routes, certificates."""

import base64
import socket
import ssl
import subprocess
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Any

import pytest
from cryptography import x509

from tests.lab4.platforms import NODES, Enabled, Platform, page, pod, service, until

NAME = "page.lab4.internal"
#: Of the lab's own network, where nobody else is; this machine is on it too, as any client of a site would be.
ADDRESSES = "10.73.0.200-10.73.0.209"
METALLB: dict[str, Any] = {"pools": {"lab": {"addresses": [ADDRESSES]}}}
#: Valid for an hour, and due again all the time, so that a renewal is seen within seconds.
RENEWED = {"duration": "1h", "renewBefore": "59m45s"}


@pytest.mark.level("4", "metallb")
def test_an_address_is_announced_to_the_nodes_neighbours(platform: Platform, enabled: Enabled) -> None:
    with enabled({"metallb": METALLB}), platform.applied(*served("by its address", "LoadBalancer")):
        address = until("an address", lambda: given(platform, "default", "page"))
        assert until("the page", lambda: asked(address)) == "by its address"
        assert neighbour(address) in macs(platform)
        own = [platform.site.lab.ssh(node, ["ip", "-o", "address"]).stdout for node in NODES]
        assert not [one for one in own if f"{address}/" in one], "no node has it: it is announced"


@pytest.mark.level("4", "traefik", beside=("metallb",))
def test_a_page_is_found_by_its_name_from_outside(platform: Platform, enabled: Enabled) -> None:
    with enabled({"metallb": METALLB, "traefik": {}}), platform.applied(*served("by its name"), ingress()):
        address = until("an address", lambda: given(platform, "traefik", "traefik"))
        assert until("the page", lambda: asked(address)) == "by its name"
        assert asked(address, "other.internal") == ""
        told = until("the Ingress to tell it", lambda: addresses_of(platform, "default", "ingress/page"))
        assert told == [address]


@pytest.mark.level("4", "cert-manager", beside=("metallb", "traefik"))
def test_a_certificate_is_issued_used_and_renewed(platform: Platform, enabled: Enabled) -> None:
    modules = {"cert-manager": {"issuer": "ca"}, "metallb": METALLB, "traefik": {}}
    things = (*served("with a lock"), certificate(), ingress(tls="page-tls"))
    with enabled(modules), platform.applied(*things):
        address = until("an address", lambda: given(platform, "traefik", "traefik"))
        first, shown = until("a certificate of the authority", lambda: over_tls(platform, address))
        assert shown == "with a lock"

        def another() -> bool:
            return over_tls(platform, address)[0].serial_number != first.serial_number

        until("it to be renewed, and shown", another)


def served(text: str, kind: str = "ClusterIP") -> list[dict[str, Any]]:
    """A pod and its Service."""
    return [pod("page", page(text)), service("page", {"port": 80, "targetPort": 8080}, type=kind)]


def ingress(tls: str = "") -> dict[str, Any]:
    backend = {"service": {"name": "page", "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    locks = {"tls": [{"hosts": [NAME], "secretName": tls}]} if tls else {}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "page", "namespace": "default"},
        "spec": {"ingressClassName": "traefik", "rules": [{"host": NAME, "http": {"paths": paths}}], **locks},
    }


def certificate() -> dict[str, Any]:
    issuer = {"name": "ca", "kind": "ClusterIssuer", "group": "cert-manager.io"}
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": "page", "namespace": "default"},
        "spec": {"secretName": "page-tls", "dnsNames": [NAME], "issuerRef": issuer, **RENEWED},
    }


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


def over_tls(platform: Platform, address: str) -> tuple[x509.Certificate, str]:
    """The certificate that is shown there, vouched for by the issuer's authority, and the page behind it."""
    found = platform.kubectl_json("get", "secret", "page-tls")["data"]
    context = ssl.create_default_context(cadata=base64.b64decode(found["ca.crt"]).decode())
    with (
        socket.create_connection((address, 443), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=NAME) as locked,
    ):
        shown = x509.load_der_x509_certificate(locked.getpeercert(binary_form=True) or b"")
        locked.sendall(f"GET / HTTP/1.0\r\nHost: {NAME}\r\n\r\n".encode())
        with locked.makefile("rb") as answer:
            return shown, answer.read().decode().rpartition("\r\n\r\n")[2].strip()

"""Pages that are reached from outside the nodes: addresses, routes, certificates."""

import base64
import subprocess
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Any

import pytest
from cryptography import x509

from tests.lab4.platforms import NAMESPACE, NODES, Enabled, Platform, page, pod, service, until

NAME = "page.lab4.internal"
#: Serves by what the Secret has now, read again for each connection.
SERVE = """
exec /usr/bin/python3 - <<'END'
import socket, ssl
with socket.create_server(("", 8443)) as server:
    while True:
        plain, _ = server.accept()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain("/tls/tls.crt", "/tls/tls.key")
            context.wrap_socket(plain, server_side=True).close()
        except OSError as error:
            print(error, flush=True)
        plain.close()
END
"""
#: Says by which certificate somebody serves, once an authority vouches for it and its name.
ASK = """
import socket, ssl, sys
address, authority, name = sys.argv[1:]
context = ssl.create_default_context(cadata=authority)
with socket.create_connection((address, 8443), timeout=5) as plain:
    with context.wrap_socket(plain, server_hostname=name) as locked:
        print(ssl.DER_cert_to_PEM_cert(locked.getpeercert(binary_form=True)))
"""
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


@pytest.mark.level("4", "cert-manager")
def test_a_certificate_is_issued_used_and_renewed(platform: Platform, enabled: Enabled) -> None:
    with enabled({"cert-manager": {"issuer": "ca"}}), platform.applied(*with_a_lock(platform), certificate()):
        address = platform.address("page")
        first = until("a certificate of the authority", lambda: shown(platform, address))

        def another() -> bool:
            return shown(platform, address).serial_number != first.serial_number

        until("it to be renewed, and shown", another, 240)


def served(text: str, kind: str = "ClusterIP") -> list[dict[str, Any]]:
    """A pod and its Service."""
    return [pod("page", page(text)), service("page", {"port": 80, "targetPort": 8080}, type=kind)]


def with_a_lock(platform: Platform) -> list[dict[str, Any]]:
    """Who serves by the certificate, read anew for each connection, and who asks."""
    deployment = platform.kubectl_json("-n", NAMESPACE, "get", "deployment", "slipway-operator")
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    volume = {"name": "tls", "secret": {"secretName": "page-tls"}}
    mounts = [{"name": "tls", "mountPath": "/tls"}]
    serving = pod("page", SERVE, image=image, node=NODES[0], volumes=[volume], volumeMounts=mounts)
    return [serving, pod("asking", "exec sleep 3600", image=image, node=NODES[1])]


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


def shown(platform: Platform, address: str) -> x509.Certificate:
    """The certificate of what serves there, vouched for by the issuer's authority: what the other node's pod sees."""
    found = platform.kubectl_json("get", "secret", "page-tls")["data"]
    authority = base64.b64decode(found["ca.crt"]).decode()
    said = platform.kubectl(
        "exec", "asking", "--", "/usr/bin/python3", "-c", ASK, address, authority, NAME
    ).stdout
    return x509.load_pem_x509_certificate(said.encode())

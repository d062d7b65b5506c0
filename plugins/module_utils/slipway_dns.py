"""A further address of the cluster DNS.

kubeadm gives the Service kube-dns the tenth address of the service range, and insists on it at each upgrade. So another
address is another Service in front of the same pods, which no upgrade touches. Used by the module slipway_kubeadm.
"""

from __future__ import annotations

import json
from typing import Any

from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import tail
from ansible.module_utils.slipway_kubeadm import Node

NAMESPACE = "kube-system"
NAME = "slipway-dns"


def service(address: str) -> dict[str, Any]:
    """The Service. Without the labels of kube-dns: who gathers figures by them would count each pod twice."""
    ports = [("dns", "UDP", 53), ("dns-tcp", "TCP", 53)]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "labels": {"app.kubernetes.io/managed-by": "slipway"},
        },
        "spec": {
            "clusterIP": address,
            "selector": {"k8s-app": "kube-dns"},
            "ports": [
                {"name": name, "protocol": kind, "port": port, "targetPort": port}
                for name, kind, port in ports
            ],
        },
    }


def serve(node: Node, address: str, *, check: bool) -> list[dict[str, str]]:
    """Have the cluster DNS answer at the address, if there is one; the diff of what that is."""
    if not address:
        return []
    present = served(node)
    if present == address:
        return []
    if not check:
        if present:  # an address cannot be changed
            _must(node, "delete", "service", NAME)
        _must(node, "apply", "--filename", "-", stdin=json.dumps(service(address)))
    where = f"service {NAMESPACE}/{NAME}"
    return [{"before_header": where, "after_header": where, "before": present, "after": f"{address}\n"}]


def served(node: Node) -> str:
    """The address at which it answers so far; empty: at none but kubeadm's."""
    query = ("get", "service", NAME, "--ignore-not-found", "--output", "jsonpath={.spec.clusterIP}")
    return _must(node, *query)


def _must(node: Node, *argv: str, stdin: str | None = None) -> str:
    done = node.kubectl("--namespace", NAMESPACE, *argv, stdin=stdin)
    if done.returncode:
        raise HostError(
            f"the cluster DNS could not get its address: kubectl {argv[0]} failed",
            why=tail(done.stderr),
            retryable="refused" in done.stderr or "timeout" in done.stderr,
        )
    return done.stdout.strip()

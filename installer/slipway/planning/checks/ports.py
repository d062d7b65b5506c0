"""Ports that one host would need twice."""

from collections.abc import Iterator

from slipway.errors import Finding
from slipway.findings import FindingCode
from slipway.model.configuration import Configuration
from slipway.planning.ports import CONTROLLER_MANAGER, ETCD, KUBE_PROXY, KUBELET, KUBELET_HEALTH, SCHEDULER


def port_clashes(configuration: Configuration) -> Iterator[Finding]:
    """Ports that are chosen and at which something else of the same host listens: one of both would not start."""
    kubernetes, registry = configuration.spec.kubernetes, configuration.spec.registry
    if kubernetes is None:
        return
    for host in configuration.hosts:
        taken = dict.fromkeys((KUBELET, KUBELET_HEALTH, *KUBE_PROXY), "the kubelet or kube-proxy")
        chosen: list[tuple[str, int]] = []
        if host.control_plane:
            taken |= dict.fromkeys(ETCD, "etcd") | dict.fromkeys(
                (CONTROLLER_MANAGER, SCHEDULER), "the control plane"
            )
            chosen.append(("spec.kubernetes.endpoint.port", kubernetes.endpoint.port))
        if host in configuration.registry_hosts:
            chosen += [("spec.registry.port", registry.port), ("spec.registry.pushPort", registry.push_port)]
        for path, port in chosen:
            if port in taken:
                text = f"is {port}, at which {taken[port]} listens on host {host.name}"
                yield Finding(
                    path,
                    text,
                    expected="a port that nothing else of it has",
                    hint="choose another",
                    code=FindingCode.PORT_CLASH,
                )
            taken[port] = path

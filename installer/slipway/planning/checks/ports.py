"""TCP ports that each role listens at, and who has to reach them: kubeadm's table, and the site registry's."""

from collections.abc import Iterator

from slipway.model.configuration import Configuration
from slipway.model.host.items import Host

#: https://kubernetes.io/docs/reference/networking/ports-and-protocols/
ETCD = (2379, 2380)
KUBELET = 10250
#: Of the kubelet, for itself only.
KUBELET_HEALTH = 10248
CONTROLLER_MANAGER, SCHEDULER = 10257, 10259
KUBE_PROXY = (10249, 10256)


def served(configuration: Configuration, host: Host) -> dict[int, str]:
    """Port -> step action of the role that will listen at it on this host."""
    kubernetes = configuration.spec.kubernetes
    ports: dict[int, str] = {}
    if configuration.registry_host == host:
        registry = configuration.spec.registry
        ports |= dict.fromkeys((registry.port, registry.push_port), "registry")
    if kubernetes is None:
        return ports
    role = "kubernetes_control_plane" if host.control_plane else "kubernetes_worker"
    mine = [KUBELET, KUBELET_HEALTH, *KUBE_PROXY]
    if host.control_plane:
        mine += [kubernetes.endpoint.port, *ETCD, CONTROLLER_MANAGER, SCHEDULER]
    return ports | dict.fromkeys(mine, role)


def targets(configuration: Configuration, host: Host) -> Iterator[tuple[Host, int]]:
    """(other host, port) that this host has to reach."""
    kubernetes = configuration.spec.kubernetes
    for other in configuration.hosts:
        if other.name == host.name:
            continue
        if configuration.registry_host == other:
            yield other, configuration.spec.registry.port
        if kubernetes and other.control_plane:
            yield other, kubernetes.endpoint.port
        if kubernetes and host.control_plane:
            yield other, KUBELET
        if host.control_plane and other.control_plane:
            yield from ((other, port) for port in ETCD)

"""Ports that each role listens at, and who has to reach them: kubeadm's table, and the site registry's."""

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
#: Services that filter packets by rules of their own.
FIREWALLS = frozenset({"firewalld", "ufw"})
#: For the host itself only.
LOCAL = frozenset({KUBELET_HEALTH, CONTROLLER_MANAGER, SCHEDULER, *KUBE_PROXY})
#: UDP; packets of pods on their way to another host (flannel's VXLAN backend, Linux' number for it).
VXLAN = 8472


def ports_served(configuration: Configuration, host: Host) -> dict[int, str]:
    """Port -> step action of the role that will listen at it on this host."""
    kubernetes = configuration.spec.kubernetes
    ports: dict[int, str] = {}
    if host in configuration.registry_hosts:
        registry = configuration.spec.registry
        ports |= dict.fromkeys((registry.port, registry.push_port), "registry")
    if kubernetes is None:
        return ports
    role = "kubernetes_control_plane" if host.control_plane else "kubernetes_worker"
    mine = [KUBELET, KUBELET_HEALTH, *KUBE_PROXY]
    if host.control_plane:
        mine += [kubernetes.endpoint.port, *ETCD, CONTROLLER_MANAGER, SCHEDULER]
    return ports | dict.fromkeys(mine, role)


def ports_to_open(configuration: Configuration, host: Host) -> tuple[list[str], list[str]]:
    """TCP and UDP ports at which others have to reach this host: SSH, its roles' and the network's of pods."""
    ssh = [configuration.spec.hosts.ssh.port] if configuration.spec.hosts else []
    tcp = sorted({*ssh, *(port for port in ports_served(configuration, host) if port not in LOCAL)})
    return [str(port) for port in tcp], [str(VXLAN)] if _has_tunnel(configuration) else []


def places_to_reach(configuration: Configuration, host: Host) -> Iterator[tuple[Host, str, int]]:
    """(other host, its address, port) that this host has to reach, each over the network that will carry it."""
    kubernetes = configuration.spec.kubernetes
    following = _following(configuration, host)
    for other in configuration.hosts:
        if other.name == host.name:
            continue
        if other in configuration.registry_hosts:
            yield other, other.address_for(host), configuration.spec.registry.port
        if kubernetes and other.control_plane:
            yield other, other.address, kubernetes.endpoint.port
        if kubernetes and (host.control_plane or other == following):
            yield other, other.node_address, KUBELET
        if host.control_plane and other.control_plane:
            yield from ((other, other.address, port) for port in ETCD)


def tunnel_end(configuration: Configuration, host: Host) -> tuple[Host, str] | None:
    """The next host in a ring and its address, to which pods' packets have to get; None: no such one."""
    hosts = configuration.hosts
    other = hosts[(hosts.index(host) + 1) % len(hosts)]
    return (other, other.node_address) if _has_tunnel(configuration) and other != host else None


def _has_tunnel(configuration: Configuration) -> bool:
    kubernetes = configuration.spec.kubernetes
    return kubernetes is not None and kubernetes.network.cni == "flannel"


def _following(configuration: Configuration, host: Host) -> Host | None:
    """The next host in a ring, whose pods it has to reach on a network that nothing else tries; None: no such one."""
    hosts = configuration.hosts
    return hosts[(hosts.index(host) + 1) % len(hosts)] if host.addresses.business else None

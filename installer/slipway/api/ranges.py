"""Ranges of pods and Services: each by its first address, apart, and of a size that kubeadm takes and nodes fit in."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from slipway.api.layers import HIGHEST_PORT
from slipway.errors import Finding
from slipway.findings import FindingCode
from slipway.model.kubernetes import NODE_PREFIX, Kubernetes, Network

_PATH = "spec.kubernetes.network"
#: Bits of a Service's address that kubeadm takes at most and at least (constants.MaximumBitsForServiceSubnet,
#: MinimumAddressesInServiceSubnet).
LARGEST_SERVICES, SMALLEST_SERVICES = 12, 28
#: Bits between the pod range's prefix and a node's that kubeadm takes (constants.PodSubnetNodeMaskMaxDiff).
NODE_BITS = 16
#: Of no machine and no pod: "this host", itself, groups, reserved and everybody (RFC 6890).
_NOBODYS = tuple(map(IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3")))


def range_findings(kubernetes: Kubernetes) -> Iterator[Finding]:
    """What is wrong with the ranges by themselves."""
    network = kubernetes.network
    pods, services = (
        IPv4Network(network.pod_cidr, strict=False),
        IPv4Network(network.service_cidr, strict=False),
    )
    for name, found, text in (
        ("serviceCIDR", services, network.service_cidr),
        ("podCIDR", pods, network.pod_cidr),
    ):
        if str(found) != text:
            yield Finding(
                f"{_PATH}.{name}",
                f"is {text!r}",
                expected=f"its first address: {found}",
                code=FindingCode.HOST_BITS,
            )
        elif any(found.overlaps(one) for one in _NOBODYS):
            expected = "a private range, as 10.244.0.0/16"
            yield Finding(
                f"{_PATH}.{name}",
                f"{found} has addresses of nobody",
                expected=expected,
                code=FindingCode.NO_MACHINE,
            )
    if services.overlaps(pods):
        text, expected = f"{pods} overlaps serviceCIDR {services}", "ranges that share no address"
        yield Finding(f"{_PATH}.podCIDR", text, expected=expected, code=FindingCode.OVERLAPPING_RANGES)
    yield from _services(network, services)
    yield from _pods(kubernetes, pods)
    yield from _ports(network)


def room_findings(kubernetes: Kubernetes, hosts: int) -> Iterator[Finding]:
    """Each node takes a range of its own out of that of pods."""
    network = IPv4Network(kubernetes.network.pod_cidr, strict=False)
    if network.prefixlen <= kubernetes.node_prefix and hosts > kubernetes.room:
        yield Finding(
            f"{_PATH}.podCIDR",
            f"{network} has room for {kubernetes.room} nodes of a /{kubernetes.node_prefix} each, "
            f"and there are {hosts} hosts",
            expected=f"a /{kubernetes.node_prefix - (hosts - 1).bit_length()} or larger",
            hint="it cannot be made larger later: leave room for hosts to come",
            code=FindingCode.POD_RANGE_TOO_SMALL,
        )


def _services(network: Network, services: IPv4Network) -> Iterator[Finding]:
    path = f"{_PATH}.serviceCIDR"
    if services.prefixlen > SMALLEST_SERVICES:
        text = f"{services} has {services.num_addresses} addresses"
        yield Finding(
            path, text, expected=f"a /{SMALLEST_SERVICES} or larger", code=FindingCode.RANGE_TOO_SMALL
        )
    elif services.prefixlen < LARGEST_SERVICES:
        text = f"{services} has {services.num_addresses} addresses"
        yield Finding(
            path,
            text,
            expected=f"a /{LARGEST_SERVICES} or smaller, as kubeadm takes it",
            code=FindingCode.RANGE_TOO_LARGE,
        )
    elif network.dns_address:
        yield from _dns(IPv4Address(network.dns_address), services)


def _dns(address: IPv4Address, services: IPv4Network) -> Iterator[Finding]:
    path, hint = f"{_PATH}.dnsAddress", f"leave it out for {services[10]}"
    taken = {
        services[0]: "its first",
        services[1]: "that of the Service kubernetes",
        services[-1]: "its last",
    }
    if address not in services:
        text, code = f"{address} is outside serviceCIDR {services}", FindingCode.DNS_OUTSIDE_SERVICES
        yield Finding(path, text, expected="an address of it", hint=hint, code=code)
    elif address in taken:
        text = f"{address} is no free address of serviceCIDR {services}: it is {taken[address]}"
        yield Finding(
            path, text, expected="another address of it", hint=hint, code=FindingCode.DNS_ADDRESS_TAKEN
        )


def _pods(kubernetes: Kubernetes, pods: IPv4Network) -> Iterator[Finding]:
    flags = kubernetes.controller_manager.extra_args
    both = ("node-cidr-mask-size", "node-cidr-mask-size-ipv4")
    if all(name in flags for name in both):
        path = f"spec.kubernetes.controllerManager.extraArgs.{both[0]}"
        yield Finding(
            path, f"is set, and so is {both[1]}", expected="one of them", code=FindingCode.TWO_NODE_MASKS
        )
        return
    # kubeadm itself knows the second flag only.
    known = NODE_PREFIX if both[0] in flags else kubernetes.node_prefix
    longest = min(known, kubernetes.node_prefix)
    if not known - NODE_BITS <= pods.prefixlen <= longest:
        yield Finding(
            f"{_PATH}.podCIDR",
            f"{pods} cannot be shared out among nodes, each of which takes a /{kubernetes.node_prefix}",
            expected=f"a prefix from /{known - NODE_BITS} to /{longest}",
            hint="",
            code=FindingCode.POD_RANGE_SIZE,
        )


def _ports(network: Network) -> Iterator[Finding]:
    first, last = (int(port) for port in network.node_ports.split("-"))
    if not 0 < first <= last <= HIGHEST_PORT:
        expected = "FIRST-LAST with 1 <= FIRST <= LAST <= 65535"
        yield Finding(
            f"{_PATH}.nodePorts", f"is {network.node_ports!r}", expected=expected, code=FindingCode.PORT_ORDER
        )

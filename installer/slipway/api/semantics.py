"""What no single field can tell: ranges that overlap, names that mean nobody, too many votes."""

import ipaddress
from collections.abc import Iterable, Iterator

from slipway.api import disks, layers, mounts, networks, swap
from slipway.api.explain import nearest
from slipway.api.layers import HIGHEST_PORT
from slipway.api.merge import resolve
from slipway.errors import Finding
from slipway.model.configuration import Registry, Spec
from slipway.model.host.items import HostItem, Hosts
from slipway.model.kubernetes import Endpoint, Kubelet, Kubernetes, Network


def check(spec: Spec) -> Iterator[Finding]:
    """Every finding of a spec whose fields are each well-formed."""
    yield from _belonging(spec)
    if spec.kubernetes:
        yield from _endpoint(spec.kubernetes.endpoint)
        yield from _kubelet(spec.kubernetes.kubelet)
        yield from _network(spec.kubernetes.network)
    if spec.hosts:
        yield from _unique(spec.hosts.items)
        yield from _groups(spec.hosts)
        yield from _control_planes(spec.hosts.items)
        yield from _roles(spec.hosts.items)
        yield from layers.check(spec.hosts, spec.kubernetes)
        yield from _merged(spec.hosts, spec.kubernetes)
        yield from networks.check(spec.hosts, spec.kubernetes)
    if spec.hosts and spec.kubernetes:
        yield from _addresses(spec.hosts.items, spec.kubernetes)
    yield from _registry(spec.registry, spec.hosts)


def _merged(hosts: Hosts, kubernetes: Kubernetes | None) -> Iterator[Finding]:
    """What can be judged of a host's merged settings only; a group that is not there is told elsewhere."""
    if all(group in hosts.groups for item in hosts.items for group in item.groups):
        resolved = resolve(hosts)
        yield from mounts.check(hosts, resolved)
        yield from disks.check(resolved)
        yield from swap.check(resolved, kubernetes)


def _belonging(spec: Spec) -> Iterator[Finding]:
    if spec.hosts and not spec.kubernetes:
        yield Finding(
            "spec.kubernetes",
            "is missing",
            "kubernetes and hosts: both or neither",
            "",
            "hosts-without-kubernetes",
        )
    if spec.kubernetes and not spec.hosts:
        yield Finding(
            "spec.hosts",
            "is missing",
            "kubernetes and hosts: both or neither",
            "",
            "kubernetes-without-hosts",
        )


def _endpoint(endpoint: Endpoint) -> Iterator[Finding]:
    path = "spec.kubernetes.endpoint"
    kind = endpoint.load_balancer
    if kind != "none" and not endpoint.vip:
        text = f"an address, as loadBalancer is {kind}"
        yield Finding(f"{path}.vip", "is missing", text, "", f"{kind}-needs-vip")
    if kind == "none" and endpoint.vip:
        yield Finding(
            f"{path}.vip",
            f"is {endpoint.vip!r}",
            "no vip, as loadBalancer is none",
            "",
            "vip-without-balancer",
        )


def _kubelet(kubelet: Kubelet) -> Iterator[Finding]:
    gc = kubelet.image_gc
    if gc.low >= gc.high:
        yield Finding(
            "spec.kubernetes.kubelet.imageGC.low",
            f"is {gc.low}",
            f"less than high, {gc.high}",
            "",
            "image-gc-order",
        )


def _network(network: Network) -> Iterator[Finding]:
    path = "spec.kubernetes.network"
    ranges = {"serviceCIDR": network.service_cidr, "podCIDR": network.pod_cidr}
    loose = [name for name, value in ranges.items() if str(_range(value)) != value]
    for name in loose:
        yield Finding(
            f"{path}.{name}",
            f"is {ranges[name]!r}",
            f"its first address: {_range(ranges[name])}",
            "",
            "host-bits",
        )
    if _range(network.service_cidr).overlaps(_range(network.pod_cidr)):
        yield Finding(
            f"{path}.podCIDR",
            f"{network.pod_cidr} overlaps serviceCIDR {network.service_cidr}",
            "ranges that share no address",
            "",
            "overlapping-ranges",
        )
    yield from _dns(network, path)
    first, last = (int(port) for port in network.node_ports.split("-"))
    if not 0 < first <= last <= HIGHEST_PORT:
        yield Finding(
            f"{path}.nodePorts",
            f"is {network.node_ports!r}",
            "FIRST-LAST with 1 <= FIRST <= LAST <= 65535",
            "",
            "port-order",
        )


def _dns(network: Network, path: str) -> Iterator[Finding]:
    services = _range(network.service_cidr)
    smallest = 16
    if services.num_addresses < smallest:
        yield Finding(
            f"{path}.serviceCIDR",
            f"{services} has {services.num_addresses} addresses",
            "a /28 or larger",
            "",
            "range-too-small",
        )
    elif network.dns_address and ipaddress.IPv4Address(network.dns_address) not in services:
        yield Finding(
            f"{path}.dnsAddress",
            f"{network.dns_address} is outside serviceCIDR {services}",
            "an address of it",
            f"leave it out for {services[10]}",
            "dns-outside-services",
        )


def _unique(items: Iterable[HostItem]) -> Iterator[Finding]:
    names: dict[str, int] = {}
    addresses: dict[str, int] = {}
    for index, item in enumerate(items):
        for article, field, value, seen in (
            ("a", "name", item.name, names),
            ("an", "address", item.address, addresses),
        ):
            first = seen.setdefault(value, index)
            if first != index:
                yield Finding(
                    f"spec.hosts.items[{index}].{field}",
                    f"{value!r} is also that of items[{first}]",
                    f"{article} {field} of its own",
                    "",
                    f"duplicate-{field}",
                )


def _groups(hosts: Hosts) -> Iterator[Finding]:
    known = sorted(hosts.groups)
    for index, item in enumerate(hosts.items):
        for place, group in enumerate(item.groups):
            if group not in hosts.groups:
                yield Finding(
                    f"spec.hosts.items[{index}].groups[{place}]",
                    f"there is no group {group!r} in spec.hosts.groups",
                    f"one of {', '.join(known)}" if known else "a group that is defined",
                    nearest(group, known),
                    "unknown-group",
                )


def _control_planes(items: Iterable[HostItem]) -> Iterator[Finding]:
    count = sum("control-plane" in item.roles for item in items)
    if not count:
        yield Finding(
            "spec.hosts.items", "no host has the role control-plane", "at least one", "", "no-control-plane"
        )
    elif count % 2 == 0:
        yield Finding(
            "spec.hosts.items",
            f"{count} hosts have the role control-plane",
            "an odd number: with an even one etcd survives no more failures than with one less",
            f"use {count - 1} or {count + 1}",
            "even-control-planes",
        )


def _roles(items: Iterable[HostItem]) -> Iterator[Finding]:
    for index, item in enumerate(items):
        if len(set(item.roles)) != len(item.roles):
            yield Finding(
                f"spec.hosts.items[{index}].roles",
                "names a role twice",
                "each role once",
                "",
                "duplicate-role",
            )


def _addresses(items: Iterable[HostItem], kubernetes: Kubernetes) -> Iterator[Finding]:
    network, endpoint = kubernetes.network, kubernetes.endpoint
    ranges = {"serviceCIDR": _range(network.service_cidr), "podCIDR": _range(network.pod_cidr)}
    items = tuple(items)
    owner = next((item.name for item in items if item.address == endpoint.vip), "")
    if owner and endpoint.load_balancer == "keepalived":
        yield Finding(
            "spec.kubernetes.endpoint.vip",
            f"is {endpoint.vip!r}, the address of host {owner}",
            "an address that no host has: it moves between the control planes",
            "",
            "vip-of-a-host",
        )
    for index, item in enumerate(items):
        for name, addresses in ranges.items():
            if ipaddress.IPv4Address(item.address) in addresses:
                yield Finding(
                    f"spec.hosts.items[{index}].address",
                    f"{item.address} lies in {name} {addresses}",
                    "hosts outside the ranges of Services and pods",
                    f"choose another spec.kubernetes.network.{name}",
                    "overlapping-ranges",
                )


def _registry(registry: Registry, hosts: Hosts | None) -> Iterator[Finding]:
    path = "spec.registry"
    if registry.mode == "external" and not registry.endpoint:
        yield Finding(
            f"{path}.endpoint", "is missing", "its URL, as mode is external", "", "external-needs-endpoint"
        )
    if registry.mode == "builtin" and registry.endpoint:
        yield Finding(
            f"{path}.endpoint",
            f"is {registry.endpoint!r}",
            "none, as mode is builtin",
            "",
            "builtin-with-endpoint",
        )
    if registry.mode == "builtin" and registry.project:
        yield Finding(
            f"{path}.project",
            f"is {registry.project!r}",
            "none, as mode is builtin",
            "",
            "builtin-with-project",
        )
    if registry.mode == "builtin" and registry.port == registry.push_port:
        yield Finding(
            f"{path}.pushPort", f"is {registry.push_port}, as port is", "another port", "", "same-port"
        )
    names = [item.name for item in hosts.items] if hosts else []
    for field, name in (("host", registry.host), ("replica", registry.replica)):
        if name and name not in names:
            yield Finding(
                f"{path}.{field}",
                f"there is no host {name!r}",
                "a host of spec.hosts.items",
                nearest(name, names),
                "unknown-host",
            )
    yield from _replica(registry, hosts)


def _replica(registry: Registry, hosts: Hosts | None) -> Iterator[Finding]:
    """A second host of Slipway's own registry, and truly a second one."""
    if not registry.replica:
        return
    path, text = "spec.registry.replica", f"is {registry.replica!r}"
    planes = [item.name for item in hosts.items if "control-plane" in item.roles] if hosts else []
    if registry.mode == "external":
        yield Finding(path, text, "none, as mode is external", "", "external-with-replica")
    elif registry.replica == (registry.host or next(iter(planes), "")):
        yield Finding(path, f"{text}, which has the registry itself", "another host", "", "replica-is-host")


def _range(value: str) -> ipaddress.IPv4Network:
    return ipaddress.IPv4Network(value, strict=False)

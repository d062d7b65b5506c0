"""Rules of networks: ranges that do not overlap, and hosts whose addresses lie in them."""

import ipaddress
from collections.abc import Iterator

from slipway.errors import Finding
from slipway.findings import FindingCode
from slipway.model.host.items import HostItem, Hosts
from slipway.model.host.networks import HostNetwork, HostNetworks
from slipway.model.kubernetes import Kubernetes

_PATH = "spec.hosts.networks"


def network_findings(hosts: Hosts, kubernetes: Kubernetes | None) -> Iterator[Finding]:
    """Ranges, then each host's addresses in them."""
    named = _named(hosts.networks)
    ranges = {name: ipaddress.IPv4Network(network.cidr, strict=False) for name, network in named.items()}
    yield from _bits(named, ranges)
    yield from _apart(ranges, kubernetes)
    owners: dict[str, int] = {item.address: index for index, item in enumerate(hosts.items)}
    for index, item in enumerate(hosts.items):
        path = f"spec.hosts.items[{index}]"
        yield from _placed(path, item, ranges)
        yield from _unique(path, index, item, owners)


def _named(networks: HostNetworks) -> dict[str, HostNetwork]:
    found = {name: getattr(networks, name) for name in HostNetworks.model_fields}
    return {name: network for name, network in found.items() if network}


def _bits(named: dict[str, HostNetwork], ranges: dict[str, ipaddress.IPv4Network]) -> Iterator[Finding]:
    for name, network in named.items():
        if network.cidr != str(ranges[name]):
            text = f"its first address: {ranges[name]}"
            yield Finding(
                f"{_PATH}.{name}.cidr",
                f"{network.cidr} has host bits set",
                expected=text,
                code=FindingCode.HOST_BITS,
            )


def _apart(ranges: dict[str, ipaddress.IPv4Network], kubernetes: Kubernetes | None) -> Iterator[Finding]:
    others: dict[str, ipaddress.IPv4Network] = {}
    if kubernetes:
        others["podCIDR"] = ipaddress.IPv4Network(kubernetes.network.pod_cidr, strict=False)
        others["serviceCIDR"] = ipaddress.IPv4Network(kubernetes.network.service_cidr, strict=False)
    for name, found in ranges.items():
        for other, taken in others.items():
            if found.overlaps(taken):
                yield Finding(
                    f"{_PATH}.{name}.cidr",
                    f"overlaps {other} {taken}",
                    expected="a range of its own: by its address a packet finds its network",
                    hint="",
                    code=FindingCode.OVERLAPPING_NETWORKS,
                )
        others[name] = found


def _placed(path: str, item: HostItem, ranges: dict[str, ipaddress.IPv4Network]) -> Iterator[Finding]:
    addresses = item.addresses
    places = {
        "management": ("address", item.address),
        "business": ("addresses.business", addresses.business),
        "storage": ("addresses.storage", addresses.storage),
    }
    for name, (field, address) in places.items():
        found = ranges.get(name)
        if address and found and ipaddress.IPv4Address(address) not in found:
            text, expected = f"{address} is outside {_PATH}.{name} {found}", "an address of that range"
            yield Finding(
                f"{path}.{field}", text, expected=expected, code=FindingCode.ADDRESS_OUTSIDE_NETWORK
            )
        elif address and not found and name != "management":
            expected = f"none without {_PATH}.{name}"
            yield Finding(
                f"{path}.{field}", f"is {address!r}", expected=expected, code=FindingCode.NO_SUCH_NETWORK
            )
        elif not address and getattr(item.links, name):
            expected = f"none without addresses.{name}"
            where = f"{path}.links.{name}"
            yield Finding(
                where,
                f"is {getattr(item.links, name)!r}",
                expected=expected,
                code=FindingCode.LINK_WITHOUT_ADDRESS,
            )
    if "business" in ranges and not addresses.business:
        text = "one in its range, on every host: nodes reach each other there"
        yield Finding(
            f"{path}.addresses.business",
            "is missing",
            expected=text,
            code=FindingCode.BUSINESS_ADDRESS_MISSING,
        )


def _unique(path: str, index: int, item: HostItem, owners: dict[str, int]) -> Iterator[Finding]:
    for field in ("business", "storage"):
        address = getattr(item.addresses, field)
        first = owners.setdefault(address, index) if address else index
        if first != index or address == item.address:
            text = f"{address!r} is also that of items[{first}]"
            yield Finding(
                f"{path}.addresses.{field}",
                text,
                expected="an address of its own",
                code=FindingCode.DUPLICATE_ADDRESS,
            )

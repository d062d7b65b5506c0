"""Routes of a host as `ip route` prints them."""

import re
from ipaddress import IPv4Address, IPv4Network

from slipway.model.fields import IPV4
from slipway.model.host.items import Host
from slipway.model.observed import HostObserved

#: What marks the routes of role node_routes, which has the same number in its vars.
PROTOCOL = "173"


def route_of(line: str) -> IPv4Network | None:
    """Where it leads to; None for the default, and for kinds that take no packets out (blackhole, unreachable)."""
    words = line.split()
    try:
        return IPv4Network(words[0])
    except (ValueError, IndexError):
        return None


def is_ours(line: str) -> bool:
    """Whether role node_routes made it."""
    return f"proto {PROTOCOL}" in line


def coming(host: Host, seen: HostObserved, address: str) -> bool:
    """Whether the way to an address is one that is planned and not there yet."""
    if not re.match(IPV4, address):
        return False
    there = {route_of(line) for line in seen.facts.routes}
    planned = (IPv4Network(route.to) for route in host.settings.routes)
    return any(IPv4Address(address) in network and network not in there for network in planned)

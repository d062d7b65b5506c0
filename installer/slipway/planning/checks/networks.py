"""Is each address of a host where the ClusterConfiguration has it, and has each of its routes a gateway?"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from slipway.errors import Finding
from slipway.findings import FindingCode
from slipway.model.host.items import Host
from slipway.model.observed import HostObserved
from slipway.model.survey import Link
from slipway.planning.routes import is_ours, route_of


def network_state(path: str, host: Host, seen: HostObserved) -> Iterator[Finding]:
    """Each network by itself. That it has its own address at all is said elsewhere, of every host."""
    links = seen.survey.links
    for name, address in _addresses(host).items():
        on = [link for link in links if address in link.addresses]
        wanted = getattr(host.links, name)
        if not on:
            if links and name != "management":
                text = f"does not have the {name} address {address}"
                hint = f"give a link the address, or mend addresses.{name}"
                yield Finding(
                    path,
                    text,
                    expected="; ".join(map(_about, links)),
                    hint=hint,
                    code=FindingCode.NETWORK_ADDRESS,
                )
        elif len(on) > 1:
            found = ", ".join(link.name for link in on)
            text = f"has the {name} address {address} on several links: {found}"
            yield Finding(
                path,
                text,
                expected="one link",
                hint="take it from the others",
                code=FindingCode.NETWORK_ADDRESS_TWICE,
            )
        elif wanted and wanted not in (on[0].name, on[0].mac):
            text = f"has the {name} address {address} on {_about(on[0])}"
            hint = f"move the address there, or mend links.{name}"
            yield Finding(path, text, expected=f"on {wanted}", hint=hint, code=FindingCode.NETWORK_LINK)


def _addresses(host: Host) -> dict[str, str]:
    addresses = host.addresses
    found = {"management": host.address, "business": addresses.business, "storage": addresses.storage}
    return {name: address for name, address in found.items() if address}


def _about(link: Link) -> str:
    addresses = ", ".join(link.addresses) or "no address"
    return f"{link.name} ({link.mac}): {addresses}" if link.mac else f"{link.name}: {addresses}"


def routes_state(path: str, host: Host, seen: HostObserved) -> Iterator[Finding]:
    """A route by a gateway that is on no link cannot be made; one that somebody else has made is not taken over."""
    there = [(found, line) for line in seen.facts.routes if (found := route_of(line))]
    near = [network for network, line in there if "via" not in line.split()]
    for route in host.settings.routes:
        if near and not any(IPv4Address(route.via) in network for network in near):
            text = f"has no link to {route.via}, by which its route leads to {route.to}"
            hint = "give a link an address of the gateway's network, or mend settings.routes"
            yield Finding(path, text, expected=", ".join(map(str, near)), hint=hint, code=FindingCode.GATEWAY)
        to = IPv4Network(route.to)
        for line in (line for network, line in there if network == to and not is_ours(line)):
            text = f"has a route of its own to {route.to}: {line}"
            hint = "take it from the host's network settings, or from settings.routes"
            yield Finding(
                path, text, expected="one owner of each route", hint=hint, code=FindingCode.ROUTE_TWICE
            )

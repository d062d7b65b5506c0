"""Which proxy leads to a server, by HTTPS_PROXY and NO_PROXY as Go's programs and curl read them.

Python's own reading knows neither ranges nor Go's ports: a bundle that is built with both would ask one upstream in two
ways. Where Go and curl differ (a domain with a dot before it; blanks between entries), what either of them reaches
without a proxy is reached without one.
"""

import os
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

HTTPS_PORT: Final = 443


def https_proxy(host: str, port: int | None, environment: Mapping[str, str] = os.environ) -> str:
    """URL of the proxy on the way to a server; empty where it is reached directly."""
    without = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    if passes_by(host, port or HTTPS_PORT, without):
        return ""
    found = environment.get("https_proxy") or environment.get("HTTPS_PROXY") or ""
    return found if not found or "://" in found else f"http://{found}"


def passes_by(host: str, port: int, without: str) -> bool:
    """Whether NO_PROXY has a server reached without a proxy. What is not said there is not meant, as with curl."""
    name = host.strip("[]").rstrip(".").lower()
    address = _address(name)
    return any(_matches(entry, name, address, port) for entry in without.lower().replace(",", " ").split())


def _matches(entry: str, name: str, address: IPv4Address | IPv6Address | None, port: int) -> bool:
    if entry == "*":
        return True
    network = _network(entry) if "/" in entry else None
    if network:
        return address is not None and address in network
    wanted, at = _parted(entry)
    if at not in {"", str(port)}:
        return False
    same = _address(wanted)
    if same or address:
        return same == address
    domain = wanted.removeprefix("*").removeprefix(".").rstrip(".")
    return bool(domain) and (name == domain or name.endswith(f".{domain}"))


def _parted(entry: str) -> tuple[str, str]:
    """Name or address, and the port behind it; colons of an IPv6 address are its own."""
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        return host, rest.removeprefix(":")
    host, colon, port = entry.rpartition(":")
    return (host, port) if colon and ":" not in host else (entry, "")


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None

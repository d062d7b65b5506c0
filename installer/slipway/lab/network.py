"""The site's network: a bridge that leads nowhere, and the counters that prove it.

The lab's own nftables table looks at what nodes hand to the bridge for delivery beyond their switch. It
counts and drops before any routing decision, so neither ip_forward nor another program's rules can let a
packet out or hide it. Traffic among the nodes is switched and never passes here; so is multicast, by which
no machine outside is reached.
"""

import contextlib
import ipaddress
import json
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from slipway.lab import state
from slipway.lab.machine import LabError, run, wait_until
from slipway.lab.state import LabNode, Site
from slipway.model.egress import Sent

#: A node's link outlives the node for a moment; systemd-nspawn fails when it still exists.
LINK_SECONDS: Final = 10
NUMBERS: Final = {"1": "icmp", "6": "tcp", "17": "udp"}


#: Sets of the table: who sent what where. Ports are those of TCP and UDP; of other protocols there is only the number.
WITH_PORT: Final = "sent_to_port"
WITHOUT_PORT: Final = "sent"


def ensure(site: Site) -> None:
    """Bridge, address and table, each made when missing. Existing counters stay."""
    if not _link(site.bridge).exists():
        run("ip", "link", "add", "name", site.bridge, "address", _mac(site), "type", "bridge")
    ipv6 = Path(f"/proc/sys/net/ipv6/conf/{site.bridge}/disable_ipv6")
    if ipv6.exists():
        ipv6.write_text("1")
    run("ip", "address", "replace", f"{site.gateway}/{site.prefix}", "dev", site.bridge)
    run("ip", "link", "set", site.bridge, "up")
    for further in site.networks:
        _ensure_switch(site.bridge_of(further))
    if not _table_exists(site):
        run("nft", "-f", "-", stdin=_rules(site))


def _ensure_switch(bridge: str) -> None:
    """A further network's: this machine has no address on it, so nothing leads out."""
    if not _link(bridge).exists():
        run("ip", "link", "add", "name", bridge, "type", "bridge")
    ipv6 = Path(f"/proc/sys/net/ipv6/conf/{bridge}/disable_ipv6")
    if ipv6.exists():
        ipv6.write_text("1")
    run("ip", "link", "set", bridge, "up")


def remove(site: Site) -> None:
    """Take all of it away."""
    if _table_exists(site):
        run("nft", "delete", "table", "inet", _table(site))
    for bridge in (site.bridge, *map(site.bridge_of, site.networks)):
        for link in _ports(bridge):
            _delete_link(link)
        if _link(bridge).exists():
            run("ip", "link", "delete", bridge)


def exists(site: Site) -> bool:
    """Whether bridge and table are there."""
    return _link(site.bridge).exists() and _table_exists(site)


def clear_link(site: Site, node: LabNode) -> None:
    """Remove the node's old links, which would go by themselves a moment too late."""
    _clear(_link(f"vb-{site.machine(node)}"))
    for further in site.networks:
        _clear(_link(site.link_of(further, node)))


def _clear(link: Path) -> None:
    if link.exists():
        _delete_link(link.name)
        wait_until(lambda: not link.exists(), seconds=LINK_SECONDS)


def connect(site: Site, node: LabNode) -> None:
    """Plug the links that systemd-nspawn makes for further networks into their switches."""
    for further in site.networks:
        link = _link(site.link_of(further, node))
        wait_until(link.exists, seconds=LINK_SECONDS)
        run("ip", "link", "set", link.name, "master", site.bridge_of(further), "up")


def sent(bridge: str) -> int:
    """Bytes that the nodes on a switch have sent since they booted."""
    counters = (_link(port) / "statistics/rx_bytes" for port in _ports(bridge))
    return sum(int(counter.read_text()) for counter in counters)


def packets(site: Site) -> tuple[int, tuple[Sent, ...]]:
    """Dropped packets: in all, and by source, destination, protocol and port.

    The first exceeds the sum of the others by what is not IPv4, and by what came when the sets were full.
    """
    listing = json.loads(run("nft", "-j", "list", "table", "inet", _table(site)))["nftables"]
    total = sum(item["counter"]["packets"] for item in listing if "counter" in item)
    sets = [item["set"] for item in listing if item.get("set", {}).get("name") in {WITH_PORT, WITHOUT_PORT}]
    return total, tuple(_sent(element["elem"]) for found in sets for element in found.get("elem", ()))


def _sent(element: dict[str, Any]) -> Sent:
    source, destination, protocol, *port = element["val"]["concat"]
    return Sent(
        source, destination, _protocol(protocol), element["counter"]["packets"], int(port[0]) if port else 0
    )


def _protocol(told: str | int) -> str:
    """Nft names those protocols that this machine's /etc/protocols knows, and numbers the others."""
    return NUMBERS.get(str(told), str(told))


def reset(site: Site) -> None:
    """Set the counters to zero: a table anew, in one transaction, so that nothing gets past in between."""
    table = f"table inet {_table(site)}"
    run("nft", "-f", "-", stdin=f"{table}\ndelete {table}\n{_rules(site)}")


def refuse_collision(site: Site) -> None:
    """Two sites with one range would answer for each other."""
    if _link(site.bridge).exists():
        return
    wanted = ipaddress.IPv4Network(site.subnet)
    for other in state.other_labs(site.name):
        if wanted.overlaps(ipaddress.IPv4Network(other.subnet)) or other.bridge == site.bridge:
            raise LabError(
                f"subnet {site.subnet} belongs to lab {other.name!r}",
                hint=f"choose another --subnet, or `slipway lab down --name {other.name}`",
            )
    for link in json.loads(run("ip", "-json", "-4", "address", "show")):
        for entry in link.get("addr_info", []):
            used = ipaddress.IPv4Interface(f"{entry['local']}/{entry['prefixlen']}").network
            if used.overlaps(wanted):
                raise LabError(
                    f"subnet {site.subnet} is in use on this machine",
                    why=f"{link['ifname']} has {entry['local']}/{entry['prefixlen']}",
                    hint="choose another --subnet",
                )


def _rules(site: Site) -> str:
    """The table. A node may ping the bridge, ask it for names, and answer this machine's connections."""
    return f"""
table inet {_table(site)} {{
  counter egress {{ }}
  set {WITH_PORT} {{
    type ipv4_addr . ipv4_addr . inet_proto . inet_service; size 65535; flags dynamic; counter;
  }}
  set {WITHOUT_PORT} {{ type ipv4_addr . ipv4_addr . inet_proto; size 65535; flags dynamic; counter; }}
  chain arriving {{
    type filter hook prerouting priority -300; policy accept;
    iifname != "{site.bridge}" accept
    ether daddr != {_mac(site)} accept
    ip daddr {site.gateway} ip protocol icmp accept
    ip daddr {site.gateway} udp dport 53 accept
    ip daddr {site.gateway} tcp dport 53 accept
    ip daddr {site.gateway} tcp flags & (syn | ack) != syn accept
    counter name egress
    meta l4proto {{ tcp, udp }} update @{WITH_PORT} {{ ip saddr . ip daddr . meta l4proto . th dport counter }} drop
    update @{WITHOUT_PORT} {{ ip saddr . ip daddr . meta l4proto counter }}
    drop
  }}
}}
"""


def _table(site: Site) -> str:
    return f"slipway-lab-{site.ident}"


def _table_exists(site: Site) -> bool:
    tables = json.loads(run("nft", "-j", "list", "tables"))["nftables"]
    return any(item.get("table", {}).get("name") == _table(site) for item in tables)


def _mac(site: Site) -> str:
    """A fixed, locally administered address, by which the table knows what is meant for the way out."""
    digest = sha256(site.name.encode()).hexdigest()
    return ":".join(["02", *(digest[index : index + 2] for index in range(0, 10, 2))])


def _ports(bridge: str) -> list[str]:
    return [path.name for path in (_link(bridge) / "brif").glob("*")]


def _delete_link(link: str) -> None:
    with contextlib.suppress(LabError):  # it goes by itself when its node's network namespace goes
        run("ip", "link", "delete", link)


def _link(name: str) -> Path:
    return Path("/sys/class/net") / name

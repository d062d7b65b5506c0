"""What a lab is made of, as a file: name, subnet, nodes. All else about it is read from the machine.

A lab lives in `<cache>/lab/<name>/`: `lab.json`, `id_ed25519` (0600), `known_hosts`, `dns.jsonl` and
`nodes/<node>/`.
"""

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from slipway import settings
from slipway.lab.machine import LabError
from slipway.landing import PRIVATE, land

#: The addresses of nodes begin here, so that .1 (the bridge) and a few virtual addresses of tests stay free.
FIRST_NODE: Final = 21
#: Longest part of a lab's name that fits beside prefix and number in a 15 character interface name.
IDENT_LENGTH: Final = 8
NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
#: A further network's name is that of its link in every node.
LINK: Final = re.compile(r"[a-z][a-z0-9]{0,14}")
RESERVED: Final = ("host0", "lo")
#: Their number is one digit of an interface's name, which has 15 characters.
MOST_NETWORKS: Final = 9
FORMAT: Final = 1
#: The only size: a node's last octet names its link.
PREFIX: Final = 24


@dataclass(frozen=True, slots=True)
class LabNode:
    """One disposable server."""

    name: str
    address: str
    os: str


@dataclass(frozen=True, slots=True)
class LabNetwork:
    """One more switch, to which every node has a link of this name; this machine has no address on it."""

    name: str
    subnet: str


@dataclass(frozen=True, slots=True)
class Site:
    """A lab's fixed data."""

    name: str
    subnet: str
    nodes: tuple[LabNode, ...] = field(default=())
    networks: tuple[LabNetwork, ...] = field(default=())

    @property
    def directory(self) -> Path:
        """Where the lab's files are."""
        return root_directory() / self.name

    @property
    def ident(self) -> str:
        """Short name for interfaces and cgroups: the name itself, or its beginning and a part of its hash."""
        digest = sha256(self.name.encode()).hexdigest()
        return self.name if len(self.name) <= IDENT_LENGTH else f"{self.name[:3]}-{digest[:4]}"

    @property
    def bridge(self) -> str:
        """The site's switch."""
        return f"slip-{self.ident}"

    def bridge_of(self, network: LabNetwork) -> str:
        """The switch of a further network."""
        return f"{self.bridge}-{self.networks.index(network) + 1}"

    def link_of(self, network: LabNetwork, node: LabNode) -> str:
        """This machine's end of a node's link to a further network."""
        return f"v{self.networks.index(network) + 1}-{self.machine(node)}"

    def address_on(self, network: LabNetwork, node: LabNode) -> str:
        """A node's address on a further network: its last octet is that of its own."""
        return str(ipaddress.IPv4Network(network.subnet)[int(node.address.rpartition(".")[2])])

    @property
    def gateway(self) -> str:
        """The bridge's address: default route and resolver of every node."""
        return str(ipaddress.IPv4Network(self.subnet)[1])

    @property
    def prefix(self) -> int:
        """Length of the subnet's prefix."""
        return ipaddress.IPv4Network(self.subnet).prefixlen

    @property
    def known_hosts(self) -> Path:
        """The nodes' host keys, as ssh reads them."""
        return self.directory / "known_hosts"

    @property
    def private_key(self) -> Path:
        """The key that root of every node accepts; 0600."""
        return self.directory / "id_ed25519"

    @property
    def questions(self) -> Path:
        """What the nodes asked the resolver: one JSON object a line."""
        return self.directory / "dns.jsonl"

    def node(self, name: str) -> LabNode:
        """The node of that name."""
        found = next((node for node in self.nodes if node.name == name), None)
        if found is None:
            known = ", ".join(node.name for node in self.nodes)
            hint = f"name one of {known}" if known else "start it: slipway lab up"
            why = f"its nodes: {known or 'none'}"
            raise LabError(f"no node {name!r}", where=f"lab {self.name}", why=why, hint=hint)
        return found

    def node_directory(self, node: LabNode) -> Path:
        """Everything of one node."""
        return self.directory / "nodes" / node.name

    def machine(self, node: LabNode) -> str:
        """Its name on this machine: nspawn calls its link `vb-<machine>`."""
        return f"{self.ident}-{node.address.rsplit('.', 1)[1]}"


def root_directory() -> Path:
    """Where all labs are."""
    return settings.cache_dir() / "lab"


def check(name: str, subnet: str) -> None:
    """Refuse a name or subnet that cannot carry a lab."""
    if not NAME.fullmatch(name):
        raise LabError(
            f"not a lab's name: {name!r}", hint="use lower case letters, digits and dashes, at most 32"
        )
    try:
        network = ipaddress.IPv4Network(subnet)
    except ValueError as exc:
        raise LabError(f"not a subnet: {subnet!r}", why=str(exc), hint="write it as 10.77.0.0/24") from exc
    if network.prefixlen != PREFIX or not network.is_private:
        raise LabError(f"not a subnet for a lab: {subnet}", hint="take a private /24, as 10.77.0.0/24")


def plan_networks(subnet: str, wanted: Mapping[str, str]) -> tuple[LabNetwork, ...]:
    """Further networks; refuses names that cannot be a link's, and ranges that overlap."""
    bad = [name for name in wanted if not LINK.fullmatch(name) or name in RESERVED]
    if bad or len(wanted) > MOST_NETWORKS:
        raise LabError(
            f"not names for networks: {', '.join(bad or wanted)}",
            hint=f"at most {MOST_NETWORKS}, lower case, as business; not {' or '.join(RESERVED)}",
        )
    ranges = [ipaddress.IPv4Network(subnet)]
    for name, text in wanted.items():
        check(name, text)
        network = ipaddress.IPv4Network(text)
        if any(network.overlaps(other) for other in ranges):
            raise LabError(f"network {name} overlaps another one of the lab", why=text)
        ranges.append(network)
    return tuple(LabNetwork(name, text) for name, text in wanted.items())


def plan_nodes(subnet: str, names: tuple[str, ...], systems: tuple[str, ...]) -> tuple[LabNode, ...]:
    """Nodes in the order of their names, with addresses from .21 on."""
    bad = [name for name in names if not NAME.fullmatch(name)]
    if bad or len(set(names)) != len(names):
        raise LabError(
            f"not names for nodes: {', '.join(bad or names)}", hint="each once, lower case, as node-1"
        )
    network = ipaddress.IPv4Network(subnet)
    if FIRST_NODE + len(names) >= network.num_addresses:
        raise LabError(f"too many nodes for {subnet}: {len(names)}", hint="at most 234")
    return tuple(
        LabNode(name=name, address=str(network[FIRST_NODE + index]), os=system)
        for index, (name, system) in enumerate(zip(names, systems, strict=True))
    )


def names() -> tuple[str, ...]:
    """The labs of this machine."""
    return tuple(sorted(path.parent.name for path in root_directory().glob("*/lab.json")))


def load(name: str) -> Site | None:
    """The lab of that name as it was written down, or None."""
    path = root_directory() / name / "lab.json"
    if not path.exists():
        return None
    data = json.loads(path.read_text(encoding="utf-8"))
    return Site(
        name=data["name"],
        subnet=data["subnet"],
        nodes=tuple(LabNode(**node) for node in data["nodes"]),
        networks=tuple(LabNetwork(**network) for network in data.get("networks", ())),
    )


def save(site: Site) -> None:
    """Write the lab down."""
    site.directory.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"format": FORMAT, **asdict(site)}, indent=1) + "\n"
    land(site.directory / "lab.json", text, mode=PRIVATE)


def other_labs(name: str) -> tuple[Site, ...]:
    """All labs but this one."""
    names = sorted(path.parent.name for path in root_directory().glob("*/lab.json"))
    return tuple(site for other in names if other != name and (site := load(other)))

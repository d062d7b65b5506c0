"""What is wrong between hosts: identities that are not unique, clocks apart, ranges that collide, packets lost."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, ip_network

from slipway.errors import WARNING, Finding
from slipway.findings import FindingCode
from slipway.model.configuration import Configuration
from slipway.model.host.items import Host
from slipway.model.observed import HostObserved
from slipway.model.survey import Reach
from slipway.planning.ports import FIREWALLS, VXLAN, places_to_reach
from slipway.planning.routes import coming, route_of

#: Seconds between the clocks of two members from which etcd complains (etcd, rafthttp: maxClockDifference is 1 s).
SKEW = 1.0
#: Links that a cluster's own network makes.
OWN_LINKS = ("cni", "flannel", "kube-", "veth", "vxlan")

SeenHosts = Mapping[str, HostObserved]


def fleet_state(configuration: Configuration, seen: SeenHosts) -> Iterator[Finding]:
    """All of it; each finding names one host."""
    hosts = [host for host in configuration.hosts if host.name in seen and seen[host.name].reachable]
    yield from _twins(hosts, seen)
    yield from _clocks(hosts, seen)
    yield from _ranges(configuration, hosts, seen)
    yield from _sizes(hosts, seen)
    yield from _reach(configuration, hosts, seen)


def _twins(hosts: list[Host], seen: SeenHosts) -> Iterator[Finding]:
    """Cloned machines: the kubelet, DHCP and flannel take such hosts for one."""
    machines: dict[str, list[str]] = defaultdict(list)
    cards: dict[str, list[str]] = defaultdict(list)
    products: dict[str, list[str]] = defaultdict(list)
    keys: dict[str, list[str]] = defaultdict(list)
    for host in hosts:
        survey = seen[host.name].survey
        link = survey.link_of(host.address)
        # Containers of one machine have its number.
        products["" if survey.container else survey.product].append(host.name)
        keys[next(iter(survey.host_keys), "")].append(host.name)
        machines[seen[host.name].facts.machine].append(host.name)
        cards[link.mac if link else ""].append(host.name)
    anew = "rm /etc/machine-id && systemd-machine-id-setup, then reboot"
    renewed = "rm /etc/ssh/ssh_host_* && ssh-keygen -A, restart sshd, then slipway host trust HOST"
    for found, what, code, hint in (
        (machines, "machine-id", FindingCode.MACHINE_ID, anew),
        (
            products,
            "product_uuid",
            FindingCode.PRODUCT_UUID,
            "give each virtual machine a UUID of its own in its definition",
        ),
        (keys, "SSH host key", FindingCode.HOST_KEY_TWICE, renewed),
        (
            cards,
            "hardware address",
            FindingCode.MAC,
            "give each virtual machine a hardware address of its own",
        ),
    ):
        for value, names in found.items():
            for name in names[1:] if value else ():
                yield Finding(
                    f"host/{name}",
                    f"has the {what} of {names[0]}",
                    expected="one of its own",
                    hint=hint,
                    code=code,
                )


def _clocks(hosts: list[Host], seen: SeenHosts) -> Iterator[Finding]:
    """Against the middle one, so that a single clock that is wrong is the one that is named."""
    known = [host for host in hosts if seen[host.name].facts.time]
    if not known:
        return
    middle = sorted(seen[host.name].survey.skew for host in known)[len(known) // 2]
    for host in known:
        survey = seen[host.name].survey
        apart = survey.skew - middle
        if abs(apart) - survey.skew_error > SKEW:
            word = "ahead of" if apart > 0 else "behind"
            text = f"has a clock {abs(apart):.1f} s {word} the others"
            hint = "set it, and keep it with chrony against a time server of the site"
            yield Finding(
                f"host/{host.name}",
                text,
                expected=f"{SKEW:.0f} s at most",
                hint=hint,
                code=FindingCode.CLOCK_SKEW,
            )


def _ranges(configuration: Configuration, hosts: list[Host], seen: SeenHosts) -> Iterator[Finding]:
    """Packets for pods or Services must not leave by a route that a host has already."""
    kubernetes = configuration.spec.kubernetes
    if kubernetes is None:
        return
    ranges = {
        "podCIDR": ip_network(kubernetes.network.pod_cidr),
        "serviceCIDR": ip_network(kubernetes.network.service_cidr),
    }
    for host in hosts:
        for route, line in _routes(seen[host.name]):
            for field, network in ranges.items():
                if route.overlaps(network):
                    text = f"has a route into {field} {network}: {line}"
                    hint = f"choose another spec.kubernetes.network.{field}, or remove the route"
                    yield Finding(
                        f"host/{host.name}",
                        text,
                        expected="no route of its own there",
                        hint=hint,
                        code=FindingCode.ROUTE,
                    )


def _routes(host: HostObserved) -> Iterator[tuple[IPv4Network, str]]:
    for line in host.facts.routes:
        words, route = line.split(), route_of(line)
        device = words[words.index("dev") + 1] if "dev" in words else ""
        if route and not device.startswith(OWN_LINKS):
            yield route, line


def _sizes(hosts: list[Host], seen: SeenHosts) -> Iterator[Finding]:
    """Flannel takes its size from one host's link; a smaller one elsewhere loses large packets silently."""
    links = {host.name: seen[host.name].survey.link_of(host.node_address) for host in hosts}
    sizes = {name: link.mtu for name, link in links.items() if link and link.mtu}
    if len(set(sizes.values())) > 1:
        largest = max(sizes.values())
        for name, size in sizes.items():
            if size < largest:
                text = f"has a link of {size} bytes where others have {largest}"
                hint = "set the same MTU on all hosts"
                yield Finding(
                    f"host/{name}",
                    text,
                    expected=f"{largest} bytes",
                    hint=hint,
                    code=FindingCode.MTU,
                    severity=WARNING,
                )


def _reach(configuration: Configuration, hosts: list[Host], seen: SeenHosts) -> Iterator[Finding]:
    for host in hosts:
        for reach in seen[host.name].survey.reach:
            if reach.host not in seen:  # a server of a mount, which `mounts` judges
                continue
            other = seen.get(reach.host)
            if reach.arrived or (other and not other.reachable):  # that host is down, which is said of it
                continue
            if other and (_opens(configuration, other) or _way_comes(configuration, host, other, seen)):
                continue
            if reach.port == 0:
                text = f"cannot send packets of its link's size to {reach.host}"
                hint = "a tunnel or switch between them takes less: lower the MTU of the hosts' links"
                yield Finding(
                    f"host/{host.name}",
                    text,
                    expected="whole packets",
                    hint=hint,
                    code=FindingCode.PATH_MTU,
                    severity=WARNING,
                )
            elif reach.port == VXLAN:
                text = f"hears nothing of {reach.host} at UDP {VXLAN}, by which their pods will talk ({reach.verdict})"
                hint = f"open UDP {VXLAN} from {host.name} to {reach.host} in firewalls and between networks"
                yield Finding(
                    f"host/{host.name}",
                    text,
                    expected="a way",
                    hint=hint,
                    code=FindingCode.TUNNEL,
                    severity=WARNING,
                )
            else:
                text = (
                    f"does not reach {reach.host} at {_place(configuration, host, reach)} ({reach.verdict})"
                )
                hint = f"open TCP {reach.port} from {host.name} to {reach.host} in firewalls and between networks"
                yield Finding(
                    f"host/{host.name}", text, expected="an open way", hint=hint, code=FindingCode.REACH
                )


def _opens(configuration: Configuration, other: HostObserved) -> bool:
    """Whether what keeps packets away from a host goes with the plan."""
    settings = {host.name: host.settings.firewall for host in configuration.hosts}
    return bool(FIREWALLS & set(other.survey.services)) and settings[other.name].mode != "keep"


def _way_comes(configuration: Configuration, host: Host, other: HostObserved, seen: SeenHosts) -> bool:
    """Whether a route of the plan, there or back, leads from one host to the other."""
    target = next(one for one in configuration.hosts if one.name == other.name)
    there = any(coming(host, seen[host.name], address) for address in target.all_addresses)
    return there or any(coming(target, other, address) for address in host.all_addresses)


def _place(configuration: Configuration, host: Host, reach: Reach) -> str:
    """The port, with its address where that is not the other host's first one."""
    for other, address, port in places_to_reach(configuration, host):
        if (other.name, port) == (reach.host, reach.port) and address != other.address:
            return f"{address} port {port}"
    return f"port {reach.port}"

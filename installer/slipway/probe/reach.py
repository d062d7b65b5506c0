"""Whether hosts reach each other, and the servers of their mounts, where their roles need it.

A second round trip each, all of them side by side.

A port at which nobody listens yet answers too: "refused" came from the other host, so no firewall stands between.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files

from slipway.model.configuration import Configuration
from slipway.model.host.items import Host
from slipway.model.observed import HostObserved
from slipway.model.survey import Reach, ReachVerdict
from slipway.planning.mounts import mounts_of, servers
from slipway.planning.ports import VXLAN, places_to_reach, tunnel_end
from slipway.planning.roles.kubernetes import CONTROL_PLANE, WORKER
from slipway.probe.fleet import Fleet
from slipway.probe.ssh import SSHSession

#: Seconds for all tries of one host, which run at once and give up after three each.
_SECONDS = 30.0
#: Roles whose record says that a host is a node, with a network for pods.
JOINED = {CONTROL_PLANE.name, WORKER.name}


def read_reach(
    configuration: Configuration, fleet: Fleet, seen: Mapping[str, HostObserved]
) -> dict[str, HostObserved]:
    """The same hosts, each with whom it reaches. Who could not be asked stays as it is."""
    names = [name for name, host in seen.items() if host.reachable]
    read, _ = fleet.each(lambda session: _ask(configuration, fleet.hosts[session.name], seen, session), names)
    return {
        name: replace(host, survey=replace(host.survey, reach=read[name])) if name in read else host
        for name, host in seen.items()
    }


def _ask(
    configuration: Configuration, host: Host, seen: Mapping[str, HostObserved], session: SSHSession
) -> tuple[Reach, ...]:
    lines = [
        f"{other.name} {address} {port}"
        for other, address, port in places_to_reach(configuration, host)
        if other.name not in seen or seen[other.name].reachable
    ]
    lines += sorted(
        {f"{name} {name} {port}" for mount in mounts_of(host).values() for name, port in servers(mount)}
    )
    lines += _tunnel(configuration, host, seen)
    link = seen[host.name].survey.link_of(host.node_address)
    up = (other for other in configuration.hosts if other.name in seen and seen[other.name].reachable)
    first = next((other for other in up if other.name != host.name), None)
    if link and link.mtu and first:
        lines.append(f"{first.name} {first.node_address} 0 {link.mtu}")
    _, out, _ = session.run(
        _script(), stdin="".join(f"{line}\n" for line in lines).encode(), timeout=_SECONDS
    )
    return parse_reach(out.decode(errors="replace"))


def _tunnel(configuration: Configuration, host: Host, seen: Mapping[str, HostObserved]) -> list[str]:
    """Flannel answers nothing: only a host without it says that packets arrive."""
    found = tunnel_end(configuration, host)
    other = seen.get(found[0].name) if found else None
    if not found or not other or not other.reachable or JOINED & other.records.keys():
        return []
    return [f"{other.name} {found[1]} {VXLAN} udp"]


def parse_reach(text: str) -> tuple[Reach, ...]:
    """Lines of `reach.sh`, in order of host and port."""
    found = (line.split() for line in text.splitlines())
    whole = [Reach(name, int(port), ReachVerdict(verdict)) for name, port, verdict in found]
    return tuple(sorted(whole, key=lambda reach: (reach.host, reach.port)))


@cache
def _script() -> str:
    return files("slipway.probe").joinpath("reach.sh").read_text(encoding="utf-8")

"""Whether a host reaches what it is to mount: one open port of the servers of each mount."""

from collections.abc import Iterator

from slipway.errors import ERROR, WARNING, Finding
from slipway.findings import FindingCode
from slipway.model.host.items import Host
from slipway.model.observed import HostObserved
from slipway.planning.mounts import mounts_of, servers
from slipway.planning.routes import coming


def mounts_state(host: Host, seen: HostObserved) -> Iterator[Finding]:
    """An error before the first mount; later a server that is down stops nothing that does not concern it."""
    verdicts = {(reach.host, reach.port): reach.verdict for reach in seen.survey.reach}
    for name, mount in mounts_of(host).items():
        tried = {place: verdicts[place] for place in servers(mount) if place in verdicts}
        if not tried or "open" in tried.values() or any(coming(host, seen, place[0]) for place in tried):
            continue
        places = ", ".join(
            f"{address} at port {port} ({verdict})" for (address, port), verdict in tried.items()
        )
        ports = ", ".join(str(port) for port in sorted({port for _, port in tried}))
        yield Finding(
            f"host/{host.name}",
            f"does not reach {places} for mount {name}, {mount.source}",
            expected="an open port",
            hint=f"start that server, and open TCP {ports} from {host.name} to it in firewalls and between networks",
            code=FindingCode.MOUNT_SERVER,
            severity=WARNING if "node_mounts" in seen.records else ERROR,
        )

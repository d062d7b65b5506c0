"""Which Python Ansible uses on each host; where there is none it can use, the bundle's own is put there first.

It goes over plain SSH: the registry that everything else comes from is itself set up by Ansible.
"""

from collections.abc import Iterable, Mapping

from slipway.engine.artifacts import required
from slipway.engine.context import Context
from slipway.errors import SlipwayError
from slipway.model.bundle import Artifact, ArtifactKind
from slipway.model.host.items import Host
from slipway.model.observed import HostObserved
from slipway.planning.interpreter import ARTIFACT, usable
from slipway.probe.access import HostError
from slipway.probe.fleet import Fleet
from slipway.probe.hosts import read_hosts
from slipway.probe.python import install_python


def ensure_python(
    context: Context, hosts: Iterable[Host], seen: Mapping[str, HostObserved], placed: set[str]
) -> tuple[dict[str, bool | None], dict[str, HostError]]:
    """Per host whether it is the bundle's (None: nobody looked), and what went wrong on which.

    `placed`: hosts that have got it in this run, which `seen` does not know.
    """
    chosen = list(hosts)
    bundled = {host.name: _bundled(seen.get(host.name)) for host in chosen}
    errors: dict[str, HostError] = {}
    for platform in dict.fromkeys(host.platform for host in chosen if bundled[host.name]):
        artifact = required(context, ArtifactKind.BINARY, ARTIFACT, platform)
        without = [
            host
            for host in chosen
            if bundled[host.name]
            and host.platform == platform
            and host.name not in placed
            and seen[host.name].facts.interpreter != artifact.digest
        ]
        errors |= _install(context, artifact, without, placed)
    return bundled, errors


def _install(
    context: Context, artifact: Artifact, hosts: list[Host], placed: set[str]
) -> dict[str, HostError]:
    if not hosts:
        return {}
    archive = context.source.path(artifact).read_bytes()
    with Fleet(hosts, context.access()) as fleet:
        done, errors = fleet.each(lambda session: install_python(session, archive, artifact.digest))
    placed.update(done)
    return errors


def python_for_reset(context: Context, hosts: Iterable[Host]) -> dict[str, bool | None]:
    """The same for hosts about to be reset, which nobody has looked at.

    A host that has one of ours keeps it for this, whichever; one that got none may have no bundle to get it from.
    """
    chosen = list(hosts)
    with Fleet(chosen, context.access()) as fleet:
        seen = read_hosts(context.configuration, fleet)
    there = {name for name, host in seen.items() if host.facts.interpreter}
    try:
        bundled, _ = ensure_python(context, chosen, seen, there)
    except SlipwayError:  # Ansible says of each such host that it finds no Python
        bundled = {host.name: None for host in chosen}
    return bundled


def _bundled(seen: HostObserved | None) -> bool | None:
    return None if seen is None or not seen.reachable else not usable(seen.facts)

"""What no probe can see: a plan that is right for a world that cannot be proves nothing.

Every test of planning has what was observed looked at here first. A rule follows from how the state is read
(`slipway.probe`, `slipway.cluster.observe`), never from what planning would like.
"""

from collections.abc import Iterator

from slipway.model.observed import ClusterObserved, HostFacts, HostObserved, Observed, RegistryObserved
from slipway.model.survey import Survey

#: As written into records of modules.
PHASES = {"Applying", "Healthy", "Failed", "Removing"}


def contradictions(seen: Observed) -> list[str]:
    """All that cannot be so; empty for a world that can be."""
    return [
        *(f"host {name}: {why}" for name, host in seen.hosts.items() for why in _host(name, host)),
        *(f"cluster: {why}" for why in _cluster(seen.cluster)),
        *(f"registry: {why}" for why in _registry(seen.registry)),
        *(f"replica: {why}" for why in _registry(seen.replica)),
    ]


def _host(name: str, host: HostObserved) -> Iterator[str]:
    if host.name != name:
        yield f"is kept as {host.name}"
    if host.error_code:
        known = (host.records, host.intents, host.drift, host.lock, host.old_data_roots, host.kubernetes)
        if any(known) or host.facts != HostFacts() or host.survey != Survey():
            yield "could not be read, and yet something is known of it"
        if not host.error:
            yield "could not be read, and nobody says why"
        return
    if not host.facts.addresses:
        yield "was read over a network, and has no address"
    own = f"host/{name}/"
    for drift in host.drift:
        if not (drift.step.startswith(own) and drift.step.removeprefix(own) in host.records):
            yield f"{drift.what} differs from the record of {drift.step}, and there is none"
    yield from (f"holds an intent of {one.step}" for one in host.intents if not one.step.startswith(own))
    if host.records and not host.cluster:
        yield "has records, and belongs to no site"


def _cluster(cluster: ClusterObserved) -> Iterator[str]:
    if not cluster.reachable:
        known = (cluster.nodes, cluster.modules, cluster.configurations, cluster.drift, cluster.sick)
        if any(known) or cluster.settings or cluster.operator_catalog or cluster.admission.found:
            yield "does not answer, and yet something is known of it"
        return
    yield from _nodes(cluster)
    yield from _modules(cluster)


def _nodes(cluster: ClusterObserved) -> Iterator[str]:
    for name, node in cluster.nodes.items():
        if node.name != name:
            yield f"node {name} is kept as {node.name}"
        if node.silent and node.ready:
            yield f"node {name} says nothing any more, and is ready: the node controller says Unknown then"
        if node.silent and node.pressures:
            yield f"node {name} says nothing any more, and yet what it is short of: that is Unknown too then"


def _modules(cluster: ClusterObserved) -> Iterator[str]:
    for name, record in cluster.modules.items():
        if record.name != name or record.phase not in PHASES:
            yield f"module {name} has the record of {record.name} in phase {record.phase}"
    for name in {*cluster.drift, *cluster.sick} - set(cluster.modules):
        yield f"module {name} has no record, and yet its objects were compared with it"
    for name in {*cluster.drift, *cluster.sick} & set(cluster.modules):
        if cluster.modules[name].phase != "Healthy" or cluster.modules[name].intent:
            yield f"module {name} is worked on or has failed: its objects are not looked at"


def _registry(registry: RegistryObserved) -> Iterator[str]:
    if not registry.reachable and registry.bundle:
        yield "does not answer, and yet it is known what it holds"
    if registry.reachable and registry.error_code:
        yield f"answers, and has the error {registry.error_code}"

"""What left the site, explained: counted records, the pods of the cluster, and the connection tables of the nodes.

Reads only. What cannot be read is said and left out: counts are explained as far as it goes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from slipway.engine.context import Context
from slipway.engine.kubeconfig import usable_kubeconfig
from slipway.errors import ConfigurationError, SlipwayError
from slipway.model.configuration import Configuration
from slipway.model.egress import EgressRecords, EgressRow, Flow, PodSeen, Surroundings
from slipway.planning.egress import explain, parse_flows
from slipway.probe.fleet import Fleet
from slipway.probe.flows import read_connections


@dataclass(frozen=True, slots=True)
class EgressReport:
    """The rows, and in `unread` what could not be read for them."""

    rows: tuple[EgressRow, ...]
    unread: tuple[str, ...] = ()

    @property
    def outside(self) -> tuple[EgressRow, ...]:
        """Those of what left the site."""
        return tuple(row for row in self.rows if row.outside)


def egress_report(
    records: EgressRecords, context: Context | None, nodes: Mapping[str, str] | None = None
) -> EgressReport:
    """Explain what was counted. `nodes`: address -> name of those that no ClusterConfiguration describes."""
    around = Surroundings(nodes=dict(nodes or {}))
    if not (records.sent or records.asked):
        return EgressReport(explain(records, around))
    if context is None:
        return EgressReport(explain(records, around), ("the cluster: there is no ClusterConfiguration here",))
    around = _known(context.configuration, around)
    unread: list[str] = []
    around = replace(around, pods=_pods(context, unread.append))
    around = replace(around, flows=_flows(context, records, around.nodes, unread.append))
    return EgressReport(explain(records, around), tuple(unread))


def _known(configuration: Configuration, around: Surroundings) -> Surroundings:
    """What the ClusterConfiguration says of addresses and names."""
    hosts = configuration.hosts
    kubernetes = configuration.spec.kubernetes
    network = kubernetes.network if kubernetes else None
    searches = (search for host in hosts for search in host.settings.dns.search)
    return replace(
        around,
        nodes=around.nodes | {address: host.name for host in hosts for address in host.all_addresses},
        ranges=(network.pod_cidr, network.service_cidr) if network else (),
        domain=network.dns_domain if network else around.domain,
        searches=tuple(dict.fromkeys(searches)),
    )


def _pods(context: Context, unread: Callable[[str], None]) -> tuple[PodSeen, ...] | None:
    from slipway.cluster.condition.pods import read_pods

    try:
        path = usable_kubeconfig(context)
        if isinstance(path, Path) and not path.exists():
            raise ConfigurationError("no kubeconfig of it on this machine, nor on a control plane")
        return read_pods(context.client())
    except SlipwayError as error:
        unread(f"the cluster: {error.what}")
        return None


def _flows(
    context: Context, records: EgressRecords, nodes: Mapping[str, str], unread: Callable[[str], None]
) -> tuple[Flow, ...]:
    """Connections of those nodes whose address packets came from."""
    senders = {nodes[sent.source] for sent in records.sent if sent.source in nodes}
    hosts = [host for host in context.configuration.hosts if host.name in senders]
    if not hosts:
        return ()
    try:
        with Fleet(hosts, context.access()) as fleet:
            tables, errors = fleet.each(read_connections)
    except SlipwayError as error:
        unread(f"the nodes' connection tables: {error.what}")
        return ()
    for name, away in errors.items():
        unread(f"the connection table of {name}: {away.text}")
    for name in (name for name, table in tables.items() if table is None):
        unread(f"the connection table of {name}: it has neither conntrack nor /proc/net/nf_conntrack")
    return tuple(flow for name, table in tables.items() for flow in parse_flows(name, table or ""))

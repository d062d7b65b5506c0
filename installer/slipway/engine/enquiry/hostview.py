"""One host for `slipway host explain`: what it shall be and why, what it says of itself, what the API says of it.

Reads only: one connection to the host, and two requests to the API where there is a kubeconfig of the cluster.
"""

from dataclasses import asdict, dataclass
from typing import Any

from slipway.api.explain import nearest
from slipway.api.merge import Setting, sources
from slipway.clock import utc_text
from slipway.engine.context import Context
from slipway.errors import ConfigurationError, PreflightError, SlipwayError
from slipway.holders import name_of
from slipway.model.configuration import Configuration
from slipway.model.host.items import Host
from slipway.model.observed import HostObserved, NodeObserved
from slipway.planning.roles import roles_of
from slipway.planning.roles.facts import Facts
from slipway.probe.fleet import Fleet
from slipway.probe.hosts import read_hosts
from slipway.secrets import site_id

#: Names of hosts that an error lists; a site may have a thousand.
_NAMES = 12


@dataclass(frozen=True, slots=True)
class HostView:
    """All of it. `steps`: those that the host shall have; `no_cluster`: why the API could not be asked."""

    name: str
    address: str
    roles: tuple[str, ...]
    groups: tuple[str, ...]
    read_at: str
    site: str
    steps: tuple[str, ...]
    settings: tuple[Setting, ...]
    host: HostObserved
    node: NodeObserved | None = None
    no_cluster: str = ""

    @property
    def error(self) -> PreflightError | None:
        """Why the host could not be read; the probe joins what and why."""
        if self.host.reachable:
            return None
        what, _, why = self.host.error.partition(": ")
        return PreflightError(what, where=f"host/{self.name}", why=why, hint=self.host.hint)

    @property
    def foreign(self) -> bool:
        """Whether its record is of another cluster."""
        return self.host.cluster not in {"", self.site}

    @property
    def holder(self) -> str:
        """Who may change the host right now, by the host's own clock; empty: nobody."""
        lock = self.host.lock
        return name_of(lock.holder) if lock and lock.left else ""


def host_view(context: Context, name: str) -> HostView:
    """Look once.

    Raises:
        ConfigurationError: the ClusterConfiguration has no such host.
    """
    host = host_named(context.configuration, name)
    hosts = context.configuration.spec.hosts
    with Fleet([host], context.access()) as fleet:
        seen = read_hosts(context.configuration, fleet, deep=True)[name]
    node, no_cluster = _node(context, name)
    return HostView(
        name=name,
        address=host.address,
        roles=host.roles,
        groups=host.groups,
        read_at=utc_text(),
        site=site_id(context.secrets, context.configuration.name),
        steps=roles_of(context.configuration, host, Facts(gpus=bool(seen.survey.gpus))),
        settings=sources(hosts, name) if hosts else (),
        host=seen,
        node=node,
        no_cluster=no_cluster,
    )


def host_named(configuration: Configuration, name: str) -> Host:
    """The host of that name.

    Raises:
        ConfigurationError: there is none; with the nearest name that there is.
    """
    names = [host.name for host in configuration.hosts]
    if name in names:
        return configuration.hosts[names.index(name)]
    more = f" and {len(names) - _NAMES} more" if names[_NAMES:] else ""
    raise ConfigurationError(
        f"there is no host {name!r} in the ClusterConfiguration {configuration.name}",
        where="spec.hosts.items",
        why=f"its hosts are {', '.join(names[:_NAMES])}{more}" if names else "it has no hosts",
        hint=nearest(name, names) or "name one of them",
    )


def view_data(view: HostView) -> dict[str, Any]:
    """The view for machines, with what follows from it."""
    error = view.error.as_dict() if view.error else None
    return {**asdict(view), "error": error, "foreign": view.foreign, "holder": view.holder}


def read_node(context: Context, name: str) -> NodeObserved | None:
    """The Node of that name; None: there is none."""
    from slipway.cluster import observe

    return observe.read_node(context.client(), name)


def _node(context: Context, name: str) -> tuple[NodeObserved | None, str]:
    """The host's Node, or none; and why, where the API could not say."""
    if context.kubeconfig and not context.kubeconfig.exists():
        return None, "no kubeconfig of it on this machine"
    try:
        return read_node(context, name), ""
    except SlipwayError as error:
        return None, error.what

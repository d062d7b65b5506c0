"""`slipway host forget`: what this machine and the cluster still hold of a host that is gone or was reinstalled.

First `look`, so that somebody can be asked, then `forget`. The host itself is never touched. A host that the
ClusterConfiguration names keeps its Node: whoever reinstalled it wants it back.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from slipway.api.explain import nearest
from slipway.engine.context import Context
from slipway.engine.enquiry.hostview import read_node
from slipway.engine.hostkeys import change_everywhere
from slipway.errors import ConfigurationError
from slipway.model.fields import HOST_NAME
from slipway.model.host.items import Hosts
from slipway.model.hostkeys import HostKey, HostKeys, host_label, parse, without
from slipway.model.observed import LiveConfiguration, NodeObserved
from slipway.probe.known_hosts import KnownHosts

_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
_NO_KUBECONFIG = (
    "the cluster was not asked: no kubeconfig of it on this machine (slipway kubeconfig fetches it)"
)


@dataclass(frozen=True, slots=True)
class Farewell:
    """What is to be forgotten: keys of `labels` (names in known_hosts), and the Node where there is one to delete."""

    name: str
    configured: bool
    labels: tuple[str, ...]
    node: NodeObserved | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What went. Nothing at all is fine: it was done before."""

    name: str
    configured: bool
    labels: tuple[str, ...]
    keys: tuple[HostKey, ...]
    node_deleted: bool
    notes: tuple[str, ...]


def farewell_to(context: Context, name: str) -> Farewell:
    """What there is to forget of a host, or of an address that neither file nor cluster has a name for.

    Raises:
        ConfigurationError: there are no hosts, or this can be no host's name.
        TransientError: the cluster has to be asked for its Node and does not answer.
    """
    hosts = context.configuration.spec.hosts
    if hosts is None:
        raise ConfigurationError("the ClusterConfiguration has no hosts", where=context.configuration.name)
    if not re.fullmatch(HOST_NAME, name):
        raise ConfigurationError(
            f"{name!r} can be no host's name", hint="name one as spec.hosts.items does, or its address"
        )
    addresses = {item.name: item.address for item in hosts.items}
    if name in addresses:
        labels, notes = _labels(hosts, name, addresses[name])
        return Farewell(name, configured=True, labels=labels, notes=notes)
    node, found = _node(context, name)
    labels, notes = _labels(hosts, name, node.address if node else "")
    ours, about = _deletable(context, node) if node else (False, (nearest(name, list(addresses)),))
    return Farewell(
        name,
        configured=False,
        labels=labels,
        node=node if ours else None,
        notes=tuple(note for note in (*found, *about, *notes) if note),
    )


def forget(context: Context, farewell: Farewell) -> Forgotten:
    """Take out the keys, then delete the Node: a second run still learns the address from a Node that stayed."""
    keys = KnownHosts(context.known_hosts).forget(farewell.labels)
    unheard = change_everywhere(
        context, lambda kept: HostKeys(without(kept.hosts, farewell.labels), kept.bastion)
    )
    kept = (f"the cluster keeps its key: {unheard}; once it answers, run this again",) if unheard else ()
    deleted = False
    if farewell.node:
        from slipway.cluster.nodes import delete_node

        deleted = delete_node(context.client(), farewell.name)
    return Forgotten(
        farewell.name, farewell.configured, farewell.labels, tuple(keys), deleted, (*farewell.notes, *kept)
    )


def _labels(hosts: Hosts, name: str, address: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names under which known_hosts may have it, and notes on those that stay."""
    own = dict.fromkeys(
        label for place in (address, name) if place for label in (host_label(place, hosts.ssh.port), place)
    )
    others = {item.address: item.name for item in hosts.items if item.name != name}
    taken = others.get(address or name, "")
    if taken:
        note = f"{address or name} is {taken}'s now: its key stays"
        return ((name,) if address else ()), (note,)
    pinned = {key.host for key in parse(hosts.ssh.host_keys)} & set(own)
    note = "its key is pinned: correct or remove it in spec.hosts.ssh.hostKeys"
    return tuple(label for label in own if label not in pinned), (note,) if pinned else ()


def _node(context: Context, name: str) -> tuple[NodeObserved | None, tuple[str, ...]]:
    if context.kubeconfig and not context.kubeconfig.exists():
        return None, (_NO_KUBECONFIG,)
    return read_node(context, name), ()


def _deletable(context: Context, node: NodeObserved) -> tuple[bool, tuple[str, ...]]:
    """Whether the Node is ours to delete, and what somebody should know who agrees to it."""
    from slipway.cluster.own.configurations import Configurations

    if node.unreadable:
        return False, (f"{node.unreadable.why}: it stays; next: {node.unreadable.hint}",)
    if not node.records:
        return False, (f"node {node.name} was not made by Slipway: it stays",)
    mine = (context.configuration.namespace, context.configuration.name)
    naming = [
        (live.namespace, live.name)
        for live in Configurations(context.client()).list()
        if node.name in _names(live)
    ]
    others = [name for namespace, name in naming if (namespace, name) != mine]
    if others:
        return False, (f"ClusterConfiguration {others[0]} in the cluster names {node.name}: its node stays",)
    return True, tuple(_warnings(node, applied=mine not in naming))


def _warnings(node: NodeObserved, *, applied: bool) -> Iterator[str]:
    if _CONTROL_PLANE in node.labels:
        yield f"{node.name} was a control plane: its member of etcd stays (etcdctl member remove)"
    if not applied:
        yield f"the ClusterConfiguration in the cluster still names {node.name}: slipway apply"


def _names(live: LiveConfiguration) -> set[str]:
    return {str(item.get("name")) for item in live.host_items}

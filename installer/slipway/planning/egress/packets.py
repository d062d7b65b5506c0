"""Packets that left: whose they were, and what for.

A node puts its own address in place of its pods' (masquerade) in what leaves the cluster, so most sources are nodes.
Then its connection table tells, for as long as it holds the connection; else the pods that speak of the destination;
else all pods of the node are left.
"""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from slipway.catalog import outside
from slipway.model.egress import Candidate, EgressRow, Flow, Sent, Surroundings
from slipway.planning.egress.crowd import Crowd, Sender, candidate, once
from slipway.planning.egress.names import mentioned

_STRAY = "the cluster's own address: the node had no rules of kube-proxy or the pod network for it, as while it boots"


def packet_row(sent: Sent, crowd: Crowd) -> EgressRow:
    """One row for what one source sent to one port."""
    source = crowd.source(sent.source)
    own = _within(sent.destination, crowd.around)
    candidates = () if source.pod or own else once(_candidates(sent, source, crowd))
    purpose = outside.purpose_of_port(sent.protocol, sent.port) or "what for is not known"
    return EgressRow(
        who=source.who,
        source=sent.source,
        image=source.image,
        what="packets",
        target=sent.destination,
        port=f"{sent.protocol}/{sent.port}" if sent.port else sent.protocol,
        count=sent.count,
        cause=_STRAY if own else f"{purpose}{_hidden(source, crowd)}",
        outside=not own,
        candidates=candidates,
    )


def _within(address: str, around: Surroundings) -> bool:
    return any(ip_address(address) in ip_network(one, strict=False) for one in around.ranges)


def _hidden(source: Sender, crowd: Crowd) -> str:
    """What has to be said about a sender that the packet does not name."""
    if source.pod:
        return ""
    if crowd.around.pods is None:
        return "; the cluster's pods could not be read"
    return "; sent by the node itself, or by a pod behind its address" if source.node else ""


def _candidates(sent: Sent, source: Sender, crowd: Crowd) -> Iterator[Candidate]:
    """The surest first; pods that only happen to be there, where nothing else is known."""
    known = [*_by_flow(sent, source, crowd), *_by_mention(sent, source, crowd)]
    yield from known
    if source.node and not known:
        for pod in crowd.on(source.node):
            yield candidate(pod, "runs on this node")


def _by_flow(sent: Sent, source: Sender, crowd: Crowd) -> Iterator[Candidate]:
    for flow in crowd.around.flows:
        key = (flow.node, flow.destination, flow.protocol, flow.port)
        if source.node and key == (source.node, sent.destination, sent.protocol, sent.port):
            yield _of_flow(flow, crowd)


def _of_flow(flow: Flow, crowd: Crowd) -> Candidate:
    pod = crowd.pod_at(flow.source)
    if pod:
        return candidate(pod, f"the connection table of {flow.node} has it, from {flow.source}")
    if crowd.source(flow.source).node:
        why = "its connection table has it: from the node itself, or from a pod on the host network"
    else:
        why = f"its connection table has it, from {flow.source}: a pod that is gone, or one that was not read"
    return Candidate("", "", flow.node, why)


def _by_mention(sent: Sent, source: Sender, crowd: Crowd) -> Iterator[Candidate]:
    for pod in crowd.on(source.node):
        for where, image in mentioned(pod, sent.destination):
            yield candidate(pod, f"named in its {where}", image)

"""What of a ClusterConfiguration is sick now, judged from what was read; and how it is said. Pure."""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from slipway.errors import WARNING, Finding
from slipway.findings import FindingCode
from slipway.model.configuration import Configuration
from slipway.model.observed import ClusterObserved, NodeObserved
from slipway.model.record import ModuleRecord, Unreadable
from slipway.model.standing import Ailment, Cause, Part, Standing


def standing_of(
    configuration: Configuration, cluster: ClusterObserved, *, expected: Collection[str]
) -> Standing:
    """How the nodes of its hosts and its modules are. `expected`: hosts that have to have a Node by now."""
    if not cluster.reachable:
        return Standing()
    nodes = [cluster.nodes[host.name] for host in configuration.hosts if host.name in cluster.nodes]
    absent = [h.name for h in configuration.hosts if h.name in expected and h.name not in cluster.nodes]
    return Standing(
        sick=(
            *(Ailment(Part.NODE, name, Cause.ABSENT, "no Node of that name") for name in absent),
            *(_node_ailment(node) for node in nodes if not node.ready),
            *_module_ailments(configuration, cluster),
        ),
        hints=(
            *(
                Ailment(Part.NODE, node.name, Cause.PRESSURE, text)
                for node in nodes
                for text in node.pressures
            ),
            *_records(configuration, cluster),
        ),
    )


def _records(configuration: Configuration, cluster: ClusterObserved) -> Iterator[Ailment]:
    """Records that cannot be read, and nodes that have none any more: neither is taken for nothing."""
    hosts = {host.name for host in configuration.hosts}
    for name, node in sorted(cluster.nodes.items()):
        if node.unreadable and hosts:
            yield _unread(Part.NODE, name, node.unreadable)
        elif node.former and hosts and name not in hosts:
            yield Ailment(Part.NODE, name, Cause.RECORD, _FORMER)
    for name, found in sorted(cluster.unreadable.items()):
        yield _unread(Part.MODULE, name, found)


def _unread(part: Part, name: str, found: Unreadable) -> Ailment:
    return Ailment(part, name, Cause.RECORD, f"{found.where}: {found.why}\nnext: {found.hint}")


def _node_ailment(node: NodeObserved) -> Ailment:
    cause = Cause.SILENT if node.silent else Cause.NOT_READY
    return Ailment(
        Part.NODE, node.name, cause, node.message or "its kubelet has said nothing yet", node.since
    )


def _module_ailments(configuration: Configuration, cluster: ClusterObserved) -> Iterator[Ailment]:
    for name, record in sorted(cluster.modules.items()):
        if owned(configuration, record):
            yield from cluster.sick.get(name, ())


def owned(configuration: Configuration, record: ModuleRecord) -> bool:
    """Whether a module is this ClusterConfiguration's; a record of an older release names nobody."""
    return record.owner in {"", configuration.name, f"{configuration.namespace}/{configuration.name}"}


#: Of a node that an earlier release made, and that no host item names.
_FORMER: Final = (
    "its record is an annotation of an earlier release, which is not believed: it is not removed\n"
    "next: name it in spec.hosts.items and apply; then it can be taken out"
)

#: What is said of hints.
_STATES: Final = {Cause.PRESSURE: "runs short", Cause.HOST: "needs a look", Cause.RECORD: "needs a look"}


def said(ailment: Ailment) -> str:
    """In a sentence; what pods say stands in further lines."""
    since = f" since {ailment.since}" if ailment.since else ""
    state = _STATES.get(ailment.cause, "is not well")
    return f"{ailment.part} {ailment.name} {state}{since}: {ailment.message}"


def standing_findings(standing: Standing) -> Iterable[Finding]:
    """For preflight: a site with something sick is not fit for whatever comes next."""
    for one in standing.sick:
        since = f"since {one.since}: " if one.since else ""
        if one.part is Part.NODE:
            path, hint = (
                f"host/{one.name}",
                "look at its kubelet and its container runtime, or repair the host",
            )
        else:
            path, hint = (
                f"module/{one.name}",
                "mend what its pods say; slipway plan shows whether an apply would",
            )
        yield Finding(path, f"{since}{one.message}", hint=hint, code=_code(one))
    for one in (one for one in standing.hints if one.cause is not Cause.HOST):  # which preflight itself finds
        yield Finding(f"host/{one.name}", one.message, code=_code(one), severity=WARNING)


def _code(ailment: Ailment) -> FindingCode:
    """`node-not-ready`: of preflight's findings, which have codes in this form."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", ailment.cause)
    return FindingCode(f"{ailment.part}-{words}".lower())

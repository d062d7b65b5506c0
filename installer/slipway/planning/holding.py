"""What cannot be done while hosts do not answer: their own steps, those that need them, and those that would risk more.

All else goes on. Nothing here decides what there is to do.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace

from slipway.model.codes import RefusalCode
from slipway.model.configuration import Configuration
from slipway.model.observed import Observed
from slipway.model.plan import REPLICA, Action, Hold, Step, StepKind
from slipway.planning.roles.kubernetes import CONTROL_PLANE

#: By kubeadm on every control plane's Node.
_LABEL = "node-role.kubernetes.io/control-plane"


def away(observed: Observed, host: str) -> bool:
    """Whether the host was asked and does not answer."""
    seen = observed.hosts.get(host)
    return seen is not None and seen.away


def missing_nodes(observed: Observed) -> list[str]:
    """Nodes of the cluster whose hosts do not answer: they are out of service already."""
    return [name for name in sorted(observed.cluster.nodes) if away(observed, name)]


def at_once(configuration: Configuration, observed: Observed) -> int:
    """Nodes that a rolling change may have in hand at a time: fewer while some are missing, but never none."""
    return max(configuration.spec.upgrade.max_unavailable - len(missing_nodes(observed)), 1)


def hold_back(configuration: Configuration, observed: Observed, steps: Iterable[Step]) -> tuple[Step, ...]:
    """The steps, needs first, with those marked that cannot be carried out now."""
    held: dict[str, Step] = {}
    marked = []
    steps = tuple(steps)
    planned = {step.id for step in steps}
    for step in steps:
        needs = tuple(need for need in step.needs if need not in held or _needed(held[need], step, observed))
        inherited = (held[need].hold for need in needs if need in held)
        hold = step.hold or own_hold(configuration, observed, step) or next(inherited, None)
        hold = hold or _silent(configuration, observed, step, planned)
        marked.append(replace(step, needs=needs, hold=hold))
        if hold:
            held[step.id] = marked[-1]
    return tuple(marked)


def _needed(need: Step, step: Step, observed: Observed) -> bool:
    """A control plane that only waits for new settings serves others as it is, and so does a replica that has all."""
    if need.kind is StepKind.MIRROR:
        return need.digest != observed.replica.bundle
    return need.target == step.target or not (need.action == CONTROL_PLANE.name and need.rolling)


def own_hold(configuration: Configuration, observed: Observed, step: Step) -> Hold | None:
    """What holds the step itself back, whatever becomes of those that it needs."""
    unknown = _unread(observed, step) or _another_machine(observed, step)
    if unknown:
        return unknown
    host = step.target if step.on_host else ""
    if step.kind is StepKind.MIRROR:
        host = _keeper(configuration, step)
    seen = observed.hosts.get(host)
    if seen and seen.away:
        return absent(host, seen.error, seen.hint, leaving=step.action == Action.REMOVE)
    if seen and seen.waited_for:
        return Hold(f"host {host} waits to be trusted", f"host/{host}", seen.error, seen.hint)
    restarts = step.action == CONTROL_PLANE.name and step.rolling
    takes_out = step.kind is StepKind.NODE and step.action in {Action.DRAIN, Action.REMOVE}
    risk = None
    if restarts or (takes_out and host in members(configuration, observed)):
        left = _left_before(configuration, observed, host) if step.action == Action.REMOVE else 0
        risk = _quorum(configuration, observed, left)
    return risk or (_too_few(configuration, observed) if step.action == Action.DRAIN else None)


def _unread(observed: Observed, step: Step) -> Hold | None:
    """By a record that cannot be read: nothing is done by what it does not say, and it is not written over."""
    found = None
    if step.kind is StepKind.NODE and step.target in observed.cluster.nodes:
        found = observed.cluster.nodes[step.target].unreadable
    elif step.kind is StepKind.MODULE:
        found = observed.cluster.unreadable.get(step.target)
    return Hold("its record cannot be read", found.where, found.why, found.hint) if found else None


def _another_machine(observed: Observed, step: Step) -> Hold | None:
    """By the machine that is reached where that of a leaving node is recorded: by its own word it is another one."""
    host, seen = step.target, observed.hosts.get(step.target)
    leaves = step.kind is StepKind.NODE and step.action == Action.REMOVE
    if not leaves or seen is None or not seen.reachable:
        return None
    ours = seen.cluster in {"", observed.site}
    name = seen.recorded or (seen.facts.hostname if seen.cluster or seen.kubernetes else "")
    if ours and name in {"", host}:
        return None
    why = (
        f"by its own record it is {name}" if ours else f"it belongs to another cluster (site {seen.cluster})"
    )
    gone = f"if {host} is gone for good: slipway host forget {host}"
    what = f"the machine at {step.inputs['address']} is not {host}"
    return Hold(what, f"host/{host}", why, f"see which machine has that address; {gone}")


def absent(host: str, why: str, hint: str, *, leaving: bool = False) -> Hold:
    """By a host that does not answer; `leaving`: the ClusterConfiguration does not name it any more."""
    forget = f"slipway host forget {host}"
    gone = forget if leaving else f"take it out of spec.hosts.items, then {forget}"
    back = f"once it answers: slipway apply; if it is gone for good: {gone}"
    return Hold(
        f"host {host} does not answer",
        f"host/{host}",
        why,
        f"{hint}; {back}" if hint else back,
    )


def _silent(
    configuration: Configuration, observed: Observed, step: Step, planned: Collection[str]
) -> Hold | None:
    """A registry of ours that was set up and does not answer; where it has a second host, the site lives on."""
    keeper = _keeper(configuration, step) if step.kind is StepKind.MIRROR else ""
    seen = observed.replica if step.target == REPLICA else observed.registry
    setting_up = f"{StepKind.HOST}/{keeper}/registry" in planned
    if (
        not keeper
        or not configuration.registry_replica
        or setting_up
        or seen.error_code is not RefusalCode.UNREACHABLE
    ):
        return None
    units = "systemctl status slipway-registry slipway-registry-push"
    return Hold(
        f"the registry on {keeper} does not answer",
        f"host/{keeper}",
        seen.error,
        f"look there: {units}; once it answers: slipway apply",
    )


def _keeper(configuration: Configuration, step: Step) -> str:
    """The host of the registry that is pushed to; empty where it is none of ours."""
    replica = step.target == REPLICA
    host = configuration.registry_replica if replica else configuration.registry_host
    return host.name if host else ""


def _too_few(configuration: Configuration, observed: Observed) -> Hold | None:
    """Capacity: nodes that are missing count as out of service."""
    missing, most = missing_nodes(observed), configuration.spec.upgrade.max_unavailable
    if len(missing) < most:
        return None
    return Hold(
        "no further node may be taken out of service",
        "spec.upgrade.maxUnavailable",
        f"it is {most}, and out of service already: {', '.join(missing)}",
        f"bring back {', '.join(missing)}, or raise it; then: slipway apply",
    )


def _left_before(configuration: Configuration, observed: Observed, host: str) -> int:
    """Control planes that have left when the turn of this one to leave has come."""
    leaving = members(configuration, observed) - {plane.name for plane in configuration.hosts}
    return sum(name < host and not away(observed, name) for name in leaving)


def _quorum(configuration: Configuration, observed: Observed, left: int) -> Hold | None:
    """A majority of etcd's members has to stay; `left` have gone from among them before."""
    planes = members(configuration, observed)
    missing = sorted(name for name in planes if away(observed, name))
    number, rest = len(planes) - left, len(planes) - len(missing) - left
    if not missing or rest - 1 > number // 2:
        return None
    return Hold(
        "no further control plane may be stopped, not even for a moment",
        "etcd",
        f"of its {number} members {rest} answer, and {number // 2 + 1} are needed; "
        f"missing: {', '.join(missing)}",
        f"bring back {', '.join(missing)}; then: slipway apply",
    )


def members(configuration: Configuration, observed: Observed) -> set[str]:
    """Members of etcd, those that are to leave included; an API that does not answer does not tell who is one."""
    nodes, known = observed.cluster.nodes, observed.cluster.reachable
    planes = {plane.name for plane in configuration.control_planes if not known or plane.name in nodes}
    return planes | {name for name, node in nodes.items() if _LABEL in node.labels or _serves(observed, name)}


def _serves(observed: Observed, name: str) -> bool:
    """Whether a node's machine was made a control plane, by its own records and by those of its Node."""
    seen = observed.hosts.get(name)
    own, copied = seen.records if seen else {}, observed.cluster.nodes[name].records
    return CONTROL_PLANE.name in {*own, *copied}

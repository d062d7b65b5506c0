"""Hosts whose pods a step would end: emptied first, one after the other, and let in again behind a health gate."""

from collections.abc import Iterator
from dataclasses import replace

from slipway.model.configuration import Configuration
from slipway.model.observed import NodeObserved, Observed
from slipway.model.plan import Action, Because, Change, Reason, Step, StepId, StepKind
from slipway.planning.digests import digest
from slipway.planning.holding import at_once, own_hold
from slipway.planning.roles.kubernetes import CONTROL_PLANE, WORKER

#: Steps that end no pod and wait for other hosts' of their kind, which may come later in the round.
MEMBERSHIP = (CONTROL_PLANE.name, WORKER.name)


def node_step_id(host: str, action: Action) -> str:
    """Id of a step of a Node."""
    return str(StepId(StepKind.NODE, host, action))


def with_drains(
    configuration: Configuration, observed: Observed, host_plan: tuple[Step, ...]
) -> tuple[Step, ...]:
    """The steps of hosts, those that are disruptive behind a drain of their node, and the steps of these nodes.

    `spec.upgrade.maxUnavailable` nodes are out of service at once, in the order of the ClusterConfiguration. A host
    that is no node yet has no pods. A node that an earlier operation drained and left so is let in again.
    """
    most = at_once(configuration, observed)
    steps: list[Step] = []
    out: list[str] = []
    for host in configuration.hosts:
        node = observed.cluster.nodes.get(host.name)
        mine = tuple(step for step in host_plan if step.target == host.name)
        disruptive = [step for step in mine if step.disruptive] if node else []
        if disruptive:
            mine = tuple(_after_drain(step) if step.disruptive else step for step in mine)
            waits = tuple(node_step_id(name, Action.UNCORDON) for name in out[-most : len(out) - most + 1])
            steps += _round(host.name, mine, waits)
            if not own_hold(configuration, observed, _drain(host.name, mine, ())):
                out.append(host.name)
        elif node and node.drained:
            steps += [*mine, _left_out(node, mine)]
        else:
            steps += mine
    return tuple(steps)


def _after_drain(step: Step) -> Step:
    return replace(step, needs=(*step.needs, node_step_id(step.target, Action.DRAIN)))


def _round(name: str, mine: tuple[Step, ...], waits: tuple[str, ...]) -> Iterator[Step]:
    drain = _drain(name, mine, waits)
    yield drain
    yield from mine
    needs = (drain.id, *(step.id for step in mine if step.action not in MEMBERSHIP))
    yield replace(_node_step(name, Action.UNCORDON, "it was drained for these steps", needs), rolling=True)


def _drain(name: str, mine: tuple[Step, ...], waits: tuple[str, ...]) -> Step:
    what = ", ".join(step.action for step in mine if step.disruptive)
    drain = _node_step(name, Action.DRAIN, f"its pods have to go elsewhere before {what}", waits)
    return replace(drain, disruptive=True, rolling=True)


def _left_out(node: NodeObserved, mine: tuple[Step, ...]) -> Step:
    step = _node_step(
        node.name, Action.UNCORDON, "", tuple(step.id for step in mine if step.action not in MEMBERSHIP)
    )
    reason = Reason(Because.INTENT, "an earlier operation drained it and did not let it in again")
    return replace(step, change=Change.CONTINUE, reasons=(reason,))


def _node_step(name: str, action: Action, why: str, needs: tuple[str, ...]) -> Step:
    inputs = {"name": name, "action": action}
    return Step(
        id=node_step_id(name, action),
        kind=StepKind.NODE,
        target=name,
        action=action,
        change=Change.UPDATE,
        digest=digest(inputs, {}),
        needs=needs,
        reasons=(Reason(Because.FOLLOWS, why),),
        inputs=inputs,
    )

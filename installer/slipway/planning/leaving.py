"""Nodes that leave: each drained, reset and deleted, within what may be out of service, control planes one by one."""

from collections.abc import Iterator
from dataclasses import replace

from slipway.model.configuration import Configuration
from slipway.model.observed import Observed
from slipway.model.plan import Action, Because, Change, Reason, Step, StepKind
from slipway.planning.digests import digest
from slipway.planning.holding import at_once, away, members
from slipway.planning.roles.kubernetes import CONTROL_PLANE


def removal_steps(
    configuration: Configuration, observed: Observed, host_plan: tuple[Step, ...]
) -> Iterator[Step]:
    """Nodes that Slipway made and that no host item names any more.

    They come after the rounds of nodes that stay: who is out of service there has to be back first. Control planes
    come after all others, one by one, and after those that join or restart: etcd changes by one member at a time, and
    only while nothing else happens to it. One that does not answer keeps no other waiting.
    """
    planes = members(configuration, observed)
    leaving = sorted(_leaving(configuration, observed), key=lambda name: (name in planes, name))
    most = at_once(configuration, observed)
    back = tuple(step.id for step in host_plan if _comes_back(observed, step))[-most:]
    joining = tuple(step.id for step in host_plan if step.action == CONTROL_PLANE.name)
    before: list[str] = []
    for name in leaving:
        step, earlier = _leave(observed, name), before[-most:]
        if name in planes:
            yield replace(step, needs=(*earlier, *back, *joining))
        else:
            yield replace(step, needs=(*(earlier[:1] if len(earlier) == most else ()), *back))
        if not away(observed, name):
            before.append(step.id)


def _comes_back(observed: Observed, step: Step) -> bool:
    return step.action == Action.UNCORDON and not away(observed, step.target)


def _leaving(configuration: Configuration, observed: Observed) -> Iterator[str]:
    names = {host.name for host in configuration.hosts}
    for name, node in observed.cluster.nodes.items():
        if configuration.hosts and name not in names and (node.records or node.unreadable):
            yield name


def _leave(observed: Observed, name: str) -> Step:
    address = observed.cluster.nodes[name].address
    inputs = {"name": name, "address": address}
    said = f"spec.hosts.items no longer has {name}"
    what = f"the machine at {address} is reset" if address else "it is not known where its machine is"
    return Step(
        id=f"{StepKind.NODE}/{name}/{Action.REMOVE}",
        kind=StepKind.NODE,
        target=name,
        action=Action.REMOVE,
        change=Change.REMOVE,
        digest=digest(inputs, observed.secrets),
        reasons=(Reason(Because.REMOVED, f"{said}; {what}", "spec.hosts.items"),),
        inputs=inputs,
        disruptive=True,
        destructive=True,
    )

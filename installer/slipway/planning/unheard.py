"""A cluster that is there and whose API does not answer: what it holds is not known, and is not taken for nothing.

Steps on hosts go on, since one of them may be what brings the API back. What is done through the API is held back,
unless a step on a control plane comes before it; so is what would end pods that nobody can drain.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from slipway.model.configuration import Configuration
from slipway.model.observed import Observed
from slipway.model.plan import Because, Change, Hold, Reason, Step, StepKind
from slipway.planning.holding import own_hold
from slipway.planning.roles.kubernetes import CONTROL_PLANE

_THROUGH_API: Final = frozenset(
    {StepKind.SETTINGS, StepKind.ADMISSION, StepKind.ENCRYPTION, StepKind.NODE, StepKind.MODULE}
)
#: What puts right, or brings to its end, what is there already.
_MENDING: Final = frozenset({Change.REPAIR, Change.CONTINUE})

_NOT_KNOWN: Final = Reason(Because.UNHEARD, "the Kubernetes API does not answer: what is done is not known")


def unheard(configuration: Configuration, observed: Observed) -> bool:
    """Whether a control plane's own record says that there is a cluster, and its API says nothing."""
    if observed.cluster.reachable:
        return False
    planes = (observed.hosts.get(plane.name) for plane in configuration.control_planes)
    return any(seen and CONTROL_PLANE.name in seen.records for seen in planes)


def as_unheard(configuration: Configuration, observed: Observed, steps: Iterable[Step]) -> Iterator[Step]:
    """The steps; of a cluster that is unheard, with what is true of them, and what holds them back."""
    steps = tuple(steps)
    if not unheard(configuration, observed):
        yield from steps
        return
    planes = {plane.name for plane in configuration.control_planes}
    on_planes = (step for step in steps if step.kind is StepKind.HOST and step.target in planes)
    mending = tuple(step.id for step in on_planes if not own_hold(configuration, observed, step))
    hold = _hold(planes, observed)
    for step in steps:
        if step.kind in _THROUGH_API:
            needs = tuple(dict.fromkeys((*step.needs, *mending)))
            told = replace(step, change=Change.UPDATE, reasons=(_NOT_KNOWN,), needs=needs)
            yield told if mending else replace(told, hold=hold)
        elif step.disruptive and not (step.target in planes and step.change in _MENDING):
            yield replace(step, hold=hold)
        else:
            yield step


def _hold(planes: Iterable[str], observed: Observed) -> Hold:
    names = ", ".join(sorted(planes))
    return Hold(
        "the Kubernetes API does not answer",
        "kubernetes",
        observed.cluster.error,
        f"look at kubelet and kube-apiserver on {names}; once it answers: slipway apply",
    )

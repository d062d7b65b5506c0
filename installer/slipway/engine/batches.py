"""Which steps go together: as few Ansible runs as the needs allow. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from slipway.model.plan import Plan, Step, StepKind
from slipway.planning.roles.kubernetes import CONTROL_PLANE

#: Kinds whose steps share one playbook run, which itself respects needs inside it.
GROUPED = (StepKind.HOST, StepKind.MODULE)


#: Modules of one run: each is a process that waits for those it requires, so beyond this a second run is cheaper.
LIMITS = {StepKind.MODULE: 32}


class StepState(StrEnum):
    """Where a step stands in a running operation."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    BLOCKED = "blocked"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Batch:
    """Steps of one kind that are started together."""

    kind: StepKind
    steps: tuple[Step, ...]


def next_batches(
    plan: Plan, states: Mapping[str, StepState], busy: Collection[StepKind], silent: Collection[str] = ()
) -> list[Batch]:
    """What can start now. A grouped kind runs one batch at a time; `busy` names those that are running.

    Hosts that are `silent` come in a batch of their own, once there is nothing else: Ansible ends a whole run when a
    play has lost all its hosts.
    """
    batches = []
    for kind in GROUPED:
        if kind not in busy:
            steps = _closure(plan, states, kind, silent) or _closure(plan, states, kind)
            if steps:
                batches.append(Batch(kind, steps))
    batches += [
        Batch(step.kind, (step,))
        for step in plan.steps
        if step.kind not in GROUPED and _ready(step, states, frozenset())
    ]
    return batches


def newly_blocked(
    plan: Plan, states: Mapping[str, StepState], undecided: Collection[str] = ()
) -> list[tuple[Step, str]]:
    """Pending steps that can no longer run, each with the need that failed.

    `undecided` steps may have failed, but can still be tried again: they block nobody yet.
    """
    lost = {StepState.FAILED, StepState.BLOCKED}
    blocked: dict[str, tuple[Step, str]] = {}
    for step in plan.steps:  # in order of needs, so one pass reaches dependents of dependents
        if states[step.id] is not StepState.PENDING:
            continue
        culprit = next(
            (n for n in step.needs if (states[n] in lost and n not in undecided) or n in blocked), None
        )
        if culprit:
            blocked[step.id] = (step, culprit)
    return list(blocked.values())


def _closure(
    plan: Plan, states: Mapping[str, StepState], kind: StepKind, without: Collection[str] = ()
) -> tuple[Step, ...]:
    """Ready steps of the kind, and those that wait only for others in the same batch."""
    chosen: dict[str, Step] = {}
    for step in plan.steps:
        together = {name for name, other in chosen.items() if not _apart(step, other)}
        if step.kind is kind and step.target not in without and _ready(step, states, together):
            chosen[step.id] = step
    return tuple(chosen.values())[: LIMITS.get(kind)]


def _apart(step: Step, other: Step) -> bool:
    """Whether a step of another host has to have succeeded before the run of this one begins.

    One run does all hosts side by side; only control planes it takes one by one.
    """
    return step.rolling and other.target != step.target and other.action == step.action != CONTROL_PLANE.name


def _ready(step: Step, states: Mapping[str, StepState], together: Collection[str]) -> bool:
    if states[step.id] is not StepState.PENDING:
        return False
    return all(states[need] is StepState.SUCCEEDED or need in together for need in step.needs)

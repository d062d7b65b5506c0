"""The lists `hosts` and `modules` of a status: a line per target, from probe, plan and what the run did."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from slipway.digests import digest_of
from slipway.harmless import shortened
from slipway.model.configuration import Configuration
from slipway.model.observed import ClusterObserved, NodeObserved, Observed
from slipway.model.operation import Outcome, StepResult, failure_text
from slipway.model.plan import Action, Plan, Step, StepKind
from slipway.model.record import ModulePhase, ModuleRecord, StepRecord
from slipway.model.standing import Ailment, Part, Standing
from slipway.model.status import TargetPhase
from slipway.planning.standing import owned

#: Characters of one target's message: a failed pod's own words fit, a log does not.
TARGET_MESSAGE_LIMIT = 512

#: Phases that say what is seen now, whatever was done or is to be done.
SICK: Final = frozenset({TargetPhase.UNHEALTHY, TargetPhase.NOT_READY})
WELL: Final = frozenset({TargetPhase.READY, TargetPhase.HEALTHY})

TargetStatus = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Course:
    """Where each step of a plan stands."""

    plan: Plan
    done: Mapping[str, StepResult] = field(default_factory=dict)
    running: frozenset[str] = frozenset()
    says: Mapping[str, str] = field(default_factory=dict)
    """What steps wait for, in the words of what holds them up."""

    def waiting(self, steps: Iterable[Step]) -> str:
        """What these wait for; else why they are done."""
        return "; ".join(self.says[step.id] for step in steps if step.id in self.says) or _reasons(steps)

    def of(self, kinds: Iterable[StepKind], target: str = "") -> "Share":
        """The steps of these kinds (and of that target), by how far they are."""
        kinds = frozenset(kinds)
        mine = [step for step in self.plan.steps if step.kind in kinds and target in {"", step.target}]
        return Share(
            failed=tuple(self.done[step.id] for step in mine if self._unsuccessful(step)),
            running=tuple(step for step in mine if step.id in self.running),
            pending=tuple(step for step in mine if step.id not in self.done and step.id not in self.running),
        )

    def _unsuccessful(self, step: Step) -> bool:
        result = self.done.get(step.id)
        return result is not None and result.outcome is not Outcome.SUCCEEDED


@dataclass(frozen=True, slots=True)
class Share:
    """Steps of one target that did not succeed, that run, that wait."""

    failed: tuple[StepResult, ...]
    running: tuple[Step, ...]
    pending: tuple[Step, ...]

    @property
    def clear(self) -> bool:
        """Nothing left to do or to worry about."""
        return not (self.failed or self.running or self.pending)


def host_statuses(
    configuration: Configuration, observed: Observed, course: Course, previous: Mapping[str, Any], now: str
) -> list[TargetStatus]:
    """One entry per host, those that leave included."""
    leaving = [
        step.target
        for step in course.plan.steps
        if step.kind is StepKind.NODE and step.action == Action.REMOVE and step.id not in course.done
    ]
    names = dict.fromkeys([host.name for host in configuration.hosts] + leaving)
    entries = [_host(name, observed, course, leaving=name in leaving) for name in names]
    return _with_times(entries, previous.get("hosts") or (), now)


def _host(name: str, observed: Observed, course: Course, *, leaving: bool) -> TargetStatus:
    share = course.of({StepKind.HOST, StepKind.NODE}, name)
    node = observed.cluster.nodes.get(name)
    phase, message = _host_phase(name, observed, share, leaving=leaving)
    entry = _entry(
        name, phase, node.version if node else "", _records_digest(node.records if node else {}), message
    )
    return entry | _since(node.since if node and phase is TargetPhase.NOT_READY else "")


def _host_phase(name: str, observed: Observed, share: Share, *, leaving: bool) -> tuple[TargetPhase, str]:
    host = observed.hosts.get(name)
    if host and host.waited_for:
        return TargetPhase.UNREACHABLE, f"{host.error_code}: {host.error}"
    if share.failed:
        return _worst(share.failed)
    if share.running:
        return TargetPhase.REMOVING if leaving else TargetPhase.APPLYING, ", ".join(
            step.action for step in share.running
        )
    if host and not host.reachable:
        return TargetPhase.UNREACHABLE, f"{host.error_code}: {host.error}"
    if share.pending:
        return TargetPhase.REMOVING if leaving else TargetPhase.PENDING, _reasons(share.pending)
    return _node_phase(observed.cluster, observed.cluster.nodes.get(name))


def _node_phase(cluster: ClusterObserved, node: NodeObserved | None) -> tuple[TargetPhase, str]:
    if not cluster.reachable:
        return TargetPhase.UNKNOWN, cluster.error or "the Kubernetes API does not answer"
    if node is None:
        return TargetPhase.PENDING, "no Node of that name yet"
    return (
        (TargetPhase.READY, "; ".join(node.pressures))
        if node.ready
        else (TargetPhase.NOT_READY, node.message)
    )


def module_statuses(
    configuration: Configuration,
    observed: Observed,
    course: Course,
    standing: Standing,
    previous: Mapping[str, Any],
    now: str,
) -> list[TargetStatus]:
    """One entry per module that this ClusterConfiguration has, or is about to have."""
    records = observed.cluster.modules.items()
    recorded = {name: record for name, record in records if owned(configuration, record)}
    open_steps = [
        step.target
        for step in course.plan.steps
        if step.kind is StepKind.MODULE and not _removed(course, step)
    ]
    entries = [
        _module(name, observed, course, standing.of(Part.MODULE, name))
        for name in sorted({*recorded, *open_steps})
    ]
    return _with_times(entries, previous.get("modules") or (), now)


def _module(name: str, observed: Observed, course: Course, ailments: tuple[Ailment, ...]) -> TargetStatus:
    record = observed.cluster.modules.get(name)
    phase, message = _module_phase(name, observed, course, ailments)
    entry = _entry(name, phase, record.version if record else "", record.digest if record else "", message)
    since = min((one.since for one in ailments if one.since), default="")
    return entry | _since(since if phase is TargetPhase.UNHEALTHY else "")


def seen_or_said(seen: list[TargetStatus], said: Iterable[Mapping[str, Any]]) -> list[TargetStatus]:
    """What is seen of each target, but what was said last where that tells of work (Failed, Blocked, Pending)."""
    before = {item["name"]: dict(item) for item in said}

    def chosen(entry: TargetStatus) -> TargetStatus:
        old = before.get(entry["name"], entry)
        return entry if entry["phase"] in SICK or old["phase"] in SICK | WELL else old

    return [chosen(entry) for entry in seen]


def _since(time: str) -> TargetStatus:
    return {"lastTransitionTime": time} if time else {}


def _module_phase(
    name: str, observed: Observed, course: Course, ailments: tuple[Ailment, ...]
) -> tuple[TargetPhase, str]:
    share = course.of({StepKind.MODULE}, name)
    if share.failed:
        return _worst(share.failed)
    if share.running:
        return _going(share.running), course.waiting(share.running)
    if share.pending:
        return TargetPhase.PENDING, course.waiting(share.pending)
    return _recorded_phase(observed.cluster, observed.cluster.modules.get(name), ailments)


def _recorded_phase(
    cluster: ClusterObserved, record: ModuleRecord | None, ailments: tuple[Ailment, ...]
) -> tuple[TargetPhase, str]:
    """Of a module with nothing to do: what is sick of it, what drifted, or what its record says."""
    if record is None:
        return TargetPhase.HEALTHY, ""
    if ailments:
        return TargetPhase.UNHEALTHY, "; ".join(one.message for one in ailments)
    if record.phase is ModulePhase.HEALTHY and cluster.drift.get(record.name):
        return TargetPhase.DRIFTED, "; ".join(
            f"{drift.what}: {drift.found}" for drift in cluster.drift[record.name]
        )
    return TargetPhase(record.phase), record.message


def _removed(course: Course, step: Step) -> bool:
    result = course.done.get(step.id)
    return result is not None and result.outcome is Outcome.SUCCEEDED and step.action == Action.REMOVE


def _going(steps: tuple[Step, ...]) -> TargetPhase:
    return (
        TargetPhase.REMOVING if any(step.action == Action.REMOVE for step in steps) else TargetPhase.APPLYING
    )


def _worst(results: tuple[StepResult, ...]) -> tuple[TargetPhase, str]:
    """A failure before what it blocked, and either before what was stopped."""
    order = (Outcome.FAILED, Outcome.BLOCKED, Outcome.CANCELLED, Outcome.SUPERSEDED)
    result = min(results, key=lambda item: order.index(item.outcome))
    phase = {Outcome.FAILED: TargetPhase.FAILED, Outcome.BLOCKED: TargetPhase.BLOCKED}.get(
        result.outcome, TargetPhase.PENDING
    )
    return phase, failure_text(result)


def _reasons(steps: Iterable[Step]) -> str:
    texts = dict.fromkeys(reason.text for step in steps for reason in step.reasons)
    return "; ".join(texts)


def _records_digest(records: Mapping[str, StepRecord]) -> str:
    if not records:
        return ""
    text = "\n".join(f"{role} {record.digest}" for role, record in sorted(records.items()))
    return digest_of(text)


def _entry(name: str, phase: TargetPhase, version: str, digest: str, message: str) -> TargetStatus:
    entry = {"name": name, "phase": phase, "version": version, "digest": digest}
    return entry | {"message": shortened(message, TARGET_MESSAGE_LIMIT)}


def _with_times(
    entries: list[TargetStatus], previous: Iterable[Mapping[str, Any]], now: str
) -> list[TargetStatus]:
    before = {item["name"]: item for item in previous}
    for entry in entries:
        old = before.get(entry["name"], {})
        same = old.get("phase") == entry["phase"]
        entry.setdefault("lastTransitionTime", old.get("lastTransitionTime", now) if same else now)
    return entries

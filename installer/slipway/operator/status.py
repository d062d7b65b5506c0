"""What a ClusterConfiguration's status says. Pure: the same input gives the same status, times included.

`refused` is for a ClusterConfiguration that is not accepted, `stopped` for a failure outside of any step, and
`status_of` for every other moment: nothing to do, waiting for approval, running, ended.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from slipway.engine.chronicle.course import Running
from slipway.engine.chronicle.forms import counted_steps
from slipway.errors import ConflictError, PreflightError, SlipwayError
from slipway.model.configuration import Configuration
from slipway.model.observed import ClusterObserved, LiveConfiguration, Observed, Scope
from slipway.model.operation import OperationResult, Outcome, failure_text
from slipway.model.operation import held as was_held
from slipway.model.plan import Hold, Plan
from slipway.model.standing import Standing
from slipway.model.status import ConditionType, Phase, ReadyReason
from slipway.operator import conditions as c
from slipway.operator import targets
from slipway.operator.readiness import (
    PLANES_NOT_READY,
    SERVING,
    hosts_ready,
    images_mirrored,
    kubernetes_ready,
    modules_ready,
)
from slipway.operator.targets import Course
from slipway.planning.standing import said, standing_of

#: A look makes no plan.
NO_PLAN: Final = Plan("", 0, "", "", "")

#: Steps listed in the message of a plan that waits for approval; the rest is counted.
SUMMARY_STEPS: Final = 20


def refused_status(
    live: LiveConfiguration, error: SlipwayError, *, now: str, reason: str = "Invalid"
) -> dict[str, Any]:
    """Not accepted: the findings are shown, all that is known of the cluster stays as it was."""
    message = str(error)
    news = [
        c.condition(ConditionType.ACCEPTED, False, reason, message),
        c.condition(ConditionType.READY, False, "NotAccepted", error.what),
        c.condition(ConditionType.RECONCILING, False, "NotAccepted"),
        c.condition(ConditionType.STALLED, True, "NotAccepted", error.what),
    ]
    return _with(live.status, live.generation, Phase.REFUSED, news, now)


def stopped_status(live: LiveConfiguration, error: SlipwayError, *, now: str) -> dict[str, Any]:
    """An accepted one that could not be read, or whose operation could not begin."""
    reason = stop_reason(error)
    retrying = error.retryable or isinstance(error, ConflictError)
    news = [
        c.condition(ConditionType.ACCEPTED, True, "Valid"),
        *_three(False, reason, str(error), reconciling=retrying, stalled=not retrying),
    ]
    return _with(live.status, live.generation, Phase.PENDING if retrying else Phase.FAILED, news, now)


def stop_reason(error: SlipwayError) -> str:
    """Why it stopped, in the one word that conditions and Events have."""
    reasons = {PreflightError: ReadyReason.NOT_FIT, ConflictError: "Locked"}
    return next((word for kind, word in reasons.items() if isinstance(error, kind)), type(error).__name__)


def status_of(
    configuration: Configuration,
    plan: Plan,
    observed: Observed,
    *,
    previous: Mapping[str, Any],
    now: str,
    result: OperationResult | None = None,
    running: Running | None = None,
    more: bool = False,
) -> dict[str, Any]:
    """The status of an accepted ClusterConfiguration.

    `plan` is what is (or was) to do; with neither `running` nor `result`, it waits for approval if it has
    steps. At the end of an operation both are given, and whether another one follows at once (`more`).
    """
    done = {step.step: step for step in result.steps} if result else running.done if running else {}
    now_running = running if running and not result else None
    course = Course(plan, done, now_running.steps, now_running.says) if now_running else Course(plan, done)
    hosts = targets.host_statuses(configuration, observed, course, previous, now)
    standing = standing_of(configuration, observed.cluster, expected=())
    modules = targets.module_statuses(configuration, observed, course, standing, previous, now)
    parts = [
        c.condition(ConditionType.ACCEPTED, True, "Valid"),
        hosts_ready(hosts),
        images_mirrored(observed, course, previous),
        kubernetes_ready(configuration, observed, course, hosts),
        modules_ready(modules),
    ]
    phase, whole = _following(plan) if more else _whole(plan, result, running, parts, standing)
    status = _with(previous, configuration.generation, phase, whole + parts, now)
    return status | {
        "version": observed.cluster.version or previous.get("version", ""),
        "hosts": hosts,
        "modules": modules,
        "operation": _operation(plan, result, running, previous, waiting=phase is Phase.AWAITING_APPROVAL),
    }


def status_after_look(
    configuration: Configuration, cluster: ClusterObserved, *, previous: Mapping[str, Any], now: str
) -> dict[str, Any]:
    """What is sick now, and all else as it was said last: no plan was made, so nothing is known of one."""
    observed, course = Observed(Scope.RECORDS, now, cluster=cluster), Course(NO_PLAN)
    standing = standing_of(configuration, cluster, expected={host.name for host in configuration.hosts})
    hosts = targets.host_statuses(configuration, observed, course, previous, now)
    hosts = targets.seen_or_said(hosts, previous.get("hosts") or ())
    modules = targets.module_statuses(configuration, observed, course, standing, previous, now)
    modules = targets.seen_or_said(modules, previous.get("modules") or ())
    parts = [hosts_ready(hosts), modules_ready(modules)]
    if c.find(previous, ConditionType.KUBERNETES_READY).get("reason") in {SERVING, PLANES_NOT_READY}:
        parts.append(kubernetes_ready(configuration, observed, course, hosts))
    phase = str(previous.get("phase", ""))
    if c.find(previous, ConditionType.READY).get("reason") in {ReadyReason.UP_TO_DATE, ReadyReason.DEGRADED}:
        phase, whole = _well_or_not(parts, standing)
        parts = whole + parts
    generation = int(previous.get("observedGeneration", configuration.generation))
    return _with(previous, generation, phase, parts, now) | {"hosts": hosts, "modules": modules}


def _following(plan: Plan) -> tuple[Phase, list[c.Condition]]:
    """Between two operations of one edit."""
    return Phase.PENDING, _three(False, "Continues", plan.sequel or "there is more to do", reconciling=True)


def _whole(
    plan: Plan,
    result: OperationResult | None,
    running: Running | None,
    parts: list[c.Condition],
    standing: Standing,
) -> tuple[Phase, list[c.Condition]]:
    """Phase, and the three conditions that every tool understands."""
    if result is not None and result.outcome is not Outcome.SUCCEEDED:
        return _ended_badly(plan, result)
    if result is None and running is not None:
        return _under_way(running)
    if result is None and plan.held:
        return Phase.DEGRADED, _three(False, ReadyReason.HELD, held_text(plan))
    if result is None and not plan.empty:
        message = plan_summary(plan)
        return Phase.AWAITING_APPROVAL, _three(False, ReadyReason.AWAITING_APPROVAL, message)
    return _well_or_not(parts, standing)


def _well_or_not(parts: list[c.Condition], standing: Standing) -> tuple[Phase, list[c.Condition]]:
    """Phase and conditions of what has nothing to do."""
    worries = [part for part in parts if part["status"] == "False"]
    if worries:
        lines = ["; ".join(f"{part['type']}: {part['message']}" for part in worries)]
        lines += map(said, standing.sick)
        return Phase.DEGRADED, _three(False, ReadyReason.DEGRADED, "\n".join(lines))
    return Phase.READY, _three(True, ReadyReason.UP_TO_DATE, "the cluster follows this ClusterConfiguration")


def _under_way(running: Running) -> tuple[Phase, list[c.Condition]]:
    if running.locked:
        return Phase.APPLYING, _three(False, "Applying", f"operation {running.operation}", reconciling=True)
    return Phase.PENDING, _three(False, "Waiting", running.waits or "it is about to begin", reconciling=True)


def _three(
    ready: bool, reason: str, message: str, *, reconciling: bool = False, stalled: bool = False
) -> list[c.Condition]:
    return [
        c.condition(ConditionType.READY, ready, reason, message),
        c.condition(ConditionType.RECONCILING, reconciling, reason, message if reconciling else ""),
        c.condition(ConditionType.STALLED, stalled, reason, message if stalled else ""),
    ]


def _ended_badly(plan: Plan, result: OperationResult) -> tuple[Phase, list[c.Condition]]:
    if result.outcome is Outcome.CANCELLED:
        return Phase.CANCELLED, _three(False, "Cancelled", f"operation {result.operation} was cancelled")
    if result.outcome is Outcome.SUPERSEDED:
        return Phase.PENDING, _three(False, "Superseded", "an edit came, and is looked at", reconciling=True)
    if result.outcome is Outcome.BLOCKED:
        return Phase.DEGRADED, _three(False, ReadyReason.HELD, held_text(plan, result))
    failed = [step for step in result.steps if step.outcome is Outcome.FAILED]
    message = "\n".join(failure_text(step) for step in failed) or f"operation {result.operation} failed"
    return Phase.FAILED, _three(False, "OperationFailed", message, stalled=True)


def held_text(plan: Plan, result: OperationResult | None = None) -> str:
    """What holds steps back, a line each: as an operation found it, or as the plan has it."""
    failures = (step.failure for step in result.steps if was_held(step)) if result else ()
    found = Counter(Hold(f.what, f.where, f.why, f.hint) for f in failures if f) if result else plan.holds
    return "\n".join(
        f"{hold.what} ({hold.why}): {count} step{'s' * (count != 1)} held back; next: {hold.hint}"
        for hold, count in found.items()
    )


def plan_summary(plan: Plan) -> str:
    """A plan in lines for people: those that need a yes first, and how to give it."""
    urgent = [step for step in plan.steps if step.disruptive or step.destructive]
    rest = [step for step in plan.steps if step not in urgent]
    lines = [
        f"plan {plan.digest} needs approval: {counted_steps(len(plan.steps))}, {len(urgent)} of them disruptive"
    ]
    for step in (urgent + rest)[:SUMMARY_STEPS]:
        mark = "destructive " if step.destructive else "disruptive " if step.disruptive else ""
        why = "; ".join([*(reason.text for reason in step.reasons), *([str(step.back)] if step.back else [])])
        lines.append(f"- {mark}{step.change} {step.id}: {why}")
    more = len(plan.steps) - SUMMARY_STEPS
    return "\n".join(lines + ([f"- and {more} more"] if more > 0 else []))


def _operation(
    plan: Plan,
    result: OperationResult | None,
    running: Running | None,
    previous: Mapping[str, Any],
    *,
    waiting: bool,
) -> dict[str, Any]:
    """The operation that runs, the last one, or the plan that waits for approval (then without id)."""
    before = dict(previous.get("operation") or {})
    facts = {"catalog": plan.catalog, "plan": plan.digest}
    started = {"started": running.started} if running else {}
    if result is not None:
        good = sum(step.outcome is Outcome.SUCCEEDED for step in result.steps)
        share = 100 if result.outcome is Outcome.SUCCEEDED else percent(good, len(plan.steps))
        ended = {"id": result.operation, "step": "", "percent": share, "outcome": result.outcome.value}
        return facts | started | ended
    if running is not None and not running.locked:
        return before  # it may still give way: then it was none
    if running is not None:
        return (
            facts
            | started
            | {
                "id": running.operation,
                "step": ", ".join(sorted(running.steps)[:5]),
                "percent": percent(len(running.done), running.planned(plan)),
            }
        )
    if waiting:
        return facts | {"step": "", "percent": 0}
    if not before.get("id") or before.get("outcome"):
        return before
    return before | {"step": "", "outcome": "interrupted"}


def percent(done: int, planned: int) -> int:
    """Whole percent, never 100 before the end."""
    return min(99, done * 100 // planned) if planned else 0


def _with(
    previous: Mapping[str, Any], generation: int, phase: str, news: list[c.Condition], now: str
) -> dict[str, Any]:
    """`previous` with the new phase and conditions."""
    merged = c.merged_conditions(previous.get("conditions") or (), news, generation=generation, now=now)
    return dict(previous) | {"observedGeneration": generation, "phase": phase, "conditions": merged}

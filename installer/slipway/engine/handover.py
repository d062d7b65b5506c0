"""Where an operator runs, a change is handed to it: the ClusterConfiguration is put into the cluster, and followed.

It is ours to carry out when the operator could not: another catalog, a bundle to push, a plan that needs consent here.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from slipway.engine.context import Context
from slipway.engine.settling import put_settings
from slipway.errors import StepError
from slipway.model.observed import LiveConfiguration, Observed
from slipway.model.operation import (
    Counts,
    Failure,
    OperationResult,
    Outcome,
    Progress,
    ProgressKind,
    StepResult,
)
from slipway.model.plan import Action, Plan, StepId, StepKind
from slipway.model.status import ConditionType, OperationPhase, ReadyReason
from slipway.settings import API_GROUP, API_VERSION, NAMESPACE

if TYPE_CHECKING:
    from slipway.cluster.rest.client import Client

#: Seconds without any news after which the operator is taken for dead.
SILENCE = 120.0
#: Seconds without any sign that it saw the change after which an operator counts as gone: with its node, for one.
TAKE_UP = 20.0
#: Seconds between two looks; an operator writes its status at most this often.
LOOK = 0.25
#: Seconds between two questions what the operation's steps wait for.
LISTEN = 2.0

#: The step after which nobody is there to say how it ended.
ITS_END = StepId(StepKind.MODULE, "operator", Action.REMOVE)

CANCEL = f"{API_GROUP}/cancel"


def can_hand_over(context: Context, observed: Observed, plan: Plan) -> bool:
    """Whether the operator that runs can do all of this plan."""
    kinds = {step.kind for step in plan.steps}
    return (
        observed.cluster.operator_catalog == context.catalog.core
        and StepKind.SETTINGS in kinds
        and StepKind.MIRROR not in kinds
        and not plan.needs_approval
        and not context.allow_older
        and str(ITS_END) not in {step.id for step in plan.steps}
    )


def hand_over(
    context: Context, plan: Plan, *, progress: Callable[[Progress], None], cancelled: Callable[[], bool]
) -> OperationResult | None:
    """Apply the ClusterConfiguration and return what its operation came to.

    None: the plan is to be carried out from here, since nothing of it is an edit that an operator would see (a new
    secret is none), or since no operator takes it up.

    Raises:
        ConflictError: fields that somebody else set otherwise.
        StepError: the operator gives no sign of life.
    """
    from slipway.cluster.own.configurations import Configurations

    started = time.monotonic()
    step = next(step for step in plan.steps if step.kind is StepKind.SETTINGS)
    key = (context.configuration.namespace, context.configuration.name)
    client = context.client()
    store = Configurations(client)
    before = store.get(key)
    put_settings(context, step)
    follower = _Follower(progress, former=_ended_operation(before))
    live = store.get(key)
    generation = live.generation if live else 0
    if before and before.generation == generation:
        return None
    while live is None or not follower.see(live, generation):
        if follower.ignored():
            progress(
                Progress(
                    ProgressKind.NOTE, "", time.time(), text="no operator takes it up: carried out from here"
                )
            )
            return None
        if cancelled() and follower.operation:
            follower.cancel(client, key)
        if follower.silent():
            raise StepError(
                "the operator does not take the change up",
                where=f"clusterconfiguration/{key[1]}",
                why=f"no news for {SILENCE:.0f} s",
                hint=f"kubectl -n {NAMESPACE} logs deploy/slipway-operator",
            )
        time.sleep(LOOK)
        try:
            live = store.get(key)
            if follower.operation and follower.is_curious():
                follower.hear(client.get(API_VERSION, "Operation", follower.operation, key[0]) or {})
        except StepError:  # an API server that is being changed is away, then forbids all, for a while
            continue
    return _result(context, plan, follower, live, time.monotonic() - started)


def cancel_in_cluster(context: Context) -> str:
    """Ask the operator to end the operation it runs; its id, empty when none runs."""
    from slipway.cluster.own.configurations import Configurations

    key = (context.configuration.namespace, context.configuration.name)
    client = context.client()
    live = Configurations(client).get(key)
    told = (live.status.get("operation") or {}) if live else {}
    if not told.get("id") or told.get("outcome"):
        return ""
    _ask_to_cancel(client, key, told["id"])
    return str(told["id"])


def _ask_to_cancel(client: "Client", key: tuple[str, str], operation: str) -> None:
    patch = {"metadata": {"annotations": {CANCEL: operation}}}
    client.merge(API_VERSION, "ClusterConfiguration", key[1], patch, key[0])


@dataclass(slots=True)
class _Follower:
    """Turns what the status says into progress."""

    progress: Callable[[Progress], None]
    operation: str = ""
    former: str = ""
    """The operation that had ended before the change: the status tells of it until the next one begins."""
    _steps: set[str] = field(default_factory=set)
    _begun: float = field(default_factory=time.monotonic)
    _news: float = field(default_factory=time.monotonic)
    _last: Any = None
    _heard: bool = False
    _asked: bool = False
    _said: dict[str, str] = field(default_factory=dict)
    _heard_at: float = 0.0

    def see(self, live: LiveConfiguration, generation: int) -> bool:
        """Take in one reading; whether the operator is done with our generation."""
        status = live.status
        current = status.get("observedGeneration", 0) >= generation
        if status != self._last:
            self._heard = current or self._last is not None
            self._last, self._news = status, time.monotonic()
        running = status.get("operation") or {}
        if current and running.get("id", "") not in {"", self.former}:
            self.operation = running["id"]
            if running.get("step") and running["step"] not in self._steps:
                self._steps.add(running["step"])
                self.progress(
                    Progress(ProgressKind.STEP_STARTED, self.operation, time.time(), running["step"])
                )
        return current and _condition(live, ConditionType.RECONCILING) == "False"

    def is_curious(self) -> bool:
        """Whether it is time to ask the Operation what its steps wait for."""
        return time.monotonic() - self._heard_at >= LISTEN

    def hear(self, operation: Mapping[str, Any]) -> None:
        """Take in what an Operation says its steps wait for; told when it is something else than before."""
        self._heard_at = time.monotonic()
        waiting = (operation.get("status") or {}).get("waiting") or ()
        says = {str(item["step"]): str(item.get("message", "")) for item in waiting}
        before, self._said = self._said, says
        for step, text in {**dict.fromkeys(before, ""), **says}.items():
            if before.get(step) != text:
                target = StepId.parse(step).target
                self.progress(Progress(ProgressKind.WAITS, self.operation, time.time(), step, target, text))

    def ignored(self) -> bool:
        """Whether nobody has looked at the change."""
        return not self._heard and time.monotonic() - self._begun > TAKE_UP

    def silent(self) -> bool:
        """Whether there was no news for too long."""
        return time.monotonic() - self._news > SILENCE

    def cancel(self, client: "Client", key: tuple[str, str]) -> None:
        """Ask the operator, once, to end its operation."""
        if not self._asked:
            self._asked = True
            _ask_to_cancel(client, key, self.operation)


def _ended_operation(live: LiveConfiguration | None) -> str:
    told = (live.status.get("operation") or {}) if live else {}
    return str(told.get("id", "")) if told.get("outcome") else ""


def _condition(live: LiveConfiguration, kind: ConditionType, field: str = "status") -> str:
    conditions = live.status.get("conditions") or ()
    return next((str(c.get(field, "")) for c in conditions if c["type"] == kind), "Unknown")


def _result(
    context: Context, plan: Plan, follower: _Follower, live: LiveConfiguration, seconds: float
) -> OperationResult:
    """What the Operation object says; without one, the plan and the conditions."""
    found = {}
    if follower.operation:
        client = context.client()
        found = client.get(API_VERSION, "Operation", follower.operation, live.namespace) or {}
    status = found.get("status") or {}
    steps = tuple(_step(item) for item in status.get("steps") or ())
    counts = status.get("counts") or {}
    if follower.operation:
        outcome = outcome_of_operation(
            status.get("phase", ""), steps, ready=_condition(live, ConditionType.READY) == "True"
        )
    else:
        put = (StepResult(s.id, Outcome.SUCCEEDED) for s in plan.steps if s.kind is StepKind.SETTINGS)
        steps = (*put, *steps_held_back(plan))
        outcome = outcome_without_operation(_condition(live, ConditionType.READY, "reason"), steps)
    if unexplained(outcome, steps):
        text = _condition(live, ConditionType.READY, "message")
        steps = (*steps, StepResult("operator", Outcome.FAILED, failure=Failure(text, live.name)))
    return OperationResult(
        operation=follower.operation,
        plan=plan.digest,
        outcome=outcome,
        steps=steps,
        counts=Counts(
            planned=counts.get("planned", len(steps)),
            ansible_runs=counts.get("ansibleRuns", 0),
            helm_calls=counts.get("helmCalls", 0),
            images_copied=counts.get("imagesCopied", 0),
            api_writes=counts.get("apiWrites", 0),
        ),
        seconds=seconds,
    )


def unexplained(outcome: Outcome, steps: Iterable[StepResult]) -> bool:
    """Whether nothing says yet why it did not succeed; that somebody stopped it is no failure."""
    return outcome not in {Outcome.SUCCEEDED, Outcome.CANCELLED} and not any(step.failure for step in steps)


def outcome_of_operation(phase: str, steps: Iterable[StepResult], *, ready: bool) -> Outcome:
    """How a change ended: as its operation did. What else a cluster is not ready for, `slipway status` tells."""
    outcomes = {step.outcome for step in steps}
    if ready or phase == OperationPhase.SUCCEEDED:
        return Outcome.SUCCEEDED
    for stopped in (Outcome.CANCELLED, Outcome.SUPERSEDED):
        if stopped in outcomes:
            return stopped
    held_back = Outcome.BLOCKED in outcomes and Outcome.FAILED not in outcomes
    return Outcome.BLOCKED if held_back else Outcome.FAILED


def outcome_without_operation(reason: str, steps: Iterable[StepResult]) -> Outcome:
    """How a change ended for which the operator began no operation; `reason` is why it says Ready or not."""
    if reason in {
        ReadyReason.UP_TO_DATE,
        ReadyReason.DEGRADED,
    }:  # nothing was left to do; the cluster may wait for something else
        return Outcome.SUCCEEDED
    blocked = any(step.outcome is Outcome.BLOCKED for step in steps)
    return Outcome.BLOCKED if blocked else Outcome.FAILED


def steps_held_back(plan: Plan) -> tuple[StepResult, ...]:
    """The steps that nobody begins before a host answers."""
    return tuple(
        StepResult(step.id, Outcome.BLOCKED, failure=Failure.of(step.hold))
        for step in plan.steps
        if step.hold
    )


def _step(item: dict[str, Any]) -> StepResult:
    """A step of an Operation; of one with too many failures, each is told in one line alone."""
    outcome = Outcome(item["outcome"])
    failure = None
    if outcome in {Outcome.FAILED, Outcome.BLOCKED}:
        line = item.get("message", "").removeprefix(f"{item['step']}: ")
        parts = item.get("failure") or {"what": line}
        failure = Failure(
            parts["what"],
            parts.get("where", ""),
            parts.get("why", ""),
            parts.get("hint", ""),
            parts.get("retryable", False),
        )
    return StepResult(
        item["step"], outcome, float(item.get("seconds", 0)), int(item.get("changed", 0)), failure
    )

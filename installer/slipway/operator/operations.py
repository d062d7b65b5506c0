"""History for people: Events on the ClusterConfiguration, and one Operation object per run. Best-effort throughout."""

import logging
import time
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from slipway.clock import utc_text
from slipway.cluster.own.events import emit_event
from slipway.cluster.own.operations import OPERATION, close_operation, prune_operations, write_operation
from slipway.cluster.rest.client import Client
from slipway.errors import SlipwayError
from slipway.model.observed import LiveConfiguration
from slipway.model.operation import Counts, Failure, OperationResult, Outcome, StepResult
from slipway.model.plan import Plan
from slipway.model.status import OperationPhase
from slipway.operator.conditions import shortened
from slipway.operator.door import Running
from slipway.operator.succession import Past, past_of
from slipway.operator.targets import failure_text

log = logging.getLogger(__name__)

#: Characters of one step's message in an Operation.
STEP_MESSAGE_LIMIT: Final = 512
#: Seconds within which the same Event of one object is said once.
ECHO: Final = 30.0


class Chronicle:
    """The recorder (`operator.door.Recorder`)."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._last: dict[str, tuple[str, str, float]] = {}
        """By object: reason and text of its last Event, and when that was."""

    def event(self, live: LiveConfiguration, reason: str, message: str, *, warning: bool = False) -> None:
        """One Event on the ClusterConfiguration; not the same again at once, by a look that the watch was behind."""
        now = time.monotonic()
        *said, when = self._last.get(live.uid, ("", "", now))
        if said == [reason, message] and now - when < ECHO:
            return
        self._last[live.uid] = (reason, message, now)
        emit_event(self._client, live, reason, message, warning=warning)

    def operation(self, live: LiveConfiguration, plan: Plan, running: Running) -> None:
        """Where a running operation stands."""
        self._write(live, running.operation, plan, running_status(running, running.planned(plan)))

    def past(self, live: LiveConfiguration, operation: str) -> Past | None:
        """Read back from the Operation object, for its history alone: what is to be done, the records say."""
        try:
            found = self._client.get(*OPERATION, operation, live.namespace) or {}
        except SlipwayError as error:
            log.warning("operation %s not read: %s", operation, error)
            return None
        status = found.get("status") or {}
        return past_of(operation, status) if status and not status.get("finishedAt") else None

    def handed_on(self, live: LiveConfiguration, plan: Plan, result: OperationResult, started: str) -> None:
        """It stays open, with what it cost so far."""
        self._write(live, result.operation, plan, handed_on_status(result, started))

    def broken_off(self, live: LiveConfiguration, operation: str, why: str) -> None:
        """One that nobody goes on with; one that was never written, or has an end, is no error."""
        status = {
            "phase": OperationPhase.INTERRUPTED,
            "finishedAt": utc_text(),
            "waiting": [],
            "message": shortened(why),
        }
        try:
            close_operation(self._client, operation, live.namespace, status)
        except SlipwayError as error:
            log.warning("operation %s not closed: %s", operation, error)

    def finished(self, live: LiveConfiguration, plan: Plan, result: OperationResult, started: str) -> None:
        """The whole of it; then older ones go."""
        self._write(live, result.operation, plan, finished_status(result, started, utc_text()))
        try:
            prune_operations(self._client, live.namespace, live.name)
        except SlipwayError as error:
            log.warning("old operations not pruned: %s", error)

    def _write(self, live: LiveConfiguration, name: str, plan: Plan, status: dict[str, Any]) -> None:
        try:
            spec = partial(planned_spec, live.name, plan)
            write_operation(self._client, name, live.namespace, spec=spec, status=status)
        except SlipwayError as error:
            log.warning("operation %s not written: %s", name, error)


def planned_spec(configuration: str, plan: Plan) -> dict[str, Any]:
    """Spec of an Operation: what was to be done, each step with what it does and why. Pure.

    What was changed in files of hosts is not there: whoever reads Operations need not know what is in them.
    """
    steps = [
        {
            "step": step.id,
            "change": step.change.value,
            "disruptive": step.disruptive,
            "destructive": step.destructive,
            "reasons": [
                {
                    "because": reason.cause.value,
                    "text": shortened(reason.text, STEP_MESSAGE_LIMIT),
                    "path": reason.path,
                }
                for reason in step.reasons
            ],
            "held": shortened(step.hold.what, STEP_MESSAGE_LIMIT) if step.hold else "",
        }
        for step in plan.steps
    ]
    return {"configuration": configuration, "plan": plan.digest, "catalog": plan.catalog, "steps": steps}


def running_status(running: Running, planned: int) -> dict[str, Any]:
    """Status of an Operation that runs. Pure."""
    return {
        "phase": OperationPhase.RUNNING,
        "startedAt": running.started,
        "progress": {"planned": planned, "ended": len(running.done), "running": sorted(running.steps)},
        "steps": _steps(running.done.values()),
        "waiting": [
            {"step": step, "message": shortened(text, STEP_MESSAGE_LIMIT)}
            for step, text in sorted(running.says.items())
        ],
        "message": f"{len(running.done)} of {planned} steps; now {', '.join(sorted(running.steps)[:5]) or 'none'}",
    }


def handed_on_status(result: OperationResult, started: str) -> dict[str, Any]:
    """Status of an Operation between two operators. Pure."""
    done = [step for step in result.steps if step.outcome is Outcome.SUCCEEDED]
    return {
        "phase": OperationPhase.RUNNING,
        "startedAt": started,
        "seconds": round(result.seconds, 2),
        "progress": {"planned": len(result.steps), "ended": len(done), "running": []},
        "steps": _steps(done),
        "waiting": [],
        "counts": _counts(result.counts),
        "message": f"{len(done)} of {len(result.steps)} steps; its operator ended, the next one goes on",
    }


def finished_status(result: OperationResult, started: str, finished: str) -> dict[str, Any]:
    """Status of an Operation that ended. Pure."""
    failed = [failure_text(step) for step in result.steps if step.outcome is Outcome.FAILED]
    return {
        "phase": result.outcome.title(),
        "startedAt": started,
        "finishedAt": finished,
        "seconds": round(result.seconds, 2),
        "progress": {"planned": len(result.steps), "ended": len(result.steps), "running": []},
        "steps": _steps(result.steps),
        "waiting": [],
        "counts": _counts(result.counts),
        "message": shortened("\n".join(failed) or counted_steps(len(result.steps))),
    }


def counted_steps(number: int) -> str:
    """`1 step`, `3 steps`."""
    return f"{number} step{'' if number == 1 else 's'}"


def _counts(counts: Counts) -> dict[str, int]:
    return {
        "planned": counts.planned,
        "ansibleRuns": counts.ansible_runs,
        "helmCalls": counts.helm_calls,
        "imagesCopied": counts.images_copied,
        "apiWrites": counts.api_writes,
    }


def _steps(results: Iterable[StepResult]) -> list[dict[str, Any]]:
    return [
        {
            "step": step.step,
            "outcome": step.outcome.value,
            "seconds": round(step.seconds, 2),
            "changed": step.changed,
            "message": shortened(failure_text(step), STEP_MESSAGE_LIMIT) if step.failure else "",
            **({"failure": _failure(step.failure)} if step.failure else {}),
        }
        for step in results
    ]


def _failure(failure: Failure) -> dict[str, Any]:
    """Its parts, each as a program needs it."""
    texts = {"what": failure.what, "where": failure.where, "why": failure.why, "hint": failure.hint}
    said = {name: shortened(text, STEP_MESSAGE_LIMIT) for name, text in texts.items() if text}
    return {**said, "retryable": failure.retryable}

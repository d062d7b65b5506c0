"""Spec and status of an Operation object: the plan, how far it is, what failed, each as data. Pure."""

from collections.abc import Iterable
from typing import Any, Final

from slipway.engine.chronicle.course import Running
from slipway.harmless import shortened
from slipway.model.operation import (
    Counts,
    Failure,
    OperationResult,
    Outcome,
    StartedBy,
    StepResult,
    failure_text,
)
from slipway.model.plan import Plan
from slipway.model.status import OperationPhase
from slipway.planning.planform import TEXT_LIMIT, told_step

#: Names of steps in one line.
_NAMED: Final = 5


def planned_spec(configuration: str, plan: Plan, by: StartedBy) -> dict[str, Any]:
    """Spec of an Operation: what was to be done, each step with what it does and why, and who began it.

    What was changed in files of hosts is not there: whoever reads Operations need not know what is in them.
    """
    return {
        "configuration": configuration,
        "startedBy": {"origin": by.origin.value, "name": by.name, "holder": by.holder},
        "plan": plan.digest,
        "catalog": plan.catalog,
        "steps": [told_step(step) for step in plan.steps],
    }


def running_status(running: Running, planned: int) -> dict[str, Any]:
    """Status of an Operation that runs."""
    now = ", ".join(sorted(running.steps)[:_NAMED]) or "none"
    return {
        "phase": OperationPhase.RUNNING,
        "startedAt": running.started,
        "progress": {"planned": planned, "ended": len(running.done), "running": sorted(running.steps)},
        "steps": _steps(running.done.values()),
        "waiting": [
            {"step": step, "message": shortened(text, TEXT_LIMIT)}
            for step, text in sorted(running.says.items())
            if text
        ],
        "message": f"{len(running.done)} of {planned} steps; now {now}",
    }


def handed_on_status(result: OperationResult, started: str) -> dict[str, Any]:
    """Status of an Operation between two operators."""
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
    """Status of an Operation that ended; `failure` is that of the first step that failed, and takes away another."""
    failed = [step for step in result.steps if step.outcome is Outcome.FAILED]
    first = next(({"step": step.step, **_failure(step.failure)} for step in failed if step.failure), None)
    return {
        "phase": result.outcome.title(),
        "startedAt": started,
        "finishedAt": finished,
        "seconds": round(result.seconds, 2),
        "progress": {"planned": len(result.steps), "ended": len(result.steps), "running": []},
        "steps": _steps(result.steps),
        "waiting": [],
        "counts": _counts(result.counts),
        "failure": first,
        "message": shortened("\n".join(map(failure_text, failed)) or counted_steps(len(result.steps))),
    }


def broken_off_status(failure: Failure, finished: str) -> dict[str, Any]:
    """The end of an Operation that nobody goes on with; laid over what was told of its steps."""
    return {
        "phase": OperationPhase.INTERRUPTED,
        "finishedAt": finished,
        "waiting": [],
        "progress": {"running": []},
        "failure": _failure(failure),
        "message": shortened(failure.what),
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
            "message": shortened(failure_text(step), TEXT_LIMIT) if step.failure else "",
            **({"failure": _failure(step.failure)} if step.failure else {}),
        }
        for step in results
    ]


def _failure(failure: Failure) -> dict[str, Any]:
    """Its parts, each as a program needs it."""
    texts = {"what": failure.what, "where": failure.where, "why": failure.why, "hint": failure.hint}
    said = {name: shortened(text, TEXT_LIMIT) for name, text in texts.items() if text}
    return {**said, "retryable": failure.retryable}

"""Module steps: one Ansible run in which every module is a host of its own, beside whatever else goes on."""

import shutil
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from slipway.cluster.lifecycle.turns import Turns
from slipway.engine.artifacts import program_path, required_chart
from slipway.engine.batches import LIMITS
from slipway.engine.kubeconfig import usable_kubeconfig
from slipway.engine.run import Run
from slipway.landing import real
from slipway.model.bundle import chart_name
from slipway.model.operation import Failure
from slipway.model.plan import Action, Step, StepKind
from slipway.planning.requests.codec import as_variables, module_request, removal_request
from slipway.planning.requests.request import ModuleTurn
from slipway.runner import EventKind, RunnerEvent, Standby
from slipway.runner import run as run_playbook

PLAYBOOK = "modules.yml"
#: Seconds between two looks at what modules say.
LISTEN_SECONDS = 1.0


def standby(directory: Path) -> Standby:
    """For who runs modules again and again: as many forks as a batch may have modules."""
    return Standby(PLAYBOOK, directory, forks=LIMITS[StepKind.MODULE], plugins=("slipway_module",))


def run_modules(steps: tuple[Step, ...], run: Run) -> None:
    """Bring modules to their requests; each has succeeded when its record says so."""
    board, context = run.board, run.context
    directory = context.state / "runs" / f"{board.operation}-modules"
    turns = Turns(real(directory))

    def on_event(event: RunnerEvent) -> None:
        board.counts.helm_calls += event.data.get("helm_calls", 0)
        board.counts.api_writes += event.data.get("api_writes", 0)
        if event.kind is EventKind.STEP_BEGUN:
            board.begin(event.step)
        elif event.kind is EventKind.STEP_SUPERSEDED:
            board.supersede(event.step)
        elif event.kind is EventKind.STEP_DONE:
            board.succeed(event.step, changed=int(event.changed))
        elif event.kind is EventKind.FAILED:
            board.begin(event.step)
            board.fail(event.step, _failure(event))

    heard = Heard(turns, steps, board.waits)

    def cancelled() -> bool:
        """Asked while it runs: tells the modules of an edit, and all others what modules say."""
        heard.listen()
        if run.held():
            turns.give_up()
        return run.cancelled()

    board.counts.ansible_runs += 1
    shutil.rmtree(directory, ignore_errors=True)
    try:
        result = run_playbook(
            PLAYBOOK,
            hosts={step.target: _variables(step, steps) for step in steps},
            extra={
                "slipway_run_directory": str(turns.directory),
                "slipway_kubeconfig": str(usable_kubeconfig(context)),
                "slipway_local_artifacts": _artifacts(run, steps),
                "slipway_operation": board.operation,
                "slipway_epoch": run.locks.epoch,
                "slipway_holder": context.holder,
                "slipway_kinds": [
                    one.model_dump(mode="json") for one in context.catalog.expectations.kinds.values()
                ],
            },
            directory=context.state / "runs",
            secrets=context.secret,
            on_event=on_event,
            cancelled=cancelled,
            standby=context.standby,
        )
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if not run.cancelled():
        hint = f"log: {result.log}" if result.log else ""
        board.end_batch(steps, Failure("the run ended before this module", hint=hint, retryable=True))


class Heard:
    """What modules say while they are worked on, told on when it is something else than before."""

    def __init__(self, turns: Turns, steps: Iterable[Step], tell: Callable[[Step, str], None]) -> None:
        self._turns, self._steps, self._tell = turns, tuple(steps), tell
        self._said: dict[str, str] = {}
        self._next = 0.0

    def listen(self) -> None:
        """Ask them, once a second: called more often, it does nothing."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + LISTEN_SECONDS
        for step in self._steps:
            said = "" if self._turns.ended(step.id) else self._turns.said(step.id)
            if said and said != self._said.get(step.id):
                self._said[step.id] = said
                self._tell(step, said)


def _variables(step: Step, steps: Iterable[Step]) -> dict[str, Any]:
    together = {other.id for other in steps}
    turn = ModuleTurn(
        request=(removal_request if step.action == Action.REMOVE else module_request)(step.inputs),
        step=step.id,
        digest=step.digest,
        parts=step.parts,
        needs=tuple(need for need in step.needs if need in together),
    )
    return {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "slipway_module_request": as_variables(turn),
    }


def _artifacts(run: Run, steps: Iterable[Step]) -> dict[str, str]:
    """Helm, and the charts of these modules (MODULE.CHART), as files of this machine."""
    context = run.context
    applied = [module_request(step.inputs) for step in steps if step.action == Action.APPLY]
    charts = {(request.name, release.chart.name) for request in applied for release in request.releases}
    paths: dict[str, Path] = {
        chart_name(*chart): context.path(required_chart(context, *chart)) for chart in charts
    }
    paths["helm"] = program_path(context, "helm")
    return {name: str(real(path)) for name, path in paths.items()}


def _failure(event: RunnerEvent) -> Failure:
    error = event.data.get("error") or {}
    return Failure(
        error.get("what") or event.text,
        error.get("where") or f"module/{event.host}",
        error.get("why") or event.why,
        error.get("next", ""),
        bool(error.get("retryable")),
    )

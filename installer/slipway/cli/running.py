"""What plan, apply, install, module and reset share: prepare, show, ask, run, report."""

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

from slipway.cli.views.output import Format, colour, confirm, emit, warn
from slipway.cli.views.planview import plan_text
from slipway.cli.views.progressview import progress_view, result_text
from slipway.engine.chronicle.scribe import apply_told
from slipway.engine.context import Context, Edit, open_context
from slipway.engine.handover import can_hand_over, hand_over
from slipway.engine.preflight import refuse_held, refuse_unfit
from slipway.engine.prepare import prepare
from slipway.errors import ApprovalRequired, ConfigurationError, ConflictError, StalePlanError, before_changes
from slipway.model.configuration import Configuration
from slipway.model.observed import Observed, Scope
from slipway.model.operation import Counts, OperationResult, Outcome, together
from slipway.model.plan import Because, Plan, Step

#: Plans made before giving up on a cluster that others keep changing: another key of its Secrets takes three of them.
ROUNDS = 6

EXIT_CODES = {Outcome.SUCCEEDED: 0, Outcome.CANCELLED: 130}


def opened_context(
    file: Path,
    bundle: Path | None,
    *,
    force_conflicts: bool = False,
    allow_older: str = "",
    edit: Edit | None = None,
) -> Context:
    """The context of a command; host keys met for the first time are shown."""
    with before_changes():
        context = open_context(
            file, bundle=bundle, force_conflicts=force_conflicts, allow_older=allow_older, edit=edit
        )
        _refuse_modules_only(context.configuration, file)
    context.on_first_contact = lambda key: print(
        f"host key of {key.host} recorded: {key.shown}", file=sys.stderr
    )
    return context


def _refuse_modules_only(configuration: Configuration, file: Path) -> None:
    """What a team has is planned by the cluster's operator: registry and secrets are the cluster's, not the file's."""
    if not configuration.hosts and configuration.spec.registry.mode == "builtin":
        raise ConfigurationError(
            "a ClusterConfiguration without hosts is carried out by the operator of the cluster",
            where=str(file),
            hint=f"kubectl apply -n {configuration.namespace} -f {file}; how it goes: kubectl get cc, op",
        )


def carry_out(
    context: Context,
    scope: Scope,
    *,
    yes: bool,
    output: Format,
    agreed: str = "",
    narrow: Callable[[Plan], Plan] = lambda plan: plan,
    undo: Callable[[], None] = lambda: None,
) -> int:
    """Prepare, ask where somebody has to agree, apply, report.

    `agreed`: digest of the one plan that may run; `narrow` picks the steps that shall be carried out; `undo` takes
    back what the command did beforehand, where the plan is refused. A plan with a sequel is followed by the next one.
    """
    done: OperationResult | None = None
    for number in range(ROUNDS):
        try:
            # A handover may have begun before a plan turned out stale: from then on nothing is claimed, nothing undone.
            with before_changes(undo) if number == 0 else nullcontext():
                observed, plan = _decided(
                    context, scope, yes=yes, output=output, agreed=agreed, narrow=narrow
                )
            done = together(done, apply_with_progress(context, observed, plan))
            if not plan.sequel or done.outcome is not Outcome.SUCCEEDED:
                return _report(done, plan, output)
            print(plan.sequel, file=sys.stderr)
            agreed, scope = "", Scope.TARGETS
        except StalePlanError as error:
            print(f"{error.what}: planning again", file=sys.stderr)
            context.refresh()
    raise ConflictError("others keep changing this cluster", hint="run it again when they are done")


def _decided(
    context: Context, scope: Scope, *, yes: bool, output: Format, agreed: str, narrow: Callable[[Plan], Plan]
) -> tuple[Observed, Plan]:
    """What shall be carried out, with everybody's consent; an empty plan needs none. Changes nothing."""
    observed, whole = prepare(context, scope)
    plan = narrow(whole)
    if agreed and plan.digest != agreed:
        raise ConflictError(
            "the plan is stale: hosts, cluster or files changed since it was made, or an operation ran",
            hint="plan again: slipway plan --out FILE",
        )
    if not plan.empty:
        warn(refuse_unfit(context, observed, plan))
        refuse_held(plan)
        _agree(plan, yes=yes or bool(agreed), output=output)
    return observed, plan


def apply_with_progress(context: Context, observed: Observed, plan: Plan) -> OperationResult:
    """Apply with progress on stderr; the first Ctrl-C ends it in order. Nothing to do is done."""
    if plan.empty:
        return OperationResult("", plan.digest, Outcome.SUCCEEDED, counts=Counts())
    with stoppable() as stopped, progress_view() as progress:
        if can_hand_over(context, observed, plan):
            done = hand_over(context, plan, progress=progress, cancelled=stopped)
            if done is not None:
                return done
        return apply_told(plan, context, observed, progress=progress, cancelled=stopped)


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM are remembered meanwhile: whether there was one."""
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        del number, frame
        if not stop.is_set():
            print("stopping: what is done is recorded", file=sys.stderr)
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _agree(plan: Plan, *, yes: bool, output: Format) -> None:
    if not plan.needs_approval:
        return
    if output is Format.TEXT:
        print(plan_text(plan), file=sys.stderr)
    if not confirm("Some steps are disruptive or destructive. Carry them out?", yes=yes):
        risky = [_risk(step) for step in plan.steps if step.disruptive or step.destructive]
        raise ApprovalRequired(
            "the plan needs your consent",
            why="disruptive or destructive: " + ", ".join(risky),
            hint="run it with --yes, or look first: slipway plan",
        )


def _risk(step: Step) -> str:
    """A step that needs a yes, with what it will do besides."""
    effects = [reason.text for reason in step.reasons if reason.cause is Because.EFFECT]
    if step.back and step.back.bars:
        effects.append(str(step.back))
    return f"{step.id} ({'; '.join(effects)})" if effects else step.id


def _report(result: OperationResult, plan: Plan, output: Format) -> int:
    if output is Format.JSON:
        emit(result_data(result))
    elif plan.empty and not result.steps:
        print(plan_text(plan))
    else:
        text = result_text(result)
        print(colour(text, "green") if result.outcome is Outcome.SUCCEEDED else text)
    return EXIT_CODES.get(result.outcome, 1)


def result_data(result: OperationResult) -> dict[str, Any]:
    """{operation, outcome, steps[], counts{}, seconds} for machines."""
    return json.loads(json.dumps(asdict(result), default=str))  # type: ignore[no-any-return]

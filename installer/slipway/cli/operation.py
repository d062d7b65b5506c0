"""`slipway operation`: what was done, from this machine and by the operator, and stopping what is being done."""

import os
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli.views.output import DEFAULT_FILE, ConfigurationFile, Format, Output, emit, table
from slipway.errors import ConflictError
from slipway.settings import NAMESPACE, Workspace

if TYPE_CHECKING:
    from slipway.engine.enquiry.history import Done, History, StepDone

app = typer.Typer(no_args_is_help=True, help="List operations, look into one, end the one that runs.")
Name = Annotated[str, typer.Argument(help="Operation; unset: the newest.")]

#: Changed fields that `show` prints; `-o json` has all.
CHANGES = 12


@app.command("list")
def list_(file: ConfigurationFile = DEFAULT_FILE, output: Output = Format.TEXT) -> None:
    """List operations of command lines and of the cluster's operator, newest first, with who began each."""
    found = _history(file)
    rows = [
        {
            "operation": one.operation,
            "by": one.by,
            "where": one.where,
            "outcome": one.outcome,
            "steps": one.planned,
            "seconds": one.seconds,
        }
        for one in found.done
    ]
    if output is Format.JSON:
        emit(rows)
        return
    keys = ("operation", "by", "where", "outcome", "steps", "seconds")
    table([key.upper() for key in keys], [[str(row[key]) for key in keys] for row in rows])
    _tell_unread(found)


@app.command()
def show(name: Name = "", file: ConfigurationFile = DEFAULT_FILE, output: Output = Format.TEXT) -> None:
    """Show what an operation changed, its steps, how each ended and how long it took."""
    from slipway.cli.views.planview import changed_line

    found = _history(file)
    one = found.find(name)
    if output is Format.JSON:
        emit(asdict(one))
        return
    print(_head(one))
    table(
        ("STEP", "OUTCOME", "SECONDS", "MESSAGE"),
        [
            *((step.step, step.outcome, f"{step.seconds:.1f}", step.text) for step in one.steps),
            *((step, "running", "", one.waiting.get(step, "")) for step in one.running),
        ],
    )
    if one.failure:
        print(f"{one.failure.what}: {one.failure.why}" if one.failure.why else one.failure.what)
    for change in one.changes[:CHANGES]:
        print(f"changed {changed_line(change)}")
    if one.changes[CHANGES:]:
        print(f"and {len(one.changes) - CHANGES} more fields (-o json shows all)")
    _tell_unread(found)


@app.command()
def logs(name: Name = "", file: ConfigurationFile = DEFAULT_FILE, output: Output = Format.TEXT) -> None:
    """Print every event of an operation; of one that ran elsewhere, what the cluster keeps of its steps."""
    from slipway.engine.journal import events, operation_names

    directory, found = _directory(file), _history(file)
    one = found.find(name)
    if one.operation not in operation_names(directory):
        _tell_place(one)
        for step in one.steps:
            _say_step(step, output)
        return
    for event in events(directory, one.operation):
        if output is Format.JSON:
            emit(event)
        else:
            clock = time.strftime("%H:%M:%S", time.localtime(event["time"]))
            print(
                f"{clock}  {event['kind']:<14} {event['step'] or event['target']:<45} {event['text']}".rstrip()
            )


@app.command(
    epilog="Exit codes: 0 it succeeded, 1 it did not, 130 it was cancelled. Example: slipway operation follow"
)
def follow(name: Name = "", file: ConfigurationFile = DEFAULT_FILE, output: Output = Format.TEXT) -> int:
    """Follow an operation until it ends, wherever it runs: each step as it begins and ends."""
    from slipway.api import read
    from slipway.engine.enquiry.following import looks

    last = chosen = _history(file).find(name)
    begun: set[str] = set()
    ended: set[str] = set()
    for last in looks(file, read.load(file), chosen.operation):
        if output is Format.TEXT:
            for step in last.running:
                if step not in begun:
                    print(f"{step} ...", flush=True)
            for done in last.steps:
                if done.step not in ended:
                    _say_step(done, output)
        begun = set(last.running)
        ended = {done.step for done in last.steps} - begun
    if output is Format.JSON:
        emit(asdict(last))
    else:
        print(_head(last))
    return {"succeeded": 0, "cancelled": 130}.get(last.outcome, 1)


def _say_step(step: "StepDone", output: Format) -> None:
    if output is Format.JSON:
        emit(asdict(step))
        return
    print(f"{step.outcome:<10} {step.step} ({step.seconds:.1f}s)  {step.text}".rstrip(), flush=True)


def _head(one: "Done") -> str:
    by = f" by {one.by}" if one.by else ""
    return f"{one.operation}{by} ({_PLACES[one.where]}): {one.outcome}"


_PLACES = {"here": "from this machine", "operator": "the operator", "elsewhere": "from another machine"}


def _tell_place(one: "Done") -> None:
    """Where all its events are."""
    place = f"on {one.by.rpartition('@')[2]}: slipway operation logs {one.operation}"
    if one.where == "operator":
        place = f"in the operator's log: kubectl -n {NAMESPACE} logs deploy/slipway-operator"
    print(f"note: all events of it are {place}", file=sys.stderr)


@app.command(epilog="Example: slipway operation cancel -f cluster.yaml")
def cancel(file: ConfigurationFile = DEFAULT_FILE) -> None:
    """End the operation that runs, here or in the cluster, in order; what is done stays recorded."""
    from slipway.cli.running import opened_context
    from slipway.engine.handover import cancel_in_cluster
    from slipway.engine.journal import running_process

    pid = running_process(_directory(file))
    if pid is not None:
        os.kill(pid, signal.SIGINT)
        print(f"asked process {pid} to stop")
        return
    context = opened_context(file, None)
    operation = cancel_in_cluster(context) if context.kubeconfig and context.kubeconfig.exists() else ""
    if not operation:
        raise ConflictError(
            "no operation runs, neither from this machine nor in the cluster", hint="slipway status"
        )
    print(f"asked the operator to end {operation}")


def _directory(file: Path) -> Path:
    from slipway.api import read

    return Workspace(file, read.load(file).name).state / "operations"


def _history(file: Path) -> "History":
    from slipway.api import read
    from slipway.engine.enquiry.history import history

    return history(file, read.load(file))


def _tell_unread(found: "History") -> None:
    if found.unread:
        print(f"note: those in the cluster are not shown: {found.unread}", file=sys.stderr)

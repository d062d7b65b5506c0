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
from slipway.errors import ConfigurationError, ConflictError
from slipway.settings import NAMESPACE, Workspace

if TYPE_CHECKING:
    from slipway.engine.enquiry.history import History

app = typer.Typer(no_args_is_help=True, help="List operations, look into one, end the one that runs.")
Name = Annotated[str, typer.Argument(help="Operation; unset: the newest.")]
OwnName = Annotated[str, typer.Argument(help="Operation of this machine; unset: the newest.")]


@app.command("list")
def list_(file: ConfigurationFile = DEFAULT_FILE, output: Output = Format.TEXT) -> None:
    """List operations of this machine and of the cluster's operator, newest first."""
    found = _history(file)
    rows = [
        {
            "operation": one.operation,
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
    keys = ("operation", "where", "outcome", "steps", "seconds")
    table([key.upper() for key in keys], [[str(row[key]) for key in keys] for row in rows])
    _tell_unread(found)


@app.command()
def show(name: Name = "", file: ConfigurationFile = DEFAULT_FILE, output: Output = Format.TEXT) -> None:
    """Show an operation's steps, how each ended and how long it took."""
    found = _history(file)
    one = found.find(name)
    if output is Format.JSON:
        emit(asdict(one))
        return
    print(f"{one.operation} {_BY[one.where]}: {one.outcome}")
    table(
        ("STEP", "OUTCOME", "SECONDS", "MESSAGE"),
        [(step.step, step.outcome, f"{step.seconds:.1f}", step.text) for step in one.steps],
    )
    _tell_unread(found)


_BY = {"here": "from this machine", "operator": "by the operator"}


@app.command()
def logs(name: OwnName = "", file: ConfigurationFile = DEFAULT_FILE, output: Output = Format.TEXT) -> None:
    """Print every event of an operation of this machine."""
    from slipway.engine.journal import events, operation_names

    directory = _directory(file)
    known = operation_names(directory)
    if (name or not known) and name not in known:
        one = _history(file).find(name)
        log = f"kubectl -n {NAMESPACE} logs deploy/slipway-operator"
        raise ConfigurationError(
            f"{one.operation} is the operator's, and so is the log of its events",
            hint=f"{log}; its steps: slipway operation show {one.operation}",
        )
    for event in events(directory, name or known[0]):
        if output is Format.JSON:
            emit(event)
        else:
            clock = time.strftime("%H:%M:%S", time.localtime(event["time"]))
            print(
                f"{clock}  {event['kind']:<14} {event['step'] or event['target']:<45} {event['text']}".rstrip()
            )


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
        print(f"note: operations of the operator are not shown: {found.unread}", file=sys.stderr)

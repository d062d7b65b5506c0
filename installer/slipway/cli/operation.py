"""`slipway operation`: what was done from this machine, and stopping what is being done."""

import os
import signal
import time
from typing import Annotated, Any

import typer

from slipway.cli.output import DEFAULT_FILE, ConfigurationFile, Format, Output, emit, table
from slipway.errors import ConflictError
from slipway.model.operation import ProgressKind
from slipway.settings import Workspace

app = typer.Typer(no_args_is_help=True, help="List, show, follow and cancel operations.")
Name = Annotated[str, typer.Argument(help="Operation; unset: the newest.")]


@app.command("list")
def list_(file: ConfigurationFile = DEFAULT_FILE, output: Output = Format.TEXT) -> None:
    """List operations, newest first."""
    from slipway.engine.journal import operations

    rows = [_summary(file, name) for name in operations(_directory(file))]
    if output is Format.JSON:
        emit(rows)
        return
    keys = ("operation", "outcome", "steps", "seconds")
    table([key.upper() for key in keys], [[str(row[key]) for key in keys] for row in rows])


@app.command()
def show(name: Name = "", file: ConfigurationFile = DEFAULT_FILE, output: Output = Format.TEXT) -> None:
    """Show an operation's steps, how each ended and how long it took."""
    ended = {e["step"]: e for e in _events(file, name) if e["kind"] == ProgressKind.STEP_FINISHED}
    rows = [{"step": s, "text": e["text"], **e["data"]} for s, e in ended.items()]
    if output is Format.JSON:
        emit({**_summary(file, _name(file, name)), "steps": rows})
        return
    table(
        ("STEP", "OUTCOME", "SECONDS", "MESSAGE"),
        [(r["step"], r["outcome"], f"{r['seconds']:.1f}", r["text"]) for r in rows],
    )


@app.command()
def logs(name: Name = "", file: ConfigurationFile = DEFAULT_FILE, output: Output = Format.TEXT) -> None:
    """Print every event of an operation."""
    for event in _events(file, name):
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
    from slipway.cli.running import opened
    from slipway.engine.handover import cancel_in_cluster
    from slipway.engine.journal import running

    pid = running(_directory(file))
    if pid is not None:
        os.kill(pid, signal.SIGINT)
        print(f"asked process {pid} to stop")
        return
    context = opened(file, None)
    operation = cancel_in_cluster(context) if context.kubeconfig and context.kubeconfig.exists() else ""
    if not operation:
        raise ConflictError(
            "no operation runs, neither from this machine nor in the cluster", hint="slipway status"
        )
    print(f"asked the operator to end {operation}")


def _directory(file: Any) -> Any:
    from slipway.api import read

    return Workspace(file, read.load(file).name).state / "operations"


def _name(file: Any, name: str) -> str:
    from slipway.engine.journal import operations

    names = operations(_directory(file))
    return name or (names[0] if names else "")


def _events(file: Any, name: str) -> list[dict[str, Any]]:
    from slipway.engine.journal import events

    return list(events(_directory(file), _name(file, name)))


def _summary(file: Any, name: str) -> dict[str, Any]:
    happened = _events(file, name)
    first, last = happened[0], happened[-1]
    ended = last["kind"] == "finished"
    return {
        "operation": name,
        "outcome": last["data"]["outcome"] if ended else "unfinished",
        "steps": len(first["data"].get("steps", [])),
        "seconds": round(last["time"] - first["time"], 1),
    }

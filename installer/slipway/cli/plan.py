"""`slipway plan`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from slipway.cli.views.output import (
    DEFAULT_FILE,
    AllowOlder,
    BundleDirectory,
    ConfigurationFile,
    Format,
    Output,
    emit,
    warn,
)
from slipway.errors import PreflightError, before_changes
from slipway.landing import land, real

app = typer.Typer()

#: Format of a plan file.
PLAN_FORMAT = 1


@app.command(
    epilog="Exit codes with --detailed-exitcode: 0 nothing to do, 1 error, 2 there is something to do. "
    "Example: slipway plan -f cluster.yaml --out today.plan && slipway apply today.plan"
)
def plan(
    file: ConfigurationFile = DEFAULT_FILE,
    bundle: BundleDirectory = None,
    refresh: Annotated[
        bool, typer.Option(help="Read hosts too, and look for drift; else records only.")
    ] = True,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="2 when there is work.")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Keep the plan, for `apply FILE`.")] = None,
    allow_older: AllowOlder = "",
    output: Output = Format.TEXT,
) -> int:
    """Show what an apply would change, like a diff, with the reason of every line. Changes nothing.

    What could not be carried out is refused, as apply would.
    """
    from slipway.cli.running import opened_context
    from slipway.cli.views.planview import plan_text
    from slipway.engine.preflight import refuse_unfit
    from slipway.engine.prepare import prepare
    from slipway.model.observed import Scope
    from slipway.planning.planform import plan_data

    context = opened_context(file, bundle, allow_older=allow_older)
    with before_changes():
        observed, made = prepare(context, Scope.FULL if refresh else Scope.RECORDS)
    try:
        if not made.empty:
            with before_changes():
                warn(refuse_unfit(context, observed, made))
    except PreflightError:
        if output is Format.TEXT:
            print(plan_text(made))  # what it would be; the error says why it cannot
        raise
    if out:
        kept = {
            "format": PLAN_FORMAT,
            "file": str(real(file)),
            "refresh": refresh,
            "plan": plan_data(made),
        }
        land(out, json.dumps(kept, indent=2))
    if output is Format.JSON:
        emit(plan_data(made))
    else:
        print(plan_text(made))
    return 2 if detailed_exitcode and not made.empty else 0

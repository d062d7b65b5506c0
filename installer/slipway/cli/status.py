"""`slipway status`."""

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli.views.output import DEFAULT_FILE, ConfigurationFile, Format, Output, emit
from slipway.cli.views.streams import steer

if TYPE_CHECKING:
    from slipway.engine.enquiry.overview import Overview

app = typer.Typer()

#: Seconds between two looks with --watch.
INTERVAL = 2.0

#: Exit code of a cluster that is not well; docs/reference/exit-codes.md.
DEGRADED_EXIT = 8


@app.command(
    epilog="Exit codes: 0 all is well that was looked at, 8 a node or a module is not, or the API does not answer. "
    "Examples: slipway status; slipway status --watch; slipway status -o json"
)
def status(
    file: ConfigurationFile = DEFAULT_FILE,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again and again, until Ctrl-C.")] = False,
    output: Output = Format.TEXT,
) -> int:
    """Show where things stand: conditions, nodes, modules, what is being done; without a cluster, its hosts."""
    from slipway.cli.running import opened_context
    from slipway.engine.enquiry.overview import overview

    context = opened_context(file, None)
    now = overview(context)
    _show(now, output, again=False)
    try:
        while watch:
            time.sleep(INTERVAL)
            before, now = now, overview(context)
            if replace(now, read_at=before.read_at) != before:
                _show(now, output, again=True)
    except KeyboardInterrupt:
        pass
    return DEGRADED_EXIT if now.degraded else 0


def _show(now: "Overview", output: Format, *, again: bool) -> None:
    from slipway.cli.views.statusview import status_text

    if output is Format.JSON:
        emit(now)
        return
    if again:
        if sys.stdout.isatty():
            steer("\x1b[H\x1b[2J", sys.stdout)
        else:
            print()
    print(status_text(now), flush=True)

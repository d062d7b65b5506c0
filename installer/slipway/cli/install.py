"""`slipway install`."""

from pathlib import Path
from typing import Annotated

import typer

from slipway.cli.views.output import DEFAULT_FILE, AllowOlder, ConfigurationFile, Format, Output

app = typer.Typer()


@app.command(epilog="Example: slipway install -f cluster.yaml --bundle /media/usb/bundle")
def install(
    bundle: Annotated[Path, typer.Option("--bundle", "-b", envvar="SLIPWAY_BUNDLE", help="The bundle.")],
    file: ConfigurationFile = DEFAULT_FILE,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Agree to disruptive and destructive steps.")
    ] = False,
    force_conflicts: Annotated[
        bool, typer.Option("--force-conflicts", help="Take fields that somebody else set.")
    ] = False,
    allow_older: AllowOlder = "",
    output: Output = Format.TEXT,
) -> int:
    """Bring up the site registry, push the bundle into it, and apply. Afterwards the bundle is not needed any more."""
    from slipway.cli.running import carry_out, opened_context
    from slipway.model.observed import Scope

    context = opened_context(file, bundle, force_conflicts=force_conflicts, allow_older=allow_older)
    return carry_out(context, Scope.FULL, yes=yes, output=output)

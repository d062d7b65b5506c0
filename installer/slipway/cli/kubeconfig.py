"""`slipway kubeconfig`."""

import sys

import typer

from slipway.cli.views.output import DEFAULT_FILE, ConfigurationFile

app = typer.Typer()


@app.command(epilog="Example: export KUBECONFIG=$(slipway kubeconfig)")
def kubeconfig(file: ConfigurationFile = DEFAULT_FILE) -> int:
    """Fetch the administrator's kubeconfig from a control plane, keep it with mode 0600, print its path."""
    from slipway.cli.running import opened_context
    from slipway.engine.kubeconfig import fetch_kubeconfig
    from slipway.errors import PreflightError, SlipwayError

    context = opened_context(file, None)
    refused: list[SlipwayError] = []
    if not fetch_kubeconfig(context, refused.append):
        raise PreflightError(
            "no control plane gives a kubeconfig",
            why="; ".join(f"{error.where}: {error.what}: {error.why}" for error in refused),
            hint="let one of them answer; where there is no cluster yet: slipway install",
        )
    print(context.kubeconfig, file=sys.stdout)
    return 0

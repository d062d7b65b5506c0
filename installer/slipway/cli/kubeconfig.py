"""`slipway kubeconfig`."""

import sys

import typer

from slipway.cli.output import DEFAULT_FILE, ConfigurationFile

app = typer.Typer()


@app.command(epilog="Example: export KUBECONFIG=$(slipway kubeconfig)")
def kubeconfig(file: ConfigurationFile = DEFAULT_FILE) -> int:
    """Fetch the administrator's kubeconfig from a control plane, keep it with mode 0600, print its path."""
    from slipway.cli.running import opened
    from slipway.engine.kubeconfig import fetch_kubeconfig
    from slipway.errors import PreflightError

    context = opened(file, None)
    if not fetch_kubeconfig(context):
        raise PreflightError(
            "no control plane has a kubeconfig yet", hint="install the cluster: slipway install"
        )
    print(context.kubeconfig, file=sys.stdout)
    return 0

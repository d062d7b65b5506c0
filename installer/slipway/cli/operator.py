"""`slipway operator`: what runs in the operator's pod, and the hook for shell-operator."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from slipway.operator.door import Door

app = typer.Typer(no_args_is_help=True, help="Run the operator, or its hook under shell-operator.")

Kubeconfig = Annotated[
    Path | None,
    typer.Option(help="Reach the API with this file; unset: the pod's own account.", dir_okay=False),
]
Watched = Annotated[
    str,
    typer.Option(help="Watch this namespace only; unset: all. SLIPWAY_NAMESPACES names those of teams."),
]


@app.command()
def run(
    namespace: Watched = "",
    address: Annotated[
        str,
        typer.Option(help="Address of /healthz, /readyz and /metrics.", envvar="SLIPWAY_OPERATOR_ADDRESS"),
    ] = "0.0.0.0",  # noqa: S104
    port: Annotated[
        int, typer.Option(help="Their port.", min=0, max=65535, envvar="SLIPWAY_OPERATOR_PORT")
    ] = 9810,
    resync_minutes: Annotated[
        float,
        typer.Option(
            help="Minutes between two full reads for drift.", min=0.1, envvar="SLIPWAY_RESYNC_MINUTES"
        ),
    ] = 10.0,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Follow the ClusterConfigurations of this cluster until SIGTERM; of several operators one is active."""
    from slipway.operator import wiring
    from slipway.operator.runtime import Settings

    settings = Settings(namespace=namespace, address=address, port=port, resync=resync_minutes * 60)
    raise typer.Exit(wiring.run(settings, kubeconfig=kubeconfig))


@app.command()
def hook(
    config: Annotated[bool, typer.Option("--config", help="Print the hook's bindings and end.")] = False,
    kubeconfig: Kubeconfig = None,
) -> None:
    """The hook under shell-operator's contract: bindings with --config, else what BINDING_CONTEXT_PATH names."""
    from slipway.operator import program

    def open_door() -> "Door":
        from slipway.operator import wiring

        return wiring.open_door(kubeconfig=kubeconfig)

    raise typer.Exit(program.main(["--config"] if config else [], open_door))

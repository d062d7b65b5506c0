"""`slipway reset`."""

import sys
from typing import Annotated

import typer

from slipway.cli.views.output import DEFAULT_FILE, ConfigurationFile, Format, Output, confirm, emit
from slipway.errors import ApprovalRequired, before_changes

app = typer.Typer()


@app.command(epilog="Examples: slipway reset --host worker-02 --yes; slipway reset --all --delete-data --yes")
def reset(
    hosts: Annotated[list[str] | None, typer.Option("--host", help="A host; may be repeated.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every host: the cluster is gone.")] = False,
    delete_data: Annotated[
        bool, typer.Option("--delete-data", help="Also images, containers and the site registry's blobs.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    file: ConfigurationFile = DEFAULT_FILE,
    output: Output = Format.TEXT,
) -> int:
    """Take hosts out of the cluster and remove what Slipway put there. To keep a host out, remove its item too."""
    from slipway.cli.running import opened_context
    from slipway.engine.resetting import reset as reset_chosen

    context = opened_context(file, None)
    names = [host.name for host in context.configuration.hosts if everything or host.name in (hosts or [])]
    unknown = set(hosts or []) - {host.name for host in context.configuration.hosts}
    if not names or unknown:
        raise typer.BadParameter(
            f"unknown: {', '.join(sorted(unknown))}" if unknown else "name --host or --all"
        )
    with before_changes():
        if not confirm(f"Reset {', '.join(names)}? Their workloads end.", yes=yes):
            raise ApprovalRequired("a reset needs your consent", hint="run it with --yes")
    result = reset_chosen(
        context, names, delete_data=delete_data, tell=lambda text: print(text, file=sys.stderr)
    )
    if output is Format.JSON:
        emit({"hosts": names, "ok": result.ok, "failures": result.failures})
    else:
        print(f"reset: {', '.join(names)}" if result.ok else "reset failed")
        for failure in result.failures:
            print(f"  host/{failure.host}: {failure.task}: {failure.message} {failure.why}")
    return 0 if result.ok else 1

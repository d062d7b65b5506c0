"""`slipway apply`."""

from pathlib import Path
from typing import Annotated

import typer

from slipway.cli.plan import PLAN_FORMAT
from slipway.cli.views.output import (
    DEFAULT_FILE,
    AllowOlder,
    BundleDirectory,
    ConfigurationFile,
    Format,
    Output,
)
from slipway.digests import is_digest
from slipway.errors import ConfigurationError
from slipway.landing import real
from slipway.smallfiles import json_of

app = typer.Typer()


@app.command(
    epilog="Examples: slipway apply -f cluster.yaml; slipway apply today.plan; slipway apply --yes -o json"
)
def apply(
    typed: typer.Context,
    plan_file: Annotated[Path | None, typer.Argument(help="A plan of `slipway plan --out`.")] = None,
    file: ConfigurationFile = DEFAULT_FILE,
    bundle: BundleDirectory = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Agree to disruptive and destructive steps.")
    ] = False,
    force_conflicts: Annotated[
        bool, typer.Option("--force-conflicts", help="Take fields that somebody else set.")
    ] = False,
    refresh: Annotated[bool, typer.Option(help="Read all hosts and look for drift first.")] = False,
    allow_older: AllowOlder = "",
    output: Output = Format.TEXT,
) -> int:
    """Make hosts, registry, cluster and modules follow the ClusterConfiguration: only what differs."""
    from slipway.cli.running import carry_out, opened_context
    from slipway.model.observed import Scope

    agreed = ""
    if plan_file:
        named, (file, refresh, agreed) = file, _plan_file(plan_file)
        given = typed.get_parameter_source("file")
        if given and given.name == "COMMANDLINE" and real(named) != real(file):
            raise ConfigurationError(
                f"{plan_file} is a plan of another file",
                where=str(named),
                why=f"it was made of {file}",
                hint="leave --file out; or plan that file: slipway plan --out FILE",
            )
    context = opened_context(file, bundle, force_conflicts=force_conflicts, allow_older=allow_older)
    return carry_out(context, Scope.FULL if refresh else Scope.TARGETS, yes=yes, output=output, agreed=agreed)


def _plan_file(path: Path) -> tuple[Path, bool, str]:
    why = ""
    try:
        kept = json_of(path)
        found, form = (Path(kept["file"]), bool(kept["refresh"]), str(kept["plan"]["digest"])), kept["format"]
        if form == PLAN_FORMAT and is_digest(found[2]):
            return found
        why = f"its format is {form!r}, the digest of its plan {found[2]!r}"
    except (OSError, ValueError, KeyError, TypeError) as exc:
        why = str(exc)
    raise ConfigurationError(f"{path} is no plan file", why=why, hint="make one: slipway plan --out FILE")

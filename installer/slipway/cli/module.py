"""`slipway module enable|disable|rotate-secret`: edits the one field in the file and applies."""

from pathlib import Path
from typing import Annotated

import typer

from slipway.cli.views.output import DEFAULT_FILE, ConfigurationFile, Format, Output
from slipway.errors import before_changes
from slipway.landing import land

app = typer.Typer(no_args_is_help=True, help="Switch modules on and off, and have their secrets made anew.")
Name = Annotated[str, typer.Argument(help="Module, as `slipway catalog list` names it.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Agree to disruptive and destructive steps.")]


@app.command(epilog="Example: slipway module enable welcome")
def enable(
    name: Name, file: ConfigurationFile = DEFAULT_FILE, yes: Yes = False, output: Output = Format.TEXT
) -> int:
    """Set spec.modules.NAME.enabled to true in the file, and apply."""
    return _switch(file, name, on=True, yes=yes, output=output)


@app.command(epilog="Example: slipway module disable welcome --yes")
def disable(
    name: Name, file: ConfigurationFile = DEFAULT_FILE, yes: Yes = False, output: Output = Format.TEXT
) -> int:
    """Set spec.modules.NAME.enabled to false in the file, and apply: what it installed is removed."""
    return _switch(file, name, on=False, yes=yes, output=output)


def _switch(file: Path, name: str, *, on: bool, yes: bool, output: Format) -> int:
    from slipway.engine.supply.offered import module_of_site

    with before_changes():  # before the file is touched: a finding would name a line that it does not have
        module_of_site(file, name)
    return _edited(file, ("modules", name, "enabled"), "true" if on else "false", yes=yes, output=output)


def _edited(file: Path, path: tuple[str, ...], value: str, *, yes: bool, output: Format) -> int:
    """The edit of a path below spec stays once it is being carried out; refused, the file is what it was."""
    from slipway.api.read import document
    from slipway.api.yamlfile import text_of
    from slipway.cli.fileedit import with_value
    from slipway.cli.running import carry_out, opened_context
    from slipway.engine.context import Edit
    from slipway.model.observed import Scope

    before, edit = text_of(file), Edit(document(file), path)

    def undo() -> None:
        land(file, before)

    with before_changes(undo):
        land(file, with_value(before, ("spec", *path), value))
        context = opened_context(file, None, edit=edit)
    return carry_out(context, Scope.TARGETS, yes=yes, output=output, undo=undo)


@app.command(
    "rotate-secret",
    epilog="Example: slipway module rotate-secret grafana admin. What modules declare: slipway catalog list -o json",
)
def rotate_secret(
    name: Name,
    entry: Annotated[str, typer.Argument(help="Secret, as the module's module.yaml names it.")],
    file: ConfigurationFile = DEFAULT_FILE,
    yes: Yes = False,
    output: Output = Format.TEXT,
) -> int:
    """Count spec.modules.NAME.secrets.ENTRY.rotation up in the file, and apply: it is made anew, its pods restart."""
    from slipway.api import read
    from slipway.catalog.secrets import rotation_of
    from slipway.engine.supply.offered import module_of_site

    with before_changes():
        module = module_of_site(file, name)
        now = rotation_of(module, entry, read.load(file).spec.modules.get(name))
    path = ("modules", name, "secrets", entry, "rotation")
    return _edited(file, path, str(now + 1), yes=yes, output=output)

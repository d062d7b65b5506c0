"""`slipway bundle push` and `receipt`: into the site registry, or into any others. Parsing and printing only."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slipway.cli.views.output import (
    DEFAULT_FILE,
    AllowOlder,
    ConfigurationFile,
    Format,
    Output,
    colour,
    emit,
    print_error,
    tell,
)

if TYPE_CHECKING:
    from slipway.engine.errands.copies import Copied

MIB = 1 << 20
#: Where receipts are kept where no ClusterConfiguration says it.
STATE = Path(".slipway")


def push(
    directory: Annotated[
        Path, typer.Argument(metavar="[DIR]", envvar="SLIPWAY_BUNDLE", help="The bundle.")
    ] = Path("bundle"),
    file: ConfigurationFile = DEFAULT_FILE,
    to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            help="Into this registry instead, as https://registry.example/project; no ClusterConfiguration is read. "
            "Accounts are Docker's. Repeatable.",
        ),
    ] = None,
    ca_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="With --to: authorities to trust, in the place of the system's (PEM)."
        ),
    ] = None,
    allow_older: AllowOlder = "",
    output: Output = Format.TEXT,
) -> int:
    """Copy a bundle into the site registry, which is brought up first where it is not there yet. Nothing else.

    With --to into any other registries, side by side; one that fails stops no other, and the exit status is 1.
    """
    if to:
        return _copy(directory, to, ca_file, output)
    if ca_file:
        raise typer.BadParameter("is for --to; the site's is spec.registry.caRef", param_hint="--ca-file")
    from slipway.cli.running import carry_out, opened_context
    from slipway.model.observed import Scope
    from slipway.planning.plan import mirror_only

    return carry_out(
        opened_context(file, directory, allow_older=allow_older),
        Scope.TARGETS,
        yes=True,
        output=output,
        narrow=mirror_only,
    )


def receipt(
    file: ConfigurationFile = DEFAULT_FILE,
    to: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Of `bundle push --to URL`; no ClusterConfiguration is read."),
    ] = None,
    output: Output = Format.TEXT,
) -> None:
    """Show what the last push from here put into the site registry, and check that nobody changed the receipt."""
    from slipway.bundle.site.receipts import Notary, label_of, newest_receipt
    from slipway.engine.context import open_context
    from slipway.engine.errands.copies import notary_of
    from slipway.secrets import site_key

    if to:
        path = newest_receipt(STATE, label_of(to))
        notary = notary_of(STATE)
    else:
        context = open_context(file)
        notary, path = Notary(site_key(context.secrets)), newest_receipt(context.state)
    found = notary.read(path)
    if output is Format.JSON:
        emit({"path": str(path), "key": notary.line, **found})
        return
    copied = found["copied"]
    print(f"{colour(found['name'], 'bold')}  {found['bundle']}\n")
    print(f"{found['at']}  {found['registry']}")
    print(
        f"landed: {len(found['landed'])} artifacts; copied then: {copied['blobs']} blobs, {copied['bytes']} bytes"
    )
    print(f"signed by {notary.line}; {path}")


def _copy(directory: Path, urls: list[str], ca_file: Path | None, output: Format) -> int:
    """Copy, and say for each registry what came of it."""
    from slipway.bundle.registry.accounts import DockerAccounts, docker_config
    from slipway.cli.running import stoppable
    from slipway.engine.errands.copies import Copies

    with stoppable() as stopped:
        accounts = DockerAccounts.read(docker_config())
        copied = Copies(accounts, STATE, ca_file, tell, stopped).make(directory, urls)
    failed = [item for item in copied if item.failure]
    if output is Format.JSON:
        emit({"directory": str(directory), "destinations": [_data(item) for item in copied]})
    else:
        _show(copied)
        if failed:
            names = ", ".join(item.url for item in failed)
            print(f"{len(failed)} of {len(copied)} registries lack the bundle: {names}", file=sys.stderr)
    return 1 if failed else 0


def _show(copied: "tuple[Copied, ...]") -> None:
    for item in copied:
        if item.failure:
            print_error(item.failure)
        if item.pushed:
            what = f"{item.pushed.images_copied} images, {item.pushed.artifacts_copied} files"
            size = f"{item.pushed.bytes / MIB:.1f} MiB in {item.pushed.seconds:.1f} s"
            print(f"{item.url}: copied {what}, {size}; receipt {item.receipt}")


def _data(item: "Copied") -> dict[str, Any]:
    return {
        "registry": item.url,
        "copied": item.pushed,
        "receipt": item.receipt,
        "error": item.failure.as_dict() if item.failure else None,
    }

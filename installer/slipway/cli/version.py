"""`slipway version`."""

import typer

from slipway import __version__
from slipway.cli.views.output import Format, Output, emit

app = typer.Typer()


@app.command()
def version(output: Output = Format.TEXT) -> None:
    """Print the version and the digest of the catalog of this release."""
    from slipway.catalog import digest

    catalog = digest()
    if output is Format.JSON:
        emit({"version": __version__, "catalog": catalog})
    else:
        print(f"slipway {__version__} (catalog {catalog[7:19]})")

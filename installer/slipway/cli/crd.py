"""`slipway crd`: the CustomResourceDefinitions of this release."""

from enum import StrEnum
from typing import Annotated

import typer

from slipway.cli.views.output import emit

app = typer.Typer()


class Form(StrEnum):
    """How they are printed."""

    YAML = "yaml"
    JSON = "json"


@app.command()
def crd(output: Annotated[Form, typer.Option("--output", "-o", help="yaml or json.")] = Form.YAML) -> None:
    """Print ClusterConfiguration and Operation, as in: slipway crd | kubectl apply -f -."""
    from slipway.api import crd as definitions
    from slipway.yamltext import dump_all

    if output is Form.JSON:
        emit({"apiVersion": "v1", "kind": "List", "items": definitions.crds()})
    else:
        print(dump_all(definitions.crds()), end="")

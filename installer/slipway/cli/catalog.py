"""`slipway catalog list`: the modules of this release."""

from typing import Any

import typer

from slipway.cli.output import Format, Output, emit, table

app = typer.Typer(no_args_is_help=True, help="What this release can install.")


@app.callback()
def group() -> None:
    """What this release can install."""


@app.command("list")
def list_(output: Output = Format.TEXT) -> None:
    """List modules: name, version, what they provide and require."""
    from slipway import catalog

    loaded = catalog.load()
    if output is Format.JSON:
        modules = [_module(item) for item in loaded.modules.values()]
        emit({"version": loaded.version, "digest": loaded.digest, "modules": modules})
        return
    rows = [
        (item.name, item.version, str(item.stage), _joined(item.provides), _required(item), item.summary)
        for item in loaded.modules.values()
    ]
    table(("NAME", "VERSION", "STAGE", "PROVIDES", "REQUIRES", "SUMMARY"), rows)


def _module(module: Any) -> dict[str, Any]:
    return {
        "name": module.name,
        "version": module.version,
        "summary": module.summary,
        "stage": str(module.stage),
        "provides": list(module.provides),
        "requires": [{"name": item.name, "when": dict(item.when)} for item in module.requires],
        "images": list(module.images),
        "settings": module.schema.get("properties", {}),
        "removal": {
            "crds": module.removal.crds,
            "data": module.removal.data,
            "namespace": module.removal.namespace,
        },
        "resources": dict(module.resources),
    }


def _required(module: Any) -> str:
    """Requirements; one that depends on settings is in brackets."""
    return _joined(item.name if not item.when else f"[{item.name}]" for item in module.requires)


def _joined(names: Any) -> str:
    return ",".join(names) or "-"

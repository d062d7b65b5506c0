"""`slipway catalog`: the modules of this release, and whether their lists of images are right."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slipway.cli.views.output import Format, Output, emit, table
from slipway.errors import ERROR, ConfigurationError, PreflightError

if TYPE_CHECKING:
    from slipway.catalog import Catalog
    from slipway.model.configuration import Configuration

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


@app.command(
    epilog="Exit codes: 0 right (warnings may be shown), 4 something must be put right. "
    "Example: slipway catalog verify --charts-dir charts"
)
def verify(
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            "-f",
            envvar="SLIPWAY_FILE",
            help="A ClusterConfiguration, whose settings and values are rendered; "
            "unset: the samples in each module's tests.",
        ),
    ] = None,
    charts_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Charts to look at, packed or not; unset: those that `slipway bundle build` takes.",
        ),
    ] = None,
    modules_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Modules to look at; unset: those of this release."),
    ] = None,
    output: Output = Format.TEXT,
) -> int:
    """Render the charts of all modules, and compare the images in them with those that the modules declare."""
    from slipway import catalog as catalogs
    from slipway.cli.views.imageview import images_text
    from slipway.engine.enquiry import images

    catalog = _modules_of(modules_dir) if modules_dir else catalogs.load()
    configuration = site_of(file, modules_dir) if file else None
    charts, helm = images.built_charts(catalog, lambda text: print(text, file=sys.stderr, flush=True))
    checked = images.checked_modules(
        catalog, images.fetched_charts(catalog, charts_dir) if charts_dir else charts, helm, configuration
    )
    errors = [fault for module in checked for fault in module.faults if fault.severity == ERROR]
    if output is Format.JSON:
        emit({"ok": not errors, "modules": checked})
    else:
        print(images_text(checked))
    return PreflightError.exit_code if errors else 0


def _modules_of(directory: Path) -> "Catalog":
    from slipway import catalog as catalogs

    found = catalogs.load([directory])
    if not found.modules:
        raise ConfigurationError(
            "there is no module here",
            where=str(directory),
            hint="give the directory that has the modules' folders, each with a module.yaml",
        )
    return found


def site_of(file: Path, modules_dir: Path | None = None) -> "Configuration":
    """The ClusterConfiguration; refused where it says what neither this release nor the directory knows."""
    from slipway import catalog as catalogs
    from slipway.api import read
    from slipway.settings import data_dir

    configuration = read.load(file)
    known = [data_dir() / "modules", *([modules_dir] if modules_dir else [])]
    findings = catalogs.load(known).check(configuration)
    if findings:
        raise read.refusal(findings, path=file)
    return configuration


def _module(module: Any) -> dict[str, Any]:
    return {
        "name": module.name,
        "version": module.version,
        "summary": module.summary,
        "stage": str(module.stage),
        "provides": list(module.provides),
        "requires": [{"name": item.name, "when": dict(item.when)} for item in module.requires],
        "images": list(module.images),
        "runtimeImages": list(module.runtime_images),
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

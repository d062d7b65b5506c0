"""`slipway catalog`: the modules of this release, and whether their lists of images are right."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli.bundling import modulepacks
from slipway.cli.bundling.bundleoptions import Registry, TreesDir, upstreams_of
from slipway.cli.cataloging import graph, show
from slipway.cli.cataloging.facts import level_of, module_facts, provided_by, required_by
from slipway.cli.views.output import Format, Output, emit, print_error, table, tell
from slipway.errors import ERROR, ConfigurationError, PreflightError
from slipway.findings import FindingCode

if TYPE_CHECKING:
    from slipway.catalog import Catalog
    from slipway.model.configuration import Configuration

app = typer.Typer(no_args_is_help=True, help="What this release can install.")


@app.callback()
def group() -> None:
    """What this release can install."""


@app.command("list")
def list_(
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help="Also what the site's bundle and its own sources have."),
    ] = None,
    output: Output = Format.TEXT,
) -> None:
    """List modules: name, version, group, level, what they provide and require.

    Levels are what tests have seen: 1 its folder is right, 2 its charts render and their images are declared, 3 Helm
    installs, changes and removes it at a real API, 4 it does its job on nodes; in brackets: a former form of it.
    """
    from slipway import catalog
    from slipway.engine.supply.offered import catalog_of_site

    loaded = catalog_of_site(file) if file else catalog.load()
    if output is Format.JSON:
        modules = [module_facts(item) for item in loaded.modules.values()]
        broken = {name: error.as_dict() for name, error in loaded.broken.items()}
        emit({"version": loaded.version, "digest": loaded.digest, "modules": modules, "broken": broken})
        return
    rows = [
        (
            item.name,
            item.version,
            str(item.group),
            level_of(item),
            provided_by(item),
            required_by(item),
            item.summary,
        )
        for item in loaded.modules.values()
    ]
    table(("NAME", "VERSION", "GROUP", "LEVEL", "PROVIDES", "REQUIRES", "SUMMARY"), rows)
    for error in loaded.broken.values():
        print_error(error)


_ModulesDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Modules to look at; unset: those of this release.")
]
_Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Modules; none: all.")]


@app.command(epilog="Example: slipway catalog new guestbook --modules-dir modules")
def new(
    name: Annotated[str, typer.Argument(help="Of the module; its folder is called so.")],
    repository: Annotated[
        str, typer.Option(metavar="URL", help="Where somebody else's chart is: https://... or oci://...")
    ] = "",
    tree: Annotated[
        str,
        typer.Option(
            metavar="ORIGIN", help="Files that it is packed of: URL@COMMIT, or MODULE@VERSION of Go."
        ),
    ] = "",
    path: Annotated[
        str, typer.Option(metavar="PATH", help="Of the chart or the manifests in the tree.")
    ] = "",
    version: Annotated[str, typer.Option(metavar="VERSION", help="Of somebody else's chart.")] = "",
    chart: Annotated[
        str, typer.Option(metavar="CHART", help="What it is called; unset: as the module.")
    ] = "",
    modules_dir: Annotated[
        Path, typer.Option(metavar="DIR", help="Where modules' folders are, and the new one goes.")
    ] = Path("modules"),
    output: Output = Format.TEXT,
) -> None:
    """Write the folder of a new module: with a chart that runs, or for a chart of somebody else's; make it yours."""
    from slipway.catalog.folder.skeleton import write_skeleton
    from slipway.catalog.folder.upstream import Upstream

    upstream = Upstream.of(name, chart=chart, version=version, repository=repository, tree=tree, path=path)
    files = write_skeleton(modules_dir, name, upstream)
    if output is Format.JSON:
        emit({"module": name, "files": [str(file) for file in files]})
        return
    for file in files:
        print(file)
    there = f"{name} --modules-dir {modules_dir}"
    first = "edit them" if upstream is None else f"slipway catalog lock {there}, edit them"
    print(f"next: {first}, then slipway catalog lint {there}")


@app.command(epilog="Example: slipway catalog lock cert-manager")
def lock(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Modules.")],
    modules_dir: _ModulesDir = None,
    trees_dir: TreesDir = None,
    images: Annotated[
        bool,
        typer.Option("--images", help="Read at their registries the digests of the modules' images too."),
    ] = False,
    registry: Registry = None,
    accept: Annotated[
        bool,
        typer.Option(
            "--accept", help="Take charts and images that were published again with other contents."
        ),
    ] = False,
    output: Output = Format.TEXT,
) -> None:
    """Read what modules' charts are at repositories or of trees, and keep it with the images in them in lock.yaml.

    With --images also which digests the tags of images mean for each platform. Without, an image is unread: whoever
    builds a bundle reads it.
    """
    from slipway.bundle.ground.workshop import Workshop
    from slipway.cli.views.transferview import TransferView
    from slipway.engine.errands.locking import ModuleLocker, write_lock

    catalog = _catalog_of(modules_dir)
    modules = [catalog.named(name) for name in names]
    upstreams = upstreams_of(registry)
    locker = ModuleLocker.of(catalog, Workshop(tell, trees=trees_dir), upstreams, TransferView("charts"))
    written, unread = {}, {}
    for module in modules:
        read = locker.images(module, accept=accept) if images else None
        made = written[module.name] = locker.locked(module, accept=accept, images=read)
        path = write_lock(module, made)
        unread[module.name] = dict(read.unread) if read else {}
        if output is Format.TEXT:
            charts = len(made.charts) + len(made.trees)
            counts = f"{charts} charts, {len(made.images)} images, {len(made.crds)} definitions"
            print(f"{path}: {counts}{f', {len(made.digests)} images read' if images else ''}")
            for image in made.undeclared(module):
                print(f"  not in module.yaml yet: {image}")
            for image, why in unread[module.name].items():
                print(f"{path}: {image} stays unread: {why}", file=sys.stderr)
    if output is Format.JSON:
        locks = {name: made.model_dump(by_alias=True) for name, made in written.items()}
        emit({"modules": locks, "unread": unread})


@app.command(
    epilog="Exit codes: 0 right, 4 something must be put right. Example: slipway catalog lint welcome"
)
def lint(
    names: _Names = None,
    modules_dir: _ModulesDir = None,
    fix: Annotated[bool, typer.Option("--fix", help="Write the table of settings in each README.")] = False,
    output: Output = Format.TEXT,
) -> int:
    """Look for what is wrong with modules' folders: words, settings and their tests, pins that nothing takes."""
    from slipway.engine.enquiry.linted import linted_modules

    found = linted_modules(_catalog_of(modules_dir), names or (), fix=fix)
    if output is Format.JSON:
        emit({"ok": not any(found.values()), "modules": found})
    else:
        for module, findings in found.items():
            print(f"{module}: {_many(len(findings))}")
            for finding in findings:
                print(f"  {finding}")
    return PreflightError.exit_code if any(found.values()) else 0


@app.command(
    epilog="Exit codes: 0 right (warnings may be shown), 4 something must be put right. "
    "Example: slipway catalog verify welcome --charts-dir charts"
)
def verify(
    names: _Names = None,
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
    trees_dir: TreesDir = None,
    modules_dir: _ModulesDir = None,
    output: Output = Format.TEXT,
) -> int:
    """Render the charts of modules, and compare the images in them with those that the modules declare."""
    from slipway.bundle.ground.workshop import Workshop
    from slipway.cli.views.imageview import images_text
    from slipway.engine.enquiry import images

    loaded = _catalog_of(modules_dir)
    catalog, broken = loaded.of(names or ()), loaded.broken if not names else {}
    configuration = site_of(file, modules_dir) if file else None
    charts, helm = images.built_charts(catalog, Workshop(tell, trees=trees_dir))
    checked = images.checked_modules(
        catalog, images.fetched_charts(catalog, charts_dir) if charts_dir else charts, helm, configuration
    )
    errors = [fault for module in checked for fault in module.faults if fault.severity == ERROR]
    if output is Format.JSON:
        unusable = {name: error.as_dict() for name, error in broken.items()}
        emit({"ok": not (errors or broken), "modules": checked, "broken": unusable})
    else:
        print(images_text(checked))
        for error in broken.values():
            print_error(error)
    return PreflightError.exit_code if errors or broken else 0


app.command("show", epilog="Example: slipway catalog show welcome -f cluster.yaml")(show.show)
app.command("graph", epilog="Example: slipway catalog graph -f cluster.yaml -o dot | dot -Tsvg")(graph.graph)
app.command("pack", epilog="Example: slipway catalog pack modules -o pack")(modulepacks.pack)
app.command("push", epilog="Example: slipway catalog push pack --name team-a -f cluster.yaml")(
    modulepacks.push
)


def _many(count: int) -> str:
    return {0: "right", 1: "one mistake"}.get(count, f"{count} mistakes")


def _catalog_of(directory: Path | None) -> "Catalog":
    """This release's, or what a directory has."""
    from slipway import catalog as catalogs

    if directory is None:
        return catalogs.load()
    found = catalogs.load([directory])
    if not (found.modules or found.broken):
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
    sources = configuration.spec.module_sources
    given = [data_dir() / "modules", modules_dir] if modules_dir else []
    known = catalogs.load(given) if given else catalogs.load_beside(sources, file)
    findings = known.check(configuration)
    if any(source.digest for source in sources.values()):  # theirs are in a registry that is not asked here
        findings = [one for one in findings if one.code is not FindingCode.UNKNOWN_MODULE]
    if findings:
        raise read.refusal(findings, path=file)
    return configuration

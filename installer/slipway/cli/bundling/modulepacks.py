"""`slipway catalog pack` and `push`: modules of a site's own, carried and pushed without a release or a bundle."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli.bundling.bundleoptions import (
    DOWNLOADS,
    KEYS,
    LOCK,
    DownloadsFile,
    KeysFile,
    LockFile,
    Registry,
    downloads_of,
    signers_of,
    upstreams_of,
)
from slipway.cli.views.output import DEFAULT_FILE, ConfigurationFile, Format, Output, emit, tell
from slipway.cli.views.transferview import TransferView
from slipway.landing import real
from slipway.model.fields import DNS_LABEL

if TYPE_CHECKING:
    from slipway.catalog import Catalog
    from slipway.model.bundle import BundleManifest

MIB = 1 << 20
_Directory = Annotated[Path, typer.Argument(metavar="DIR", help="Modules' folders.")]


def pack(
    modules: _Directory,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where to write the pack.")],
    platform: Annotated[
        str, typer.Option(help="Comma-separated, of the site's hosts, as linux/amd64,linux/arm64.")
    ] = "linux/amd64",
    lock_file: LockFile = LOCK,
    keys_file: KeysFile = KEYS,
    downloads_file: DownloadsFile = DOWNLOADS,
    registry: Registry = None,
    output: Annotated[Format, typer.Option("--output", help="text or json.")] = Format.TEXT,
) -> None:
    """Build what a directory of modules needs: folders, charts, images. `bundle sign` and `export` take it too."""
    from slipway.bundle.locks.images import read as read_lock
    from slipway.bundle.make.official import Official, OfficialFiles
    from slipway.bundle.make.pack import build_pack
    from slipway.bundle.verify.info import bundle_facts
    from slipway.model.platforms import BY_NAME

    names = tuple(platform.split(","))
    if unknown := [name for name in names if name not in BY_NAME]:
        raise typer.BadParameter(f"{unknown[0]}: {', '.join(BY_NAME)}", param_hint="--platform")
    platforms, upstreams = tuple(BY_NAME[name] for name in names), upstreams_of(registry)
    catalog, chosen = _packed(modules)
    made = build_pack(
        catalog,
        chosen,
        out,
        platforms=platforms,
        official=Official(
            lock=read_lock(lock_file),
            platforms=names,
            upstreams=upstreams,
            progress=TransferView("images"),
            signers=signers_of(keys_file),
        ),
        files=OfficialFiles(
            lock=downloads_of(downloads_file),
            platforms=platforms,
            upstreams=upstreams,
            progress=TransferView("files"),
        ),
        progress=tell,
    )
    if output is Format.JSON:
        emit(bundle_facts(made) | {"directory": str(out)})
    else:
        print(_pack_text(out, made))


def push(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A pack.")],
    name: Annotated[str, typer.Option(help="Of the source, as spec.moduleSources has it.")],
    file: ConfigurationFile = DEFAULT_FILE,
    output: Output = Format.TEXT,
) -> None:
    """Put a pack into the site registry, and print the digest by which the ClusterConfiguration names it."""
    from slipway.cli.running import opened_context, stoppable
    from slipway.engine.errands.packing import push_pack

    if not re.fullmatch(DNS_LABEL, name):
        raise typer.BadParameter(f"{name}: small letters, digits and hyphens", param_hint="--name")
    with stoppable() as stopped:
        pushed = push_pack(opened_context(file, None), directory, name, tell=tell, cancelled=stopped)
    if output is Format.JSON:
        emit({"source": pushed.source, "digest": pushed.digest, "modules": pushed.modules})
        return
    print(f"pushed: {', '.join(pushed.modules)}")
    print(f"spec:\n  moduleSources:\n    {name}:\n      digest: {pushed.digest}")


def _packed(directory: Path) -> "tuple[Catalog, list[str]]":
    """The release with the directory's modules, and their names.

    Raises:
        ConfigurationError: there is none, one has the name of another, or one cannot be used.
    """
    from slipway import catalog as catalogs
    from slipway.model.modulesources import ModuleSource

    alone = catalogs.load([directory])
    catalog = catalogs.load_beside({"pack": ModuleSource(directory=str(real(directory)))}, directory)
    for name in alone.folders:
        catalog.named(name)
    return catalog, sorted(alone.folders)


def _pack_text(out: Path, made: "BundleManifest") -> str:
    from slipway.bundle.verify.info import unread_images
    from slipway.cli.views.unreadview import unread_text

    size = sum(artifact.size for artifact in made.artifacts)
    unread = unread_images(made)
    told = f"{unread_text(unread)}\n" if unread else ""
    return f"{out}: {len(made.artifacts)} artifacts, {size // MIB} MiB\n{told}digest {made.digest}"

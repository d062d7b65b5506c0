"""`slipway bundle build`: where there is Internet. Parsing and printing only."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli.bundling.bundleoptions import (
    DOWNLOADS,
    KEYS,
    LOCK,
    DownloadsFile,
    Images,
    KeysFile,
    LockFile,
    Modules,
    Platform,
    ProfileOption,
    Registry,
    To,
    TreesDir,
    chosen_of,
    downloads_of,
    gathered_of,
    images_for,
    kubernetes_of,
    named_of,
    platforms_for,
    signers_of,
    upstreams_of,
)
from slipway.cli.views.grouping import taking
from slipway.cli.views.output import DEFAULT_FILE, ConfigurationFile, Format, emit, tell
from slipway.cli.views.transferview import TransferView
from slipway.model.bundle import ImageOrigin

if TYPE_CHECKING:
    from slipway.bundle.make.official import Official, OfficialFiles
    from slipway.bundle.registry.upstream import Upstreams
    from slipway.model.bundle import BundleManifest
    from slipway.model.configuration import Configuration

MIB = 1 << 20


@dataclass(frozen=True)
class BuildOptions:
    """What a user may say of a bundle that is to be built."""

    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where to write the bundle.")]
    file: ConfigurationFile = DEFAULT_FILE
    systems: Annotated[str, typer.Option("--os", help="Comma-separated, as debian-12,debian-13.")] = (
        "debian-12,debian-13"
    )
    packages: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SYSTEM=DIR",
            help="Packages that you have gathered for a system that --os does not fetch, as rocky-9=rpms. Repeatable.",
        ),
    ] = None
    to: To = None
    profile: ProfileOption = None
    modules: Modules = None
    since: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Leave out what a site has: its `bundle inventory`."),
    ] = None
    source: Annotated[
        ImageOrigin,
        typer.Option(
            help="Images pulled, built from source, or (auto) pulled where they are locked or nothing builds them."
        ),
    ] = ImageOrigin.AUTO
    lock_file: LockFile = LOCK
    keys_file: KeysFile = KEYS
    images: Images = None
    files: Annotated[
        ImageOrigin,
        typer.Option(
            help="Programs and charts downloaded, built from source, or (auto) downloaded where locked."
        ),
    ] = ImageOrigin.AUTO
    downloads_file: DownloadsFile = DOWNLOADS
    further: Annotated[
        list[str] | None,
        typer.Option(
            "--download",
            metavar="KIND/NAME:VERSION",
            help="A locked binary or chart besides those needed, as chart/page:1.2.3. Repeatable.",
        ),
    ] = None
    vulnerabilities: Annotated[
        Path | None,
        typer.Option(
            "--vulnerability-database",
            metavar="DIR",
            help="Carry these databases of osv.dev (ECOSYSTEM/all.zip), and the scanner for `bundle scan`.",
        ),
    ] = None
    trees_dir: TreesDir = None
    platform: Platform = ""
    registry: Registry = None
    # Here -o is the directory, as with every tool that builds something.
    output: Annotated[Format, typer.Option("--output", help="text or json.")] = Format.TEXT


@taking(BuildOptions)
def build(options: BuildOptions) -> None:
    """Build all that a ClusterConfiguration needs; what is built or there already is not made again."""
    from slipway.bundle.verify.info import bundle_facts, carried_bytes, unread_images
    from slipway.cli.views.unreadview import unread_text

    started = time.monotonic()
    manifest = _built(options)
    size, seconds = carried_bytes(options.out, manifest), time.monotonic() - started
    if options.output is Format.JSON:
        emit(
            bundle_facts(manifest)
            | {"directory": str(options.out), "carried": size, "seconds": round(seconds, 1)}
        )
        return
    left_out = ", without what the site has" if options.since else ""
    print(
        f"{options.out}: {len(manifest.artifacts)} artifacts, {size // MIB} MiB{left_out}, in {seconds:.1f} s"
    )
    if unread := unread_images(manifest):
        print(unread_text(unread))
    print(f"digest {manifest.digest}")


def _built(options: BuildOptions) -> "BundleManifest":
    """The bundle's manifest, all that it names in place."""
    from slipway import catalog as catalogs
    from slipway.api import read
    from slipway.bundle.make.build import build_bundle
    from slipway.bundle.site.inventory import Inventory
    from slipway.model.platforms import BY_NAME
    from slipway.planning.roles import packages_of

    configuration = read.load(options.file)
    catalog = catalogs.load_beside(configuration.spec.module_sources, options.file)
    modules, images = chosen_of(options.modules, options.profile, catalog, configuration)
    upstreams = upstreams_of(options.registry)
    return build_bundle(
        catalog.versions,
        catalog,
        options.out,
        kubernetes=kubernetes_of(configuration, options.file, catalog, options.to),
        modules=modules,
        images=images,
        systems=tuple(name for name in options.systems.split(",") if name),
        platforms=tuple(BY_NAME[name] for name in platforms_for(options.platform, configuration)),
        packages=packages_of(configuration),
        gathered=gathered_of(options.packages or ()),
        elsewhere=Inventory.read(options.since).blobs if options.since else {},
        official=_official(options, configuration, upstreams),
        files=_official_files(options, configuration, upstreams),
        vulnerabilities=options.vulnerabilities,
        trees=options.trees_dir,
        progress=tell,
    )


def _official(options: BuildOptions, configuration: "Configuration", upstreams: "Upstreams") -> "Official":
    """Which images come from their registries."""
    from slipway.bundle.locks.images import read as read_lock
    from slipway.bundle.make.official import Official

    return Official(
        options.source,
        read_lock(options.lock_file),
        images_for(options.platform, configuration),
        frozenset(options.images or ()),
        upstreams,
        TransferView("images"),
        signers_of(options.keys_file),
    )


def _official_files(
    options: BuildOptions, configuration: "Configuration", upstreams: "Upstreams"
) -> "OfficialFiles":
    """Which programs and charts are downloaded."""
    from slipway.bundle.make.official import OfficialFiles
    from slipway.model.platforms import BY_NAME

    return OfficialFiles(
        options.files,
        downloads_of(options.downloads_file),
        tuple(BY_NAME[name] for name in platforms_for(options.platform, configuration)),
        named_of(options.further or ()),
        upstreams=upstreams,
        progress=TransferView("files"),
    )

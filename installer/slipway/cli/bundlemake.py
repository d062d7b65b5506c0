"""`slipway bundle build`: where there is Internet. Parsing and printing only."""

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli.output import DEFAULT_FILE, ConfigurationFile, Format, emit
from slipway.cli.transferview import TransferView
from slipway.model.bundle import ImageOrigin, Profile

if TYPE_CHECKING:
    from slipway.bundle.locks.downloads import Downloads
    from slipway.bundle.make.official import Named
    from slipway.bundle.registry.upstream import Upstreams
    from slipway.catalog import Catalog
    from slipway.model.configuration import Configuration

MIB = 1 << 20
ProfileOption = Annotated[
    Profile,
    typer.Option(help="Modules: all, an AI platform's besides those enabled, or those enabled alone."),
]
Modules = Annotated[str | None, typer.Option(help="Comma-separated, in the place of a profile.")]
To = Annotated[
    str | None,
    typer.Option(metavar="VERSION", help="Also all that an upgrade to this Kubernetes needs, as v1.36.3."),
]
LOCK = Path("images.lock.yaml")
LockFile = Annotated[
    Path, typer.Option("--lock", metavar="FILE", help="Digests of images: `slipway bundle lock`.")
]
Images = Annotated[
    list[str] | None,
    typer.Option("--image", metavar="NAME:TAG", help="An image besides those of the modules. Repeatable."),
]
Platform = Annotated[
    str,
    typer.Option(
        help="Comma-separated, as linux/amd64,linux/arm64, in the place of the hosts' own; all: images from registries"
        " with every platform, the index as it is."
    ),
]
DOWNLOADS = Path("downloads.lock.yaml")
DownloadsFile = Annotated[
    Path,
    typer.Option(
        "--downloads", metavar="FILE", help="Files of public servers, with the sha256 that somebody has read."
    ),
]
Registry = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=URL",
        help="Take images of this registry from there, as docker.io=https://mirror. Repeatable.",
    ),
]


def build(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where to write the bundle.")],
    file: ConfigurationFile = DEFAULT_FILE,
    systems: Annotated[
        str, typer.Option("--os", help="Comma-separated, as debian-12,debian-13.")
    ] = "debian-12,debian-13",
    packages: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SYSTEM=DIR",
            help="Packages that you have gathered for a system that --os does not fetch, as rocky-9=rpms. Repeatable.",
        ),
    ] = None,
    to: To = None,
    profile: ProfileOption = Profile.FULL,
    modules: Modules = None,
    since: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Leave out what a site has: its `bundle inventory`."),
    ] = None,
    source: Annotated[
        ImageOrigin,
        typer.Option(
            help="Images from their registries, built from source, or (auto) from registries where locked."
        ),
    ] = ImageOrigin.AUTO,
    lock_file: LockFile = LOCK,
    images: Images = None,
    files: Annotated[
        ImageOrigin,
        typer.Option(
            help="Programs and charts downloaded, built from source, or (auto) downloaded where locked."
        ),
    ] = ImageOrigin.AUTO,
    downloads_file: DownloadsFile = DOWNLOADS,
    further: Annotated[
        list[str] | None,
        typer.Option(
            "--download",
            metavar="KIND/NAME:VERSION",
            help="A locked binary or chart besides those needed, as chart/page:1.2.3. Repeatable.",
        ),
    ] = None,
    platform: Platform = "",
    registry: Registry = None,
    # Here -o is the directory, as with every tool that builds something.
    output: Annotated[Format, typer.Option("--output", help="text or json.")] = Format.TEXT,
) -> None:
    """Build all that a ClusterConfiguration needs; what is built or there already is not made again."""
    from slipway import catalog as catalogs
    from slipway.api import read
    from slipway.bundle.locks.images import read as read_lock
    from slipway.bundle.make.build import build_bundle
    from slipway.bundle.make.official import Official, OfficialFiles
    from slipway.bundle.site.inventory import Inventory
    from slipway.bundle.verify.info import carried, describe
    from slipway.catalog.profiles import modules_of
    from slipway.model.platforms import BY_NAME
    from slipway.planning.roles import packages_of

    catalog, configuration = catalogs.load(), read.load(file)
    started, upstreams = time.monotonic(), upstreams_of(registry)
    platforms = tuple(BY_NAME[name] for name in _platforms(platform, configuration))
    manifest = build_bundle(
        catalog.versions,
        catalog,
        out,
        kubernetes=kubernetes_of(configuration, file, catalog, to),
        modules=modules.split(",") if modules else modules_of(profile, catalog, configuration),
        systems=tuple(name for name in systems.split(",") if name),
        platforms=platforms,
        packages=packages_of(configuration),
        gathered=_gathered(packages or ()),
        elsewhere=Inventory.read(since).blobs if since else {},
        official=Official(
            source,
            read_lock(lock_file),
            images_for(platform, configuration),
            frozenset(images or ()),
            upstreams,
            TransferView("images"),
        ),
        files=OfficialFiles(
            files,
            downloads_of(downloads_file),
            platforms,
            _named(further or ()),
            upstreams=upstreams,
            progress=TransferView("files"),
        ),
        progress=lambda text: print(text, file=sys.stderr, flush=True),
    )
    size = carried(out, manifest)
    if output is Format.JSON:
        seconds = round(time.monotonic() - started, 1)
        emit(describe(manifest) | {"directory": str(out), "carried": size, "seconds": seconds})
        return
    left_out = ", without what the site has" if since else ""
    took = f"in {time.monotonic() - started:.1f} s"
    print(f"{out}: {len(manifest.artifacts)} artifacts, {size // MIB} MiB{left_out}, {took}")
    print(f"digest {manifest.digest}")


def images_for(option: str, configuration: "Configuration") -> tuple[str, ...]:
    """The platforms under which a lock has images: the hosts', those that were asked for, or all of them at once."""
    from slipway.model.platforms import ALL

    return (ALL,) if option == ALL else _platforms(option, configuration)


def _platforms(option: str, configuration: "Configuration") -> tuple[str, ...]:
    """Of all that is made for hosts, in the order in which there have come to be any."""
    from slipway.model.platforms import ALL, BY_NAME

    asked = {name for name in option.split(",") if name}
    if asked - BY_NAME.keys() - {ALL} or (ALL in asked and len(asked) > 1):
        hint = f"{option}: {', '.join(BY_NAME)}, several with commas, or {ALL} alone"
        raise typer.BadParameter(hint, param_hint="--platform")
    wanted = asked - {ALL} or {platform.name for platform in configuration.platforms}
    return tuple(name for name in BY_NAME if name in wanted)


def _gathered(options: Iterable[str]) -> dict[str, Path]:
    """Directories by system."""
    found = {}
    for option in options:
        system, equals, directory = option.partition("=")
        if not equals or not Path(directory).is_dir():
            raise typer.BadParameter(
                f"{option}: SYSTEM=DIR, where DIR is a directory of packages", param_hint="--packages"
            )
        found[system] = Path(directory)
    return found


def _named(options: Iterable[str]) -> "frozenset[Named]":
    """Binaries and charts."""
    from slipway.bundle.locks.downloads import DownloadKind

    found = set()
    for option in options:
        kind, slash, rest = option.partition("/")
        name, colon, version = rest.partition(":")
        if not (slash and colon and name and version) or kind not in {"binary", "chart"}:
            hint = f"{option}: binary/NAME:VERSION or chart/NAME:VERSION"
            raise typer.BadParameter(hint, param_hint="--download")
        found.add((DownloadKind(kind), name, version))
    return frozenset(found)


def upstreams_of(registries: Iterable[str] | None) -> "Upstreams":
    """Registries of the Internet, some of them by other URLs."""
    from slipway.bundle.registry.upstream import Upstreams

    urls = {}
    for option in registries or ():
        name, equals, url = option.partition("=")
        if not equals or not url.startswith(("http://", "https://")):
            raise typer.BadParameter(
                f"{option}: NAME=URL, as docker.io=https://mirror", param_hint="--registry"
            )
        urls[name] = url
    return Upstreams(urls)


def downloads_of(file: Path) -> "Downloads":
    """What is locked; a file that somebody names has to be there."""
    from slipway.bundle.locks import downloads

    if file != DOWNLOADS and not file.is_file():
        raise typer.BadParameter(f"{file}: there is no such file", param_hint="--downloads")
    return downloads.read(file)


def kubernetes_of(
    configuration: "Configuration", file: Path, catalog: "Catalog", to: str | None
) -> tuple[str, ...]:
    """The version that a bundle is built for, and those of an upgrade to a later one."""
    from slipway.catalog.upgrades import path
    from slipway.errors import ConfigurationError

    if configuration.spec.kubernetes is None:
        raise ConfigurationError(
            "names no Kubernetes version, so there is nothing to build a bundle for",
            where=f"{file}: spec.kubernetes",
            hint="build it for the ClusterConfiguration that has the hosts",
        )
    version = configuration.spec.kubernetes.version
    return path(catalog.versions.kubernetes_versions(), version, to) if to else (version,)

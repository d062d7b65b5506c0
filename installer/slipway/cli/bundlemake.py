"""`slipway bundle build` and `lock`: where there is Internet. Parsing and printing only."""

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli.output import DEFAULT_FILE, ConfigurationFile, Format, Output, emit
from slipway.cli.transferview import TransferView
from slipway.model.bundle import ImageOrigin, Profile

if TYPE_CHECKING:
    from slipway.bundle.upstream import Upstreams
    from slipway.model.configuration import Configuration

MIB = 1 << 20
ProfileOption = Annotated[
    Profile,
    typer.Option(help="Modules: all, an AI platform's besides those enabled, or those enabled alone."),
]
Modules = Annotated[str | None, typer.Option(help="Comma-separated, in the place of a profile.")]
LOCK = Path("images.lock.yaml")
LockFile = Annotated[
    Path, typer.Option("--lock", metavar="FILE", help="Digests of images: `slipway bundle lock`.")
]
Images = Annotated[
    list[str] | None,
    typer.Option("--image", metavar="NAME:TAG", help="An image besides those of the modules. Repeatable."),
]
Platform = Annotated[str, typer.Option(help="linux/amd64, or all: every platform, the index as it is.")]
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
    platform: Platform = "linux/amd64",
    registry: Registry = None,
    # Here -o is the directory, as with every tool that builds something.
    output: Annotated[Format, typer.Option("--output", help="text or json.")] = Format.TEXT,
) -> None:
    """Build all that a ClusterConfiguration needs; what is built or there already is not made again."""
    from slipway import catalog as catalogs
    from slipway.api import read
    from slipway.bundle.build import build_bundle
    from slipway.bundle.info import carried, describe
    from slipway.bundle.inventory import Inventory
    from slipway.bundle.lock import read as read_lock
    from slipway.bundle.official import Official
    from slipway.catalog.profiles import modules_of
    from slipway.planning.roles import packages_of

    catalog, configuration = catalogs.load(), read.load(file)
    started = time.monotonic()
    manifest = build_bundle(
        catalog.versions,
        catalog,
        out,
        kubernetes=_kubernetes(configuration, file),
        modules=modules.split(",") if modules else modules_of(profile, catalog, configuration),
        systems=tuple(name for name in systems.split(",") if name),
        packages=packages_of(configuration),
        gathered=_gathered(packages or ()),
        elsewhere=Inventory.read(since).blobs if since else {},
        official=Official(
            source,
            read_lock(lock_file),
            platform,
            frozenset(images or ()),
            _upstreams(registry),
            TransferView(),
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


def _upstreams(registries: Iterable[str] | None) -> "Upstreams":
    from slipway.bundle.upstream import Upstreams

    urls = {}
    for option in registries or ():
        name, equals, url = option.partition("=")
        if not equals or not url.startswith(("http://", "https://")):
            raise typer.BadParameter(
                f"{option}: NAME=URL, as docker.io=https://mirror", param_hint="--registry"
            )
        urls[name] = url
    return Upstreams(urls)


def lock(
    file: ConfigurationFile = DEFAULT_FILE,
    profile: ProfileOption = Profile.FULL,
    modules: Modules = None,
    lock_file: LockFile = LOCK,
    images: Images = None,
    platform: Platform = "linux/amd64",
    registry: Registry = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Take tags that mean other contents than before.")
    ] = False,
    output: Output = Format.TEXT,
) -> None:
    """Read at the registries which digests the images' tags mean, and keep them: only what is locked is pulled."""
    from dataclasses import asdict
    from datetime import UTC, datetime

    from slipway import catalog as catalogs
    from slipway.api import read
    from slipway.bundle import lock as locks
    from slipway.catalog.profiles import modules_of
    from slipway.catalog.versions import OWN_IMAGE

    catalog = catalogs.load()
    configuration = read.load(file)
    wanted = {*catalog.versions.release(_kubernetes(configuration, file)).images, *(images or ())}
    for name in modules.split(",") if modules else modules_of(profile, catalog, configuration):
        wanted |= set(catalog.modules[name].images)
    wanted = {image for image in wanted if not image.startswith(f"{OWN_IMAGE}:")}
    former, today = locks.read(lock_file), datetime.now(UTC).date().isoformat()
    found = locks.resolve_all(_upstreams(registry), sorted(wanted), platform, today)
    locks.check_moved(former, found, accept=accept)
    locks.write(former.merged(found), lock_file)
    if output is Format.JSON:
        emit({"path": str(lock_file), "images": [asdict(item) for item in found]})
    else:
        print(
            f"{lock_file}: {len(wanted)} images, {len(found) - len(wanted)} signatures and the like beside them"
        )


def _kubernetes(configuration: "Configuration", file: Path) -> str:
    from slipway.errors import ConfigurationError

    if configuration.spec.kubernetes is None:
        raise ConfigurationError(
            "names no Kubernetes version, so there is nothing to build a bundle for",
            where=f"{file}: spec.kubernetes",
            hint="build it for the ClusterConfiguration that has the hosts",
        )
    return configuration.spec.kubernetes.version

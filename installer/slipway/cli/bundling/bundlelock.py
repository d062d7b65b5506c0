"""`slipway bundle lock`: which digests images and charts have at their publishers. Parsing and printing only."""

import sys
from dataclasses import asdict, dataclass
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
    chosen_of,
    downloads_of,
    images_for,
    kubernetes_of,
    mirrors_of,
    platforms_for,
    signers_of,
    upstreams_of,
)
from slipway.cli.views.grouping import taking
from slipway.cli.views.output import DEFAULT_FILE, ConfigurationFile, Format, Output, emit
from slipway.clock import utc_now
from slipway.model.platforms import BY_NAME

if TYPE_CHECKING:
    from slipway.bundle.locks.downloads import Download, Downloads
    from slipway.bundle.locks.images import Locked
    from slipway.bundle.registry.upstream import Upstreams
    from slipway.bundle.vouch.signers import Signers
    from slipway.catalog import Catalog
    from slipway.model.configuration import Configuration


@dataclass(frozen=True)
class LockOptions:
    """What a user may say of what is to be locked."""

    file: ConfigurationFile = DEFAULT_FILE
    to: To = None
    profile: ProfileOption = None
    modules: Modules = None
    lock_file: LockFile = LOCK
    keys_file: KeysFile = KEYS
    images: Images = None
    platform: Platform = ""
    registry: Registry = None
    accept: Annotated[
        bool,
        typer.Option("--accept", help="Take tags, charts and programs that have other contents than before."),
    ] = False
    charts: Annotated[
        list[str] | None,
        typer.Option(
            "--chart",
            metavar="URL/NAME:VERSION",
            help="Lock this chart of a Helm repository (https://, oci://), and no images. Repeatable.",
        ),
    ] = None
    programs: Annotated[
        bool,
        typer.Option(
            "--programs",
            help="Lock the bundle's programs by the checksums that their publishers serve, and no images.",
        ),
    ] = False
    mirrors: Annotated[
        list[str] | None,
        typer.Option(
            "--mirror",
            metavar="URL=URL",
            help="Take programs and their checksums from there, as https://dl.k8s.io=https://mirror/k8s. Repeatable.",
        ),
    ] = None
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Lock nothing: see whether the pages of all downloads still say the digests read there.",
        ),
    ] = False
    downloads_file: DownloadsFile = DOWNLOADS
    output: Output = Format.TEXT


@taking(LockOptions)
def lock(options: LockOptions) -> None:
    """Read at the registries which digests the images' tags mean, and keep them: builds pull exactly these."""
    upstreams = upstreams_of(options.registry)
    if options.check:
        _check_pages(options.downloads_file, upstreams, options.output)
    elif options.programs:
        _lock_programs(options)
    elif options.charts:
        _lock_charts(options.charts, options.downloads_file, upstreams, options.output, accept=options.accept)
    else:
        _lock_images(options, upstreams)


def _lock_images(options: LockOptions, upstreams: "Upstreams") -> None:
    from slipway import catalog as catalogs
    from slipway.api import read
    from slipway.bundle.locks import images as locks
    from slipway.bundle.locks.modulelocks import check_agreed, digests_of
    from slipway.bundle.locks.vouching import vouched

    configuration, signers = read.load(options.file), signers_of(options.keys_file)
    catalog = catalogs.load_beside(configuration.spec.module_sources, options.file)
    wanted, names = _wanted(options, configuration, catalog), images_for(options.platform, configuration)
    former, now = locks.read(options.lock_file), utc_now()
    today = now.date().isoformat()
    found = [item for name in names for item in locks.resolve_all(upstreams, wanted, name, today)]
    locks.check_moved(former, found, accept=options.accept)
    if not options.accept:
        new = former.unknown(found)
        check_agreed(digests_of(catalog.modules.values(), {item.image for item in new}, names), new)
    of_images = vouched(upstreams, [item for item in found if item.image in wanted], signers, now)
    found = [*of_images, *(item for item in found if item.image not in wanted)]
    locks.write(former.merged(found), options.lock_file)
    if options.output is Format.JSON:
        emit({"path": str(options.lock_file), "images": [asdict(item) for item in found]})
    else:
        beside = len(found) - len(wanted) * len(names)
        images = f"{len(wanted)} images for {', '.join(names)}"
        print(f"{options.lock_file}: {images}, {beside} signatures and the like beside them")
        _say_vouched(of_images, signers)


def _say_vouched(images: "list[Locked]", signers: "Signers") -> None:
    """By whom images were vouched for, and which prefixes of the user meet none."""
    if not signers.signers:
        return
    keys = {item.key for item in images if item.key}
    signed = sum(1 for item in images if item.key)
    print(f"{signers.where}: {signed} of {len(images)} vouched for, by {', '.join(sorted(keys)) or 'nobody'}")
    for prefix in signers.idle(item.name for item in images):
        print(f"{signers.where}: no image is under {prefix}", file=sys.stderr)


def _wanted(options: LockOptions, configuration: "Configuration", catalog: "Catalog") -> list[str]:
    """Images of Kubernetes, of the modules that are asked for, and those named besides; Slipway makes its own."""
    from slipway.catalog.versions import OWN_IMAGE

    versions = kubernetes_of(configuration, options.file, catalog, options.to)
    wanted = {*catalog.versions.images_of(versions), *(options.images or ())}
    wanted |= chosen_of(options.modules, options.profile, catalog, configuration)[1]
    return sorted(image for image in wanted if not image.startswith(f"{OWN_IMAGE}:"))


def _lock_charts(
    charts: list[str], file: Path, upstreams: "Upstreams", output: Format, *, accept: bool
) -> None:
    from slipway.bundle.locks import chartrepo, downloads
    from slipway.bundle.locks.downloading import Ways
    from slipway.bundle.registry.web import Web

    former, today = downloads.read(file), utc_now().date().isoformat()
    found = chartrepo.resolve_all(Ways(Web(), upstreams), charts, today)
    _keep(found, former, file, output, f"{len(found)} charts", accept=accept)


def _lock_programs(options: LockOptions) -> None:
    """Of the programs that the ClusterConfiguration's bundle needs, those that their publishers serve."""
    from slipway import catalog as catalogs
    from slipway.api import read
    from slipway.bundle.locks import downloads, published
    from slipway.bundle.make.official import programs_published
    from slipway.bundle.registry.web import Web

    configuration = read.load(options.file)
    catalog = catalogs.load_beside(configuration.spec.module_sources, options.file)
    versions = kubernetes_of(configuration, options.file, catalog, options.to)
    platforms = tuple(BY_NAME[name] for name in platforms_for(options.platform, configuration))
    wanted = programs_published(catalog.versions, versions, platforms)
    former, today = downloads.read(options.downloads_file), utc_now().date().isoformat()
    servers = published.Servers(Web(), mirrors_of(options.mirrors))
    found = published.resolve_all(servers, wanted, today)
    what = f"{len(found)} programs, by the checksums that their publishers serve"
    _keep(found, former, options.downloads_file, options.output, what, accept=options.accept)


def _keep(
    found: "list[Download]", former: "Downloads", file: Path, output: Format, what: str, *, accept: bool
) -> None:
    """In the place of former entries of the same names, if they are the same or somebody accepts them."""
    from slipway.bundle.locks import downloads

    downloads.check_moved(former, found, accept=accept)
    downloads.write(former.merged(found), file)
    if output is Format.JSON:
        emit({"path": str(file), "files": [asdict(item) for item in found]})
    else:
        print(f"{file}: {what}")


def _check_pages(file: Path, upstreams: "Upstreams", output: Format) -> None:
    from slipway.bundle.locks import pages
    from slipway.bundle.locks.downloading import Ways
    from slipway.bundle.registry.web import Web

    files = downloads_of(file).files
    pages.check(Ways(Web(), upstreams), files)
    if output is Format.JSON:
        emit({"path": str(file), "files": [asdict(item) for item in files]})
    else:
        print(f"{file}: {len(files)} digests stand where they were read")

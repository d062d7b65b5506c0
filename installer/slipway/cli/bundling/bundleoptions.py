"""Options of `bundle build` and `bundle lock`, and the values that they stand for."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.model.bundle import Profile

if TYPE_CHECKING:
    from slipway.bundle.locks.downloads import Downloads
    from slipway.bundle.make.official import NamedDownload
    from slipway.bundle.registry.upstream import Upstreams
    from slipway.bundle.vouch.signers import Signers
    from slipway.catalog import Catalog
    from slipway.model.configuration import Configuration

ProfileOption = Annotated[
    list[Profile] | None,
    typer.Option(
        help="Modules besides those enabled: none (minimal), a few that most sites want (base, unless another is said),"
        " those for a purpose, or all. Repeatable."
    ),
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
KEYS = Path("images.keys.yaml")
KeysFile = Annotated[
    Path, typer.Option("--keys", metavar="FILE", help="Whose signatures images have to have, by their names.")
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


def _listable(directory: Path | None) -> Path | None:
    """A directory that can be listed: found out before minutes of work, none of which would look into it."""
    if directory is not None:
        try:
            next(directory.iterdir(), None)
        except OSError as error:
            raise typer.BadParameter(
                f"{directory}: {error.strerror}; give the directory they lie in"
            ) from error
    return directory


TreesDir = Annotated[
    Path | None,
    typer.Option(
        "--trees-dir",
        metavar="DIR",
        envvar="SLIPWAY_TREES_DIR",
        callback=_listable,
        help="Git repositories that were fetched elsewhere: commits of charts' trees are looked for in them first.",
    ),
]
Registry = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=URL",
        help="Take images of this registry from there, as docker.io=https://mirror. Repeatable.",
    ),
]


def profiles_of(option: list[Profile] | None) -> list[Profile]:
    """Those that were said, or what is meant without."""
    return option or [Profile.BASE]


def chosen_of(
    modules: str | None, option: list[Profile] | None, catalog: "Catalog", configuration: "Configuration"
) -> tuple[list[str], set[str]]:
    """The modules that options ask for, and of their images those that the site may need."""
    from slipway.catalog.profiles import images_of, modules_of

    named, profiles = modules.split(",") if modules else [], profiles_of(option)
    chosen = named or modules_of(profiles, catalog, configuration)
    return chosen, images_of(chosen, profiles, catalog, configuration, all_of=named)


def images_for(option: str, configuration: "Configuration") -> tuple[str, ...]:
    """The platforms under which a lock has images: the hosts', those that were asked for, or all of them at once."""
    from slipway.model.platforms import ALL

    return (ALL,) if option == ALL else platforms_for(option, configuration)


def platforms_for(option: str, configuration: "Configuration") -> tuple[str, ...]:
    """Of all that is made for hosts, in the order in which there have come to be any."""
    from slipway.model.platforms import ALL, BY_NAME

    asked = {name for name in option.split(",") if name}
    if asked - BY_NAME.keys() - {ALL} or (ALL in asked and len(asked) > 1):
        hint = f"{option}: {', '.join(BY_NAME)}, several with commas, or {ALL} alone"
        raise typer.BadParameter(hint, param_hint="--platform")
    wanted = asked - {ALL} or {platform.name for platform in configuration.platforms}
    return tuple(name for name in BY_NAME if name in wanted)


def gathered_of(options: Iterable[str]) -> dict[str, Path]:
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


def named_of(options: Iterable[str]) -> "frozenset[NamedDownload]":
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


def mirrors_of(options: Iterable[str] | None) -> dict[str, str]:
    """What is asked in the place of URLs, by how these begin."""
    found = {}
    for option in options or ():
        place, equals, mirror = option.partition("=")
        if not equals or "://" not in place or "://" not in mirror:
            hint = f"{option}: URL=URL, as https://dl.k8s.io=https://mirror/k8s"
            raise typer.BadParameter(hint, param_hint="--mirror")
        found[place] = mirror
    return found


def downloads_of(file: Path) -> "Downloads":
    """What is locked; a file that somebody names has to be there."""
    from slipway.bundle.locks import downloads

    if file != DOWNLOADS and not file.is_file():
        raise typer.BadParameter(f"{file}: there is no such file", param_hint="--downloads")
    return downloads.read(file)


def signers_of(file: Path) -> "Signers":
    """Who has to vouch for images; a file that somebody names has to be there."""
    from slipway.bundle.vouch import signers

    if file != KEYS and not file.is_file():
        raise typer.BadParameter(f"{file}: there is no such file", param_hint="--keys")
    return signers.read(file)


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

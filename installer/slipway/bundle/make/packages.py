"""A package repository per operating system, as one tar: the packages that roles install and all they depend on.

What is fetched here needs nothing from a host: even libc is in it, so a host with an old point release is served as
well. What a site has gathered itself is taken as it is.
"""

import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from slipway.bundle.ground.archive import tree_entries, write_tar
from slipway.bundle.ground.workshop import Workshop, recipe_for
from slipway.bundle.make.apt import Apt, files_digest
from slipway.bundle.make.programs import output_of
from slipway.catalog.pins import System
from slipway.catalog.versions import Packages
from slipway.errors import BundleError
from slipway.model.platforms import AMD64, PLATFORMS, Platform

TAR: Final = "packages.tar"
#: Counts up when the same packages are laid out in another way.
LAYOUT: Final = 2
SUFFIXES: Final = {"apt": ".deb", "dnf": ".rpm"}
#: How a site gathers packages with all that they depend on, into the directory at hand.
GATHER: Final = {
    "apt": "apt-get install --download-only -o Dir::State::status=/dev/null -o Dir::Cache::archives=$PWD {names}",
    "dnf": "dnf download --resolve --alldeps {names}",
}


def build_repository(
    packages: Packages,
    system: str,
    workshop: Workshop,
    further: Iterable[str] = (),
    files: Sequence[Path] = (),
    platform: Platform = AMD64,
) -> tuple[Path, str]:
    """The repository's tar and its version, which is a short digest of the packages in it.

    `further` are packages besides those that any host needs: what one site's hosts ask for; `files` are some that the
    system's archive does not have, which come with all of it that they depend on.
    """
    wanted = packages.system(system)
    if not wanted.suite:
        hint = f"gather them on such a machine, and name the directory: --packages {system}=DIR"
        raise BundleError(f"packages for {system} cannot be fetched here", hint=hint)
    _check_kind(files, wanted)
    names = wanted.called({*packages.packages, *further})
    recipe = [wanted.suite, list(names), LAYOUT, *([files_digest(files)] if files else [])]
    apt = Apt(wanted.suite, workshop, platform)
    place = workshop.make(
        "packages",
        system,
        wanted.suite,
        recipe_for(platform, recipe),
        lambda dest: _build(apt, names, files, platform, dest),
    )
    return place / TAR, (place / "version").read_text(encoding="utf-8")


def gathered_repository(
    packages: Packages,
    system: str,
    directory: Path | None,
    workshop: Workshop,
    further: Iterable[str] = (),
    files: Sequence[Path] = (),
    platform: Platform = AMD64,
) -> tuple[Path, str]:
    """The same of a directory of .deb or .rpm files, and of `files`, among which all that roles install must be.

    Those of another platform are left where they are.

    Raises:
        BundleError: the system is not known, the directory has no packages of its kind, or lacks some.
    """
    wanted = packages.system(system)
    _check_kind(files, wanted)
    suffix = SUFFIXES[wanted.format]
    gathered = [*(directory.glob(f"**/*{suffix}") if directory else ())]
    gathered = [path for path in gathered if platform_of(path) in {platform, None}]
    everything = sorted([*gathered, *files], key=lambda path: path.name)
    found = {package_name(path) for path in everything}
    if missing := sorted(set(wanted.called({*packages.packages, *further})) - found):
        hint = f"on a connected {system} ({platform.machine}): {GATHER[wanted.format].format(names=' '.join(missing))}"
        what = (
            f"the packages for {system} lack {', '.join(missing)}"
            if everything
            else f"it has no {suffix} files"
        )
        raise BundleError(what, where=str(directory or system), hint=hint)
    version = files_digest(everything)
    place = workshop.make(
        "packages",
        system,
        version,
        recipe_for(platform, [wanted.format, version]),
        lambda dest: _pack(everything, wanted.format, platform, dest),
    )
    return place / TAR, version


def gathered_for(directory: Path, platforms: tuple[Platform, ...]) -> tuple[Platform, ...]:
    """The platforms for which a directory has packages: not every system is on every kind of machine."""
    there = {platform_of(path) for suffix in SUFFIXES.values() for path in directory.glob(f"**/*{suffix}")}
    return tuple(platform for platform in platforms if platform in there) or platforms[:1]


def package_name(path: Path) -> str:
    """A package's name by its file's: NAME_VERSION_ARCHITECTURE.deb or NAME-VERSION-RELEASE.ARCHITECTURE.rpm."""
    return path.name.partition("_")[0] if path.suffix == ".deb" else path.name.rsplit("-", 2)[0]


def platform_of(path: Path) -> Platform | None:
    """The platform that a package's file is named for; None: it is for all, or for one that nobody knows."""
    word = path.stem.rpartition("_" if path.suffix == ".deb" else ".")[2]
    return next((found for found in PLATFORMS if word in {found.architecture, found.machine}), None)


def _check_kind(files: Iterable[Path], system: System) -> None:
    """Downloads have to be of the system's own kind, and the .deb that they are called."""
    for path in files:
        if path.suffix != SUFFIXES[system.format]:
            hint = f"its packages are {SUFFIXES[system.format]} files: correct `system` or `url` in the lock"
            raise BundleError(f"{path.name} is no package for {system.name}", hint=hint)
        if system.format == "apt":
            named = output_of(["dpkg-deb", "--show", "--showformat=${Package}_${Version}_", str(path)])
            if not path.name.startswith(named):
                hint = "correct name and version in the lock"
                raise BundleError(f"{path.name} is the package {named[:-1]}", where=str(path), hint=hint)


def _pack(files: Iterable[Path], kind: str, platform: Platform, dest: Path) -> None:
    tree = dest / "tree"
    tree.mkdir()
    for path in files:
        target = tree / path.name.replace("%3a", ":").replace(":", "_")
        shutil.copyfile(path, target)
        target.chmod(0o644)
    INDEXERS[kind](tree, platform)
    with (dest / TAR).open("wb") as file:
        write_tar(file, tree_entries(tree))
    shutil.rmtree(tree)


def _build(apt: Apt, names: tuple[str, ...], files: Sequence[Path], platform: Platform, dest: Path) -> None:
    paths = [package.path for package in apt.download(names, files)]
    _pack(paths, "apt", platform, dest)
    (dest / "version").write_text(files_digest(paths), encoding="utf-8")


def _index_apt(tree: Path, platform: Platform) -> None:
    """Packages and Release; a date would make every build another one, so there is none."""
    (tree / "Packages").write_text(output_of(["apt-ftparchive", "packages", "."], cwd=tree), encoding="utf-8")
    settings = {"Origin": "Slipway", "Label": "Slipway", "Architectures": platform.architecture}
    options = [f"-oAPT::FTPArchive::Release::{name}={value}" for name, value in settings.items()]
    release = output_of(["apt-ftparchive", *options, "release", "."], cwd=tree)
    (tree / "Release").write_text(re.sub(r"^Date:.*\n", "", release, flags=re.MULTILINE), encoding="utf-8")


def _index_dnf(tree: Path, _platform: Platform) -> None:
    """repodata, likewise without a date; a platform is told by each package."""
    output_of(
        ["createrepo_c", "--quiet", "--no-database", "--revision=0", "--set-timestamp-to-revision", str(tree)]
    )


INDEXERS: Final = {"apt": _index_apt, "dnf": _index_dnf}

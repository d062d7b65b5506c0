"""A flat apt repository per operating system, as one tar: the packages that roles install and all they depend on.

What it needs from a host is nothing: even libc is in it, so a host with an old point release is served as well.
"""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from slipway.bundle.apt import Apt, packages_digest
from slipway.bundle.archive import tree_entries, write_tar
from slipway.bundle.programs import run
from slipway.bundle.workshop import Workshop
from slipway.catalog.versions import Packages

TAR = "packages.tar"


def build_repository(
    packages: Packages, system: str, workshop: Workshop, further: Iterable[str] = ()
) -> tuple[Path, str]:
    """The repository's tar and its version, which is a short digest of the packages in it.

    `further` are packages besides those that any host needs: what one site's hosts ask for.
    """
    wanted = packages.system(system)
    names = tuple(sorted({*packages.packages, *further}))
    recipe = [wanted.suite, list(names)]
    place = workshop.make(
        "packages", system, wanted.suite, recipe, lambda dest: _build(names, wanted.suite, workshop, dest)
    )
    return place / TAR, (place / "version").read_text(encoding="utf-8")


def _build(names: tuple[str, ...], suite: str, workshop: Workshop, dest: Path) -> None:
    tree = dest / "tree"
    tree.mkdir()
    found = Apt(suite, workshop).download(names)
    for package in found:
        target = tree / package.path.name.replace("%3a", ":").replace(":", "_")
        shutil.copyfile(package.path, target)
        target.chmod(0o644)
    _index(tree, suite)
    with (dest / TAR).open("wb") as file:
        write_tar(file, tree_entries(tree))
    (dest / "version").write_text(packages_digest(found), encoding="utf-8")
    shutil.rmtree(tree)


def _index(tree: Path, suite: str) -> None:
    """Packages and Release; a date would make every build another one, so there is none."""
    (tree / "Packages").write_text(run(["apt-ftparchive", "packages", "."], cwd=tree), encoding="utf-8")
    settings = {"Origin": "Slipway", "Label": "Slipway", "Suite": suite, "Architectures": "amd64"}
    options = [f"-oAPT::FTPArchive::Release::{name}={value}" for name, value in settings.items()]
    release = run(["apt-ftparchive", *options, "release", "."], cwd=tree)
    (tree / "Release").write_text(re.sub(r"^Date:.*\n", "", release, flags=re.MULTILINE), encoding="utf-8")

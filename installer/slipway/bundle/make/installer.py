"""Slipway itself in a bundle: wheels, and the script that installs them."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from slipway import __version__
from slipway.bundle.form.layout import INSTALL
from slipway.bundle.form.writer import Writer
from slipway.bundle.ground.archive import file_digest
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.licences.own import DISTRIBUTION, own_licence
from slipway.bundle.make import sources
from slipway.bundle.make.licensing import Licensing
from slipway.bundle.make.official import platforms_with_tools
from slipway.bundle.make.wheel import own_wheel
from slipway.catalog.versions import Versions
from slipway.model.bundle import Artifact, ArtifactKind
from slipway.model.platforms import AMD64, PLATFORMS, Platform
from slipway.settings import data_dir


def installer(
    versions: Versions, writer: Writer, workshop: Workshop, platforms: tuple[Platform, ...]
) -> Iterator[Artifact]:
    """Write wheels for every machine on which Slipway may be, and the script at the bundle's top for them.

    A site that lacks one of them gets all: where they are installed nothing can be asked for the rest.
    """
    if not versions.wheels:
        return
    own = (data_dir() / "offline" / INSTALL, own_wheel(workshop))
    files, licences = {}, {file.name: own_licence() for file in own}
    for platform in platforms_with_tools(platforms):
        others = sources.source_directory(versions.wheels, versions, workshop, platform)
        files.update({file.name: file for file in others.glob("*.whl")})
        licences |= Licensing(versions, workshop, platform).wheels()
    found = {file: file_digest(file) for file in (*own, *files.values())}
    needed = not all(writer.is_elsewhere(digest) for digest in found.values())
    for file, digest in sorted(found.items()):
        artifact = replace(installer_artifact(file, digest), licence=licences[file.name])
        writer.copy(file, artifact.path, digest, needed=needed)
        yield artifact


def installer_artifact(file: Path, digest: str) -> Artifact:
    """The script, or a wheel: NAME-VERSION-PYTHON-ABI-PLATFORM.whl, where pure ones are for every interpreter."""
    size = file.stat().st_size
    if file.name == INSTALL:
        kind = ArtifactKind.INSTALLER
        return Artifact(kind, "slipway", __version__, digest, size, path=INSTALL, origin="Slipway")
    name, version, python, *_, tags = file.stem.split("-")
    platform = next((found.name for found in PLATFORMS if tags.endswith(f"_{found.machine}")), AMD64.name)
    plain = re.sub(r"[-_.]+", "-", name).lower()
    version = version if python.startswith("py") else f"{version}-{python}"
    origin = "Slipway" if plain == DISTRIBUTION else "PyPI"
    path = f"{ArtifactKind.WHEEL}/{file.name}"
    return Artifact(ArtifactKind.WHEEL, plain, version, digest, size, path, platform, origin)

"""What a bundle calls the files with which Slipway itself is installed."""

import re
from pathlib import Path

from slipway import __version__
from slipway.bundle.layout import INSTALL
from slipway.bundle.licences.own import DISTRIBUTION
from slipway.model.bundle import Artifact, ArtifactKind
from slipway.model.platforms import AMD64, PLATFORMS


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

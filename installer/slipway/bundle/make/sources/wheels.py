"""Wheels of a lock file as files, for several interpreters, with which a site's first host installs Slipway."""

import hashlib
import sys
from pathlib import Path

from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.licences.wheels import of_wheel
from slipway.bundle.make.programs import output_of
from slipway.bundle.make.sources.python import wheels_for
from slipway.catalog import pins
from slipway.catalog.versions import Versions
from slipway.model.platforms import Platform
from slipway.settings import data_dir


class WheelsSource:
    """Downloads with pip, and builds nothing."""

    kind = "wheels"

    def __init__(self, versions: Versions, workshop: Workshop, platform: Platform) -> None:
        del versions, workshop
        self.platform = platform

    def recipe(self, spec: pins.WheelsPin) -> object:
        """The lock file's text, and what it is read for."""
        return [spec.model_dump(mode="json"), hashlib.sha256(_lock(spec).read_bytes()).hexdigest()]

    def fetch(self, spec: pins.WheelsPin, dest: Path) -> None:
        """The files of all interpreters; what is pure Python is there once."""
        argv = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(dest)]
        for python in spec.pythons:
            output_of(
                [
                    *argv,
                    *wheels_for(python, self.platform),
                    "--requirement",
                    str(_lock(spec)),
                    f"pip=={spec.pip}",
                ]
            )

    def licences(self, spec: pins.WheelsPin, place: Path) -> dict[str, str]:
        """Of each file."""
        del spec
        return {path.name: of_wheel(path) for path in sorted(place.glob("*.whl"))}


def _lock(spec: pins.WheelsPin) -> Path:
    return data_dir() / "images" / spec.lock

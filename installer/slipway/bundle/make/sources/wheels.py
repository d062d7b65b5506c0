"""Wheels of a lock file as files, for several interpreters, with which a site's first host installs Slipway."""

import hashlib
import sys
from pathlib import Path

from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.licences.wheels import of_wheel
from slipway.bundle.make.programs import output_of
from slipway.bundle.make.sources.python import by_lock, wheels_for
from slipway.bundle.sbom.parts import Component
from slipway.catalog import pins
from slipway.catalog.versions import Versions
from slipway.model.platforms import Platform


class WheelsSource:
    """Downloads with pip, and builds nothing."""

    kind = "wheels"

    def __init__(self, versions: Versions, workshop: Workshop, platform: Platform) -> None:
        del workshop
        self.versions = versions
        self.platform = platform

    def recipe(self, spec: pins.WheelsPin) -> object:
        """The locks' texts, and what they are read for."""
        texts = [hashlib.sha256(lock.read_bytes()).hexdigest() for lock in self._locks(spec)]
        return [spec.model_dump(mode="json"), *texts]

    def fetch(self, spec: pins.WheelsPin, dest: Path) -> None:
        """The files of all interpreters; what is pure Python is there once."""
        argv = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(dest)]
        for python in spec.pythons:
            output_of([*argv, *wheels_for(python, self.platform), *by_lock(*self._locks(spec))])

    def _locks(self, spec: pins.WheelsPin) -> list[Path]:
        return [self.versions.file(spec.name, name) for name in spec.needs]

    def licences(self, spec: pins.WheelsPin, place: Path) -> dict[str, str]:
        """Of each file."""
        del spec
        return {path.name: of_wheel(path) for path in sorted(place.glob("*.whl"))}

    def parts(self, spec: pins.WheelsPin, place: Path) -> dict[str, list[Component]]:
        """None: each file is an item of the bundle."""
        del spec, place
        return {}

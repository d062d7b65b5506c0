"""A small static program in C, and the compiler of every platform."""

import shutil
from pathlib import Path

from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.licences.expression import all_of
from slipway.bundle.licences.own import own_licence
from slipway.bundle.make.programs import output_of
from slipway.bundle.sbom.parts import Component
from slipway.catalog import pins
from slipway.catalog.shipped import digest_of_files
from slipway.catalog.versions import Versions
from slipway.errors import BundleError
from slipway.model.platforms import AMD64, Platform

FLAGS = ("-O2", "-static", "-s", "-Wall", "-Wextra", "-Werror", "-Wl,--build-id=none")
#: Licence of glibc, the C library of every machine that builds bundles.
C_LIBRARY = "LGPL-2.1-or-later"


class CSource:
    """Compiles with gcc."""

    kind = "c"

    def __init__(self, versions: Versions, workshop: Workshop, platform: Platform) -> None:
        del workshop
        self.versions = versions
        self.platform = platform

    def recipe(self, spec: pins.ProgramPin) -> object:
        """The text of the program and the flags."""
        return [spec.model_dump(mode="json"), digest_of_files(self._files(spec)), FLAGS]

    def fetch(self, spec: pins.ProgramPin, dest: Path) -> None:
        """One call of gcc."""
        files = [file.name for file in self._files(spec)]
        version = f'-DVERSION="{spec.version}"'
        directory = self._files(spec)[0].parent
        output_of(
            [compiler(self.platform), *FLAGS, version, "-o", str(dest / spec.program), *files], cwd=directory
        )

    def licences(self, spec: pins.ProgramPin, place: Path) -> dict[str, str]:
        """Slipway's own, and that of the C library, which is linked into the program."""
        del place
        return {spec.program: all_of([own_licence(), C_LIBRARY])}

    def parts(self, spec: pins.ProgramPin, place: Path) -> dict[str, list[Component]]:
        """None: it is one."""
        del spec, place
        return {}

    def _files(self, spec: pins.ProgramPin) -> list[Path]:
        return [self.versions.file(spec.name, name) for name in spec.files]


def compiler(platform: Platform) -> str:
    """gcc, or Debian's cross compiler.

    Raises:
        BundleError: it is not installed.
    """
    name = "gcc" if platform == AMD64 else f"{platform.triplet}-gcc"
    if shutil.which(name) is None:
        packages = f"gcc-{platform.triplet} libc6-dev-{platform.architecture}-cross"
        hint = f"apt-get install {'gcc libc6-dev' if platform == AMD64 else packages}, and build again"
        raise BundleError(f"{name} is not installed, which compiles C for {platform.name}", hint=hint)
    return name

"""Slipway's own code as a layer of its operator image: the package as installed, compiled, and its start program."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import slipway
from slipway.bundle.ground.archive import ArchiveEntry, tree_entries
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make import sources
from slipway.bundle.make.sources.debian import compile_python
from slipway.bundle.make.sources.python import LIBRARIES, PROGRAMS
from slipway.catalog import shipped
from slipway.catalog.pins import DebianPin
from slipway.catalog.versions import Versions
from slipway.settings import data_dir

#: What the wheel carries under slipway/_data: the same list as in pyproject.toml.
DATA = ("ansible.cfg", "images", "inventories", "modules", "offline", "playbooks", "plugins", "roles")
#: What the operator has of it: its modules come from the site registry, so that a mended one is no other image.
CARRIED = tuple(part for part in DATA if part != "modules")

START = b"""#!/usr/bin/python3
import sys

from slipway.cli.start import main

sys.exit(main())
"""


class CodeLayer:
    """Copies what runs here, so that operator and command line are the same program."""

    def __init__(self, versions: Versions, workshop: Workshop) -> None:
        self.versions = versions
        self.workshop = workshop

    def make(self) -> Path:
        """The directory with the package, compiled; rebuilt when any file of it changed."""
        package = Path(slipway.__file__).parent
        content = [
            shipped.digest_of_files([package]),
            *(shipped.digest_of_files([data_dir() / name]) for name in CARRIED),
        ]
        return self.workshop.make("code", "slipway", slipway.__version__, content, self._build)

    def entries(self, place: Path) -> Iterator[ArchiveEntry]:
        """Members of the layer."""
        yield ArchiveEntry(f"{PROGRAMS}/slipway", 0o755, data=START)
        yield ArchiveEntry("root", 0o700)
        yield ArchiveEntry("var/cache/slipway")
        yield from tree_entries(place, LIBRARIES)

    def _build(self, dest: Path) -> None:
        package = Path(slipway.__file__).parent
        for file in shipped.files(package):
            _copy(file, dest / "slipway" / file.relative_to(package))
        for name in CARRIED:
            for file in shipped.files(data_dir() / name):
                _copy(file, dest / "slipway" / "_data" / file.relative_to(data_dir()))
        self._compile(dest)

    def _compile(self, dest: Path) -> None:
        base = next(
            source for source in self.versions.sources if isinstance(source, DebianPin) and source.python
        )
        tree = sources.source_directory(base.name, self.versions, self.workshop)
        compile_python(tree, dest, base.python, f"/{LIBRARIES}")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755 if shipped.is_program(source) else 0o644)

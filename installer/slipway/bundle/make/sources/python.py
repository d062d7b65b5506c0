"""Python distributions for the operator's image: wheels of a lock file, for the interpreter of its base tree."""

import hashlib
import sys
from email.parser import HeaderParser
from pathlib import Path

from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.licences.expression import WHOLE, all_of
from slipway.bundle.licences.wheels import of_installed
from slipway.bundle.make.programs import output_of
from slipway.bundle.make.sources.debian import compile_python, native_tree
from slipway.bundle.sbom.parts import Component, PartKind
from slipway.catalog import pins
from slipway.catalog.versions import Versions
from slipway.model.platforms import Platform
from slipway.settings import data_dir

#: Where the image has them; on PYTHONPATH there.
LIBRARIES = "opt/slipway/lib"
#: Beside the interpreter, where `settings.interpreter_bin` looks for ansible-playbook.
PROGRAMS = "usr/bin"
#: What wheels call the C libraries that every system of hosts has.
GLIBC = ("manylinux_2_28", "manylinux2014", "manylinux_2_17")


def wheels_for(python: str, platform: Platform) -> list[str]:
    """What tells pip to take wheels for an interpreter of another machine, and nothing that has to be built."""
    platforms = [f"{glibc}_{platform.machine}" for glibc in GLIBC]
    argv = ["--only-binary", ":all:", "--implementation", "cp", "--python-version", python]
    return [*argv, *(word for name in platforms for word in ("--platform", name))]


def _part(directory: Path) -> Component:
    """A distribution that is installed: its .dist-info directory."""
    said = HeaderParser().parsestr((directory / "METADATA").read_text(encoding="utf-8", errors="replace"))
    return Component(PartKind.PYTHON, said["Name"], said["Version"], licence=of_installed(directory))


def lock_path(name: str) -> Path:
    """A lock below images/: every line has the digests of the files that it may be."""
    return data_dir() / "images" / name


def by_lock(*names: str) -> list[str]:
    """What tells pip to take what locks name, by its digest, and nothing else, wherever it comes from."""
    named = [word for name in names for word in ("--requirement", str(lock_path(name)))]
    return ["--require-hashes", "--no-deps", *named]


class PythonSource:
    """Installs with pip, wheels only: nothing is built, and nothing of this machine's interpreter gets in."""

    kind = "python"

    def __init__(self, versions: Versions, workshop: Workshop, platform: Platform) -> None:
        self.versions = versions
        self.workshop = workshop
        self.platform = platform

    def recipe(self, spec: pins.PythonPin) -> object:
        """The lock file's text."""
        text = lock_path(spec.lock).read_bytes()
        return [spec.model_dump(mode="json"), hashlib.sha256(text).hexdigest()]

    def fetch(self, spec: pins.PythonPin, dest: Path) -> None:
        """Libraries, compiled."""
        target = dest / LIBRARIES
        argv = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", *by_lock(spec.lock)]
        argv += ["--target", str(target), *wheels_for(spec.python, self.platform)]
        output_of(argv)
        self._programs(target, dest / PROGRAMS)
        base = self.versions.source(spec.base)
        assert isinstance(base, pins.DebianPin)  # noqa: S101 - checked when the pins were read
        tree = native_tree(base.name, self.versions, self.workshop)
        compile_python(tree, target, base.python, f"/{LIBRARIES}")

    def licences(self, spec: pins.PythonPin, place: Path) -> dict[str, str]:
        """Of all distributions at once."""
        del spec
        found = sorted((place / LIBRARIES).glob("*.dist-info"))
        return {WHOLE: all_of(of_installed(directory) for directory in found)}

    def parts(self, spec: pins.PythonPin, place: Path) -> dict[str, list[Component]]:
        """Its distributions."""
        del spec
        return {WHOLE: [_part(directory) for directory in sorted((place / LIBRARIES).glob("*.dist-info"))]}

    @staticmethod
    def _programs(target: Path, programs: Path) -> None:
        """Pip writes this machine's interpreter into the first line: name the image's."""
        programs.mkdir(parents=True)
        for program in sorted((target / "bin").glob("*")):
            text = program.read_bytes()
            if text.startswith(b"#!"):
                text = b"#!/usr/bin/python3\n" + text.partition(b"\n")[2]
                (programs / program.name).write_bytes(text)
                (programs / program.name).chmod(0o755)
            program.unlink()

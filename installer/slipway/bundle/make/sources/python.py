"""Python distributions of an image: wheels of a lock file, for the interpreter of its base tree."""

import hashlib
import shutil
import sys
from email.parser import HeaderParser
from pathlib import Path

from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.licences.expression import WHOLE, all_of
from slipway.bundle.licences.wheels import of_installed
from slipway.bundle.make.programs import output_of
from slipway.bundle.make.sources.debian import compile_python, native_tree, tree_for
from slipway.bundle.make.sources.elf import missing_libraries
from slipway.bundle.sbom.parts import Component, PartKind
from slipway.catalog import pins
from slipway.catalog.versions import Versions
from slipway.errors import BundleError
from slipway.model.platforms import Platform
from slipway.settings import data_dir

#: Where the operator's image has them; on PYTHONPATH there.
LIBRARIES = "opt/slipway/lib"
#: Beside the interpreter, where `settings.interpreter_bin` looks for ansible-playbook.
PROGRAMS = "usr/bin"
#: What wheels bring besides libraries: pages, extensions and settings of Jupyter.
DATA = ("etc", "share")
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


def core_lock(name: str) -> Path:
    """A lock below images/: every line has the digests of the files that it may be."""
    return data_dir() / "images" / name


def by_lock(*locks: Path) -> list[str]:
    """What tells pip to take what locks name, by its digest, and nothing else, wherever it comes from."""
    named = [word for lock in locks for word in ("--requirement", str(lock))]
    return ["--require-hashes", "--no-deps", *named]


def _leave_out(libraries: Path, pattern: str) -> None:
    """Directories and files by a pattern of paths.

    Raises:
        BundleError: there is nothing like it.
    """
    found = sorted(libraries.glob(pattern))
    if not found:
        raise BundleError(f"no library has {pattern}", hint="take it out of `without` of the source")
    for path in found:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def libraries_of(spec: pins.PythonPin) -> str:
    """Where a source's tree has its libraries: with a prefix where Debian's interpreter of that version looks."""
    return f"{spec.prefix}/lib/python{spec.python}/dist-packages" if spec.prefix else LIBRARIES


class PythonSource:
    """Installs with pip, wheels only: nothing is built, and nothing of this machine's interpreter gets in."""

    kind = "python"

    def __init__(self, versions: Versions, workshop: Workshop, platform: Platform) -> None:
        self.versions = versions
        self.workshop = workshop
        self.platform = platform

    def recipe(self, spec: pins.PythonPin) -> object:
        """The lock file's text; where it is matters to nobody."""
        text = self.versions.file(spec.name, spec.lock).read_bytes()
        unused = {name for name in ("prefix", "without") if not getattr(spec, name)}
        return [spec.model_dump(mode="json", exclude=unused), hashlib.sha256(text).hexdigest()]

    def fetch(self, spec: pins.PythonPin, dest: Path) -> None:
        """Libraries, compiled, and what else belongs to them."""
        libraries = libraries_of(spec)
        target, lock = dest / libraries, self.versions.file(spec.name, spec.lock)
        argv = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", *by_lock(lock)]
        argv += ["--target", str(target), *wheels_for(spec.python, self.platform)]
        output_of(argv)
        self._programs(target, dest / (f"{spec.prefix}/bin" if spec.prefix else PROGRAMS))
        for name in DATA if spec.prefix else ():
            if (target / name).is_dir():
                (target / name).rename(dest / spec.prefix / name)
        for pattern in spec.without:
            _leave_out(target, pattern)
        base = self.versions.source(spec.base)
        assert isinstance(base, pins.DebianPin)  # noqa: S101 - checked when the pins were read
        tree = native_tree(base.name, self.versions, self.workshop)
        self._check_libraries(spec, target)
        compile_python(tree, target, base.python, f"/{libraries}")

    def _check_libraries(self, spec: pins.PythonPin, target: Path) -> None:
        """Wheels bring no libraries of C that every system has; a base has what it was told to have.

        Raises:
            BundleError: it lacks one.
        """
        tree = tree_for(self.platform, spec.base, self.versions, self.workshop)
        if missing := missing_libraries(target, tree):
            what = ", ".join(f"{library} (of {user})" for library, user in missing.items())
            hint = f"name the Debian packages that have them in {spec.base}: apt-file search NAME"
            raise BundleError(f"{spec.base} lacks {what}", where=spec.lock, hint=hint)

    def licences(self, spec: pins.PythonPin, place: Path) -> dict[str, str]:
        """Of all distributions at once."""
        found = sorted((place / libraries_of(spec)).glob("*.dist-info"))
        return {WHOLE: all_of(of_installed(directory) for directory in found)}

    def parts(self, spec: pins.PythonPin, place: Path) -> dict[str, list[Component]]:
        """Its distributions."""
        found = sorted((place / libraries_of(spec)).glob("*.dist-info"))
        return {WHOLE: [_part(directory) for directory in found]}

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

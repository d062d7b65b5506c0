"""Packages of npm for an image: what a package-lock.json names, each by its own digest; no script of theirs runs."""

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any, Final

from slipway.bundle.ground.disk import private_directory
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.licences.expression import WHOLE, all_of
from slipway.bundle.licences.npm import of_package
from slipway.bundle.make.programs import output_of
from slipway.bundle.make.sources.go import scratch
from slipway.bundle.registry.secrecy import is_private
from slipway.bundle.sbom.parts import Component, PartKind
from slipway.catalog import pins
from slipway.catalog.versions import Versions
from slipway.errors import BundleError
from slipway.model.platforms import Platform
from slipway.smallfiles import json_of

#: Where Node looks for what is installed for all, and where programs of it are.
MODULES, PROGRAMS = "usr/local/lib/node_modules", "usr/local/bin"
_INSTALL: Final = ("ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--no-bin-links")
#: What npm writes for itself: where this machine had the packages from.
_NOTES: Final = ".package-lock.json"
#: What npm calls a processor.
_PROCESSORS: Final = {"amd64": "x64", "arm64": "arm64"}


#: Of a package, and of a program: what is a path is none.
_VERSION: Final = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]*")
_PROGRAM: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


class NpmSource:
    """Installs with npm as for all users of a machine; Node itself is a Debian package."""

    kind = "npm"

    def __init__(self, versions: Versions, workshop: Workshop, platform: Platform) -> None:
        self.versions = versions
        self.workshop = workshop
        self.platform = platform

    def recipe(self, spec: pins.NpmPin) -> object:
        """The texts of both files; where they are matters to nobody."""
        texts = [hashlib.sha256(file.read_bytes()).hexdigest() for file in self._files(spec)]
        return [spec.model_dump(mode="json"), *texts, _INSTALL]

    def fetch(self, spec: pins.NpmPin, dest: Path) -> None:
        """Packages with all they depend on, and a link to each program of those that package.json names."""
        lock, manifest = self._files(spec)
        check_lock(json.loads(lock.read_text(encoding="utf-8")), spec.lock)
        if shutil.which("npm") is None:
            raise BundleError("npm is not installed", hint="apt-get install npm, and build again")
        cache = private_directory(self.workshop.root / "npm")
        with scratch(self.workshop, spec.name) as work:
            for file in (lock, manifest):
                shutil.copyfile(file, work / file.name)
            cpu = _PROCESSORS[self.platform.architecture]
            options = (f"--cache={cache}", "--os=linux", f"--cpu={cpu}", "--libc=glibc")
            output_of(["npm", *_INSTALL, *options], cwd=work)
            (work / "node_modules" / _NOTES).unlink(missing_ok=True)
            _place(work / "node_modules", dest / MODULES)
        (dest / PROGRAMS).mkdir(parents=True)
        for package in json.loads(manifest.read_text(encoding="utf-8"))["dependencies"]:
            for name, path in _programs(dest / MODULES / package).items():
                (dest / MODULES / package / path).chmod(0o755)
                (dest / PROGRAMS / name).symlink_to(f"../lib/node_modules/{package}/{path}")

    def licences(self, spec: pins.NpmPin, place: Path) -> dict[str, str]:
        """Of all packages at once."""
        return {WHOLE: all_of(part.licence for part in self.parts(spec, place)[WHOLE])}

    def parts(self, spec: pins.NpmPin, place: Path) -> dict[str, list[Component]]:
        """Its packages."""
        del spec
        return {WHOLE: sorted({_part(found) for found in _packages(place / MODULES)})}

    def _files(self, spec: pins.NpmPin) -> list[Path]:
        return [self.versions.file(spec.name, name) for name in spec.needs]


def check_lock(lock: dict[str, Any], where: str) -> None:
    """A package without a digest is taken by npm as it comes, and so is what is no file of a registry.

    Of a repository npm runs what its files say; a directory becomes a link to this machine.

    Raises:
        BundleError: one has none, comes from elsewhere, or the file is of another form.
    """
    packages = lock.get("packages")
    if not packages:
        raise BundleError("this is no package-lock.json of npm 7 or later", where=where)
    for path, package in packages.items():
        if path and not str(package.get("integrity", "")).startswith("sha512-"):
            what = f"{path} has no digest"
            raise BundleError(what, where=where, hint="npm install --package-lock-only writes the lock")
        origin = str(package.get("resolved", ""))
        plain = is_private(origin) if origin else _VERSION.fullmatch(str(package.get("version", "")))
        if path and (not plain or package.get("link")):
            what = f"{path} comes from {origin or 'nowhere'}"
            raise BundleError(
                what, where=where, hint="take a package that a registry of npm has, by https://"
            )


def _place(found: Path, dest: Path) -> None:
    """There, with the same modes whatever this machine gives to new files."""
    shutil.copytree(found, dest, symlinks=True)
    for path in (dest, *dest.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _packages(modules: Path) -> list[Path]:
    """Directories of packages below a node_modules, those below other packages too."""
    files = modules.rglob("package.json")
    return sorted(
        file.parent for file in files if _is_package(file.parent.relative_to(modules)) and _said(file)
    )


def _said(file: Path) -> dict[str, Any]:
    """What a package says of itself; nothing: it is none, as what packages have for their own tests."""
    try:
        said = json_of(file)
    except (OSError, ValueError):
        return {}
    named = isinstance(said, dict) and all(isinstance(said.get(key), str) for key in ("name", "version"))
    return said if named else {}


def _is_package(path: Path) -> bool:
    """NAME or @SCOPE/NAME, right below a node_modules: packages have files of that name in other places too."""
    inner = "/".join(path.parts).rpartition("node_modules/")[2].split("/")
    return len(inner) == (2 if inner[0].startswith("@") else 1)


def _programs(package: Path) -> dict[str, str]:
    """Path in the package by the program's name.

    Raises:
        BundleError: a name is none, or there is no such file in the package.
    """
    said = _said(package / "package.json")
    programs = said.get("bin") or {}
    named = {said["name"].rpartition("/")[2]: programs} if isinstance(programs, str) else programs
    if not isinstance(named, dict):
        raise BundleError(f"package.json of {package.name} does not say its programs", where=str(package))
    found = {}
    for name, path in named.items():
        inside = (package / str(path)).resolve()
        if (
            not _PROGRAM.fullmatch(name)
            or not inside.is_file()
            or not inside.is_relative_to(package.resolve())
        ):
            what = f"package {package.name} has no program {name!r} at {path!r}"
            raise BundleError(what, where=str(package), hint="a program is a file of its package")
        found[name] = inside.relative_to(package.resolve()).as_posix()
    return found


def _part(package: Path) -> Component:
    said = _said(package / "package.json")
    return Component(PartKind.NPM, said["name"], said["version"], licence=of_package(package))

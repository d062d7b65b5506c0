"""Files of Debian packages, unpacked into a tree without running any maintainer script and without root."""

import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from slipway.bundle.ground.archive import file_digest
from slipway.bundle.ground.workshop import Workshop, recipe_for
from slipway.bundle.licences.debian import of_copyright
from slipway.bundle.licences.expression import WHOLE, all_of
from slipway.bundle.make.apt import Apt, Package
from slipway.bundle.make.programs import output_of
from slipway.bundle.sbom.parts import Component, PartKind
from slipway.catalog import pins
from slipway.catalog.versions import Versions
from slipway.errors import BundleError
from slipway.landing import real
from slipway.model.platforms import AMD64, Platform

#: Directories that are links into /usr on every system that is installed today.
MERGED = ("bin", "lib", "lib64", "sbin")
#: What only people read. Licences stay: the law wants them with the programs.
UNREAD = (
    "usr/share/bash-completion",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
)
#: Who has the rights to a package, and what its licence is; unpacked also where few of its other files are.
COPYRIGHT = re.compile(r"usr/share/doc/[^/]+/copyright")
#: What is installed, package by package, where scanners of images without dpkg look for it.
STATUS = "var/lib/dpkg/status.d"
CERTIFICATES = "usr/share/ca-certificates/mozilla"
BUNDLE = "etc/ssl/certs/ca-certificates.crt"


class DebianSource:
    """Fetches with apt, unpacks with dpkg-deb."""

    kind = "debian"

    def __init__(self, versions: Versions, workshop: Workshop, platform: Platform) -> None:
        self.versions = versions
        self.workshop = workshop
        self.platform = platform

    def recipe(self, spec: pins.DebianPin) -> object:
        """The suite and the list; what the suite held on the day stays until the cache is emptied."""
        kept = [COPYRIGHT.pattern] if spec.only else []
        return [spec.model_dump(mode="json"), UNREAD, MERGED, *kept, STATUS]

    def fetch(self, spec: pins.DebianPin, dest: Path) -> None:
        """The tree, its libraries compiled when it holds an interpreter, one bundle of certificate authorities."""
        for package in Apt(spec.suite, self.workshop, self.platform).download(spec.packages):
            unpack(package.path, dest, spec.only, (*spec.without, *UNREAD))
            note(package, dest)
        for name in MERGED:
            if (dest / "usr" / name).is_dir():
                (dest / name).symlink_to(f"usr/{name}")
        if (dest / CERTIFICATES).is_dir():
            _bundle_certificates(dest)
        if spec.python:
            tree = dest if self.platform == AMD64 else native_tree(spec.name, self.versions, self.workshop)
            compile_python(tree, dest / "usr" / "lib", spec.python)

    def licences(self, spec: pins.DebianPin, place: Path) -> dict[str, str]:
        """Of all its packages at once, by their copyright files."""
        del spec
        found = sorted((place / "usr/share/doc").glob("*/copyright"))
        own = [path for path in found if real(path) == path.absolute()]
        return {
            WHOLE: all_of(of_copyright(path.read_text(encoding="utf-8", errors="replace")) for path in own)
        }

    def parts(self, spec: pins.DebianPin, place: Path) -> dict[str, list[Component]]:
        """Its packages, of all files at once; which file is of which package is not kept."""
        system = next((item.name for item in self.versions.packages.systems if item.suite == spec.suite), "")
        return {WHOLE: [_part(path, place, system) for path in sorted((place / STATUS).iterdir())]}


def note(package: Package, dest: Path) -> None:
    """What the package says of itself, as dpkg keeps it, and the digest of its file."""
    said = output_of(["dpkg-deb", "--field", str(package.path)]).rstrip("\n")
    digest = file_digest(package.path).removeprefix("sha256:")
    place = dest / STATUS / package.name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"{said}\nStatus: install ok installed\nSHA256: {digest}\n", encoding="utf-8")


def _part(status: Path, tree: Path, system: str) -> Component:
    """A package by what is noted of it, and by its copyright file, which may link to that of another one."""
    fields = stanza_fields(status.read_text(encoding="utf-8"))
    text = tree / "usr/share/doc" / status.name / "copyright"
    licence = of_copyright(text.read_text(encoding="utf-8", errors="replace")) if text.is_file() else ""
    return Component(
        PartKind.DEBIAN,
        fields["Package"],
        fields["Version"],
        fields["Architecture"],
        fields["SHA256"],
        licence,
        system,
        source_package(fields),
    )


def source_package(fields: Mapping[str, str]) -> str:
    """The source of a package by its stanza, as `Component.source`: `Source: NAME (VERSION)`, or nothing."""
    name, _, version = fields.get("Source", "").partition(" ")
    return f"{name}@{version.strip('() ')}" if version else name


def stanza_fields(text: str) -> dict[str, str]:
    """Fields of one package's stanza; of those over several lines the first."""
    lines = (line.partition(":") for line in text.splitlines() if line[:1] not in {" ", "\t"})
    return {name: value.strip() for name, _, value in lines}


def native_tree(name: str, versions: Versions, workshop: Workshop) -> Path:
    """The tree of a source whose programs run on this machine."""
    return tree_for(AMD64, name, versions, workshop)


def tree_for(platform: Platform, name: str, versions: Versions, workshop: Workshop) -> Path:
    """The tree of a source for a platform."""
    spec = versions.source(name, platform)
    assert isinstance(spec, pins.DebianPin)  # noqa: S101 - checked when the pins were read
    source = DebianSource(versions, workshop, platform)
    recipe = recipe_for(platform, source.recipe(spec))
    return workshop.make(source.kind, name, spec.version, recipe, lambda dest: source.fetch(spec, dest))


def copyrights(deb: Path) -> list[str]:
    """The texts of a package's copyright files: none where the one of another package is linked to."""
    found = []
    with _opened(deb) as tar:
        for member in tar:
            data = (
                tar.extractfile(member)
                if COPYRIGHT.fullmatch(resolved_path(member.name)) and member.isfile()
                else None
            )
            found += [data.read().decode(errors="replace")] if data else []
    return found


def unpack(deb: Path, dest: Path, only: Sequence[str], without: Sequence[str]) -> None:
    """Unpack the files that are wanted."""
    with _opened(deb) as tar:
        for member in tar:
            merged = (
                member.issym() and member.name.strip("./") in MERGED
            )  # base-files has them since Debian 13
            member.name = resolved_path(member.name)
            if not merged and _wanted(member.name, only, without):
                _place(tar, member, dest)


@contextmanager
def _opened(deb: Path) -> Iterator[tarfile.TarFile]:
    """The files of a package, one after the other."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as stream:
        assert stream.stdout is not None  # noqa: S101 - PIPE was asked for
        with tarfile.open(fileobj=stream.stdout, mode="r|") as tar:
            yield tar
    if stream.returncode:
        raise BundleError("a package cannot be unpacked", where=deb.name)


def resolved_path(name: str) -> str:
    """A member's path with the directories that are links followed."""
    parts = PurePosixPath(name.lstrip("./")).parts
    return "/".join(("usr", *parts) if parts and parts[0] in MERGED else parts)


def _wanted(name: str, only: Sequence[str], without: Sequence[str]) -> bool:
    def below(prefixes: Sequence[str]) -> bool:
        return any(name == prefix or name.startswith(f"{prefix}/") for prefix in prefixes)

    kept = not only or below(only) or COPYRIGHT.fullmatch(name) is not None
    return bool(name) and kept and not below(without)


def _place(tar: tarfile.TarFile, member: tarfile.TarInfo, dest: Path) -> None:
    path = dest / member.name
    path.parent.mkdir(parents=True, exist_ok=True)
    if member.isdir():
        path.mkdir(exist_ok=True)
        path.chmod(member.mode & 0o7777)
    elif member.issym():
        path.unlink(missing_ok=True)
        path.symlink_to(member.linkname)
    elif member.islnk():
        shutil.copy2(dest / resolved_path(member.linkname), path)
    elif member.isfile():
        data = tar.extractfile(member)
        assert data is not None  # noqa: S101 - it is a file
        with path.open("wb") as file:
            shutil.copyfileobj(data, file)
        path.chmod(member.mode & 0o7777)


def _bundle_certificates(tree: Path) -> None:
    """What update-ca-certificates makes when the package is installed."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((tree / CERTIFICATES).glob("*.crt"))]
    target = tree / BUNDLE
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(texts), encoding="utf-8")


def compile_python(base: Path, libraries: Path, interpreter: str, prefix: str = "/usr/lib") -> None:
    """Compile a library with the interpreter of a tree that runs here, so that a container starts fast.

    The tree's loader runs it: no root, no chroot, and whatever Python this machine has does not matter. What comes
    out depends on the interpreter's version alone, and is good on every platform.
    """
    system = base / "usr/lib" / AMD64.triplet
    argv = [
        str(system / AMD64.loader),
        "--library-path",
        str(system),
        str(base / "usr/bin" / interpreter),
        "-S",
    ]
    argv += ["-m", "compileall", "-q", "-q", "--invalidation-mode", "unchecked-hash"]
    argv += ["-s", str(libraries), "-p", prefix, str(libraries)]
    home = {"PYTHONHOME": str(base / "usr"), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
    try:
        output_of(argv, env=home)
    except BundleError:
        # compileall fails when one file of a library cannot be compiled (test data, templates); the rest is compiled.
        if not any(libraries.rglob("*.pyc")):
            raise

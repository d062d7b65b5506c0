"""Debian's own resolver with a state of its own: it neither reads nor changes this machine's packages, nor needs root.

The status file is empty, so that what is resolved is everything a package needs, whatever a host has already.
"""

import hashlib
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slipway.bundle.ground.disk import private_directory
from slipway.bundle.ground.workshop import Workshop, locked
from slipway.bundle.make.programs import output_of
from slipway.errors import BundleError
from slipway.model.platforms import AMD64, Platform

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
ARCHIVE = "http://deb.debian.org/debian"
SECURITY = "http://deb.debian.org/debian-security"


@dataclass(frozen=True, slots=True)
class Package:
    """A .deb that is there."""

    name: str
    version: str
    path: Path


class Apt:
    """Packages of one suite for one platform."""

    def __init__(self, suite: str, workshop: Workshop, platform: Platform = AMD64) -> None:
        self.suite = suite
        self.workshop = workshop
        self.architecture = platform.architecture
        self.root = workshop.root / "apt" / f"{suite}{platform.suffix}"

    def download(self, names: Sequence[str], files: Sequence[Path] = ()) -> list[Package]:
        """These packages and all they depend on, fetched; apt checks each against the signed index.

        `files` are packages that are here already, and come with all they depend on.
        """
        names = [*names, *(str(path.absolute()) for path in files)]
        private_directory(self.workshop.root / "apt")
        self.root.mkdir(exist_ok=True)
        with locked(self.root / "lock"):
            self._prepare()
            self._apt("update", "-qq", "-o", "APT::Update::Error-Mode=any")
            uris = self._apt(
                "install", "-qq", "-y", "--print-uris", "-o", f"Dir::Cache::archives={self.root}/none", *names
            )
            self._apt("install", "-qq", "-y", "--download-only", *names)
        fetched = [self._file(line.split()[1]) for line in uris.splitlines() if line.startswith("'http")]
        if not fetched:
            raise BundleError(f"apt found nothing to fetch for {', '.join(names)}", where=self.suite)
        found = [_package(path) for path in (*fetched, *files)]
        return sorted(found, key=lambda package: package.path.name)

    def _file(self, name: str) -> Path:
        return self.root / "cache" / "archives" / name

    def _apt(self, command: str, *arguments: str) -> str:
        settings = {
            "Acquire::AllowDowngradeToInsecureRepositories": "false",
            "Acquire::AllowInsecureRepositories": "false",
            "Acquire::AllowWeakRepositories": "false",
            "Acquire::Languages": "none",
            "APT::Get::AllowUnauthenticated": "false",
            "APT::Architecture": self.architecture,
            "APT::Architectures": self.architecture,
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "",
            "Debug::NoLocking": "true",
            "Dir::Cache": str(self.root / "cache"),
            "Dir::Etc::preferencesparts": "/dev/null",
            "Dir::Etc::sourcelist": str(self.root / "sources.list"),
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State": str(self.root / "state"),
            "Dir::State::status": str(self.root / "state" / "status"),
        }
        options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
        return output_of(
            ["apt-get", *options, command, *arguments], env={"DEBIAN_FRONTEND": "noninteractive"}
        )

    def _prepare(self) -> None:
        for part in ("cache/archives/partial", "none/partial", "state/lists/partial"):
            (self.root / part).mkdir(parents=True, exist_ok=True)
        (self.root / "state" / "status").touch()
        sources = "".join(f"deb [signed-by={KEYRING}] {line} main\n" for line in self._suites())
        (self.root / "sources.list").write_text(sources, encoding="utf-8")

    def _suites(self) -> list[str]:
        archive, security = machine_mirrors()
        return [
            f"{archive} {self.suite}",
            f"{archive} {self.suite}-updates",
            f"{security} {self.suite}-security",
        ]


def machine_mirrors(etc: Path = Path("/etc/apt")) -> tuple[str, str]:
    """The machine's own mirrors of the archive and of its security updates, where it names some."""
    found: dict[str, str] = {}
    for file in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("debian*"))]:
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        for word in text.split():
            if word.startswith(("http://", "https://")):
                last = urllib.parse.urlsplit(word).path.rstrip("/").rpartition("/")[2]
                found.setdefault(last, word.rstrip("/"))
    return found.get("debian", ARCHIVE), found.get("debian-security", SECURITY)


def _package(path: Path) -> Package:
    name, version, _ = path.name.split("_")
    return Package(name, urllib.parse.unquote(version), path)


def files_digest(paths: Sequence[Path]) -> str:
    """Twelve hex digits that name exactly these files."""
    total = hashlib.sha256()
    for path in paths:
        total.update(path.name.encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:12]

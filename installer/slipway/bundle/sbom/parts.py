"""What a bundle's items are put together of, and how each is called everywhere (purl)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from slipway.model.bundle import Artifact, ArtifactKind

#: Words that have no licence in SPDX's list, and texts of our own for them.
REFERENCE: Final = re.compile(r"LicenseRef-[A-Za-z0-9.-]+")
REFERENCES: Final[Mapping[str, str]] = {
    "LicenseRef-public-domain": "In the public domain, as its authors or Debian say.",
    "LicenseRef-unknown": "Parts of it have a licence that was not recognised.",
}


class PartKind(StrEnum):
    """Where a part's name means something; as purl calls it."""

    DEBIAN = "deb"
    GO = "golang"
    NPM = "npm"
    PYTHON = "pypi"
    RPM = "rpm"


@dataclass(frozen=True, slots=True, order=True)
class Component:
    """A package or module in an item. `digest`: sha256 in hex of its own file, empty where it was not kept.

    `licence`: an SPDX expression, empty where it is not known. `distro` of a Debian or RPM package: the system that it
    is for, as debian-12; empty where nobody said. `source`: the Debian source package that it was built from, with
    @VERSION where that is another than its own, empty where both are the same: records of vulnerabilities go by it.
    """

    kind: PartKind
    name: str
    version: str
    architecture: str = ""
    digest: str = ""
    licence: str = ""
    distro: str = ""
    source: str = ""

    @property
    def purl(self) -> str:
        """Its name for every program that knows packages."""
        name = "/".join(_quoted(word) for word in self.name.split("/"))
        if self.kind is PartKind.PYTHON:
            name = re.sub(r"[-_.]+", "-", name).lower()
        qualifiers = {"arch": self.architecture, "distro": self.distro, "upstream": self.source}
        told = "&".join(f"{key}={_quoted(value)}" for key, value in qualifiers.items() if value)
        return f"pkg:{self.kind}/{self._vendor}{name}@{_quoted(self.version)}{f'?{told}' if told else ''}"

    @property
    def _vendor(self) -> str:
        """The namespace of what a distribution has packed."""
        if self.kind is PartKind.DEBIAN:
            return f"{self.distro.partition('-')[0] or 'debian'}/"
        return f"{self.distro.partition('-')[0]}/" if self.kind is PartKind.RPM and self.distro else ""


@dataclass(frozen=True, slots=True)
class Item:
    """An artifact, and its parts."""

    artifact: Artifact
    parts: tuple[Component, ...] = ()

    @property
    def purl(self) -> str:
        """The artifact's name for every program that knows packages."""
        artifact = self.artifact
        if artifact.kind is ArtifactKind.IMAGE:
            name, digest = artifact.name.rpartition("/")[2], quote(artifact.digest, safe="")
            tag = "" if artifact.version == artifact.digest else f"&tag={_quoted(artifact.version)}"
            return f"pkg:oci/{name.lower()}@{digest}?repository_url={quote(artifact.name, safe='/')}{tag}"
        known = {ArtifactKind.CHART: "helm", ArtifactKind.WHEEL: "pypi"}
        version = artifact.version
        if artifact.kind is ArtifactKind.WHEEL:  # behind the version there may be the interpreter
            version = re.sub(r"-cp\d+$", "", version)
        return f"pkg:{known.get(artifact.kind, 'generic')}/{_quoted(artifact.name)}@{_quoted(version)}"


def _quoted(text: str) -> str:
    return quote(text, safe=".-_~:")

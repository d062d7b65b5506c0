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
    PYTHON = "pypi"
    RPM = "rpm"


@dataclass(frozen=True, slots=True, order=True)
class Component:
    """A package or module in an item. `digest`: sha256 in hex of its own file, empty where it was not kept.

    `licence`: an SPDX expression, empty where it is not known.
    """

    kind: PartKind
    name: str
    version: str
    architecture: str = ""
    digest: str = ""
    licence: str = ""

    @property
    def purl(self) -> str:
        """Its name for every program that knows packages."""
        name = "/".join(_quoted(word) for word in self.name.split("/"))
        if self.kind is PartKind.PYTHON:
            name = re.sub(r"[-_.]+", "-", name).lower()
        place = "debian/" if self.kind is PartKind.DEBIAN else ""
        arch = f"?arch={self.architecture}" if self.architecture else ""
        return f"pkg:{self.kind}/{place}{name}@{_quoted(self.version)}{arch}"


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

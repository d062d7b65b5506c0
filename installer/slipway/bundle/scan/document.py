"""A bundle's own CycloneDX document, read for a scan: its packages, and in which items of the bundle each is; pure."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

from slipway.bundle.sbom.parts import PartKind
from slipway.bundle.scan.databases import Ecosystem
from slipway.errors import BundleError
from slipway.model.bundle import Artifact, ArtifactKind

#: Items that are put together of parts. Of those that came ready nobody told them.
_COMPOSED: Final = frozenset({ArtifactKind.BINARY, ArtifactKind.IMAGE, ArtifactKind.PACKAGES})
_SCHEME: Final = "pkg:"


@dataclass(frozen=True, slots=True)
class Packed:
    """A package, module or library. `where`: items of the bundle as `Vulnerability.where` has them."""

    purl: str
    name: str
    version: str
    where: tuple[str, ...]

    @property
    def kind(self) -> str:
        """As its package URL says it, and of packages of a distribution whose: deb/debian, golang, pypi."""
        words = self.purl.removeprefix(_SCHEME).split("/")
        return "/".join(words[: 2 if words[0] in {PartKind.DEBIAN, PartKind.RPM} else 1])

    @property
    def ecosystem(self) -> Ecosystem | None:
        """Whose records are about it; None: those of none that is known here."""
        return _ECOSYSTEMS.get(self.kind)

    @property
    def source(self) -> tuple[str, str]:
        """Name and version by which records go: those of a Debian package's source, else its own."""
        told = parse_qs(self.purl.partition("?")[2]).get("upstream", [""])[0]
        name, _, version = told.partition("@")
        return name or self.name, version or self.version


_ECOSYSTEMS: Final[Mapping[str, Ecosystem]] = {
    f"{PartKind.DEBIAN}/debian": Ecosystem.DEBIAN,
    f"{PartKind.DEBIAN}/ubuntu": Ecosystem.UBUNTU,
    PartKind.GO: Ecosystem.GO,
    PartKind.NPM: Ecosystem.NPM,
    PartKind.PYTHON: Ecosystem.PYPI,
}


@dataclass(frozen=True, slots=True)
class Materials:
    """What a bundle is made of. `unseen`: items of whose parts nothing is known."""

    packages: tuple[Packed, ...]
    unseen: tuple[str, ...]


def materials(text: bytes, artifacts: Sequence[Artifact], where: str) -> Materials:
    """Of a document of `cyclonedx_document`, about the artifacts of the same bundle.

    Raises:
        BundleError: it is another one.
    """
    try:
        document = json.loads(text)
        return _materials(
            document, {a.digest.removeprefix("sha256:"): _label(a) for a in artifacts}, artifacts
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as exc:
        why, hint = f"{type(exc).__name__}: {exc}", "build the bundle again: slipway bundle build"
        raise BundleError(
            "this is no bill of materials of a bundle", where=where, why=why, hint=hint
        ) from exc


def _materials(
    document: Mapping[str, Any], labels: Mapping[str, str], artifacts: Sequence[Artifact]
) -> Materials:
    components = {component["bom-ref"]: component for component in document["components"]}
    inside = {entry["ref"]: entry.get("dependsOn", []) for entry in document["dependencies"]}
    items = {ref: labels[components[ref]["hashes"][0]["content"]] for ref in inside["bundle"]}
    holders: defaultdict[str, list[str]] = defaultdict(list)
    for ref, label in items.items():
        for held in (ref, *inside[ref]):
            holders[held].append(label)
    composed = {_label(artifact) for artifact in artifacts if artifact.kind in _COMPOSED}
    return Materials(
        tuple(_packages(components, holders)),
        tuple(sorted(label for ref, label in items.items() if label in composed and not inside[ref])),
    )


def _packages(
    components: Mapping[str, Mapping[str, str]], holders: Mapping[str, Sequence[str]]
) -> Iterator[Packed]:
    """Parts, and of items those that are packages themselves."""
    for ref, component in components.items():
        purl = component["purl"]
        if purl.removeprefix(_SCHEME).partition("/")[0] in set(PartKind):
            yield Packed(purl, component["name"], component["version"], tuple(sorted(set(holders[ref]))))


def _label(artifact: Artifact) -> str:
    return f"{artifact.kind}/{artifact.reference}"

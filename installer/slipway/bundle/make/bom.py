"""The bill of materials of a bundle: what is in each item that was built here, and the two documents that say it.

Of what came ready from a registry or a server nothing is known but its name, digest and licence: its parts are its
publisher's to say.
"""

import re
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

from slipway import __version__
from slipway.bundle.form.writer import Writer
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make import sources
from slipway.bundle.sbom.cyclonedx import cyclonedx_document
from slipway.bundle.sbom.parts import Component, Item, PartKind
from slipway.bundle.sbom.spdx import spdx_document
from slipway.catalog.pins import Binary, Image
from slipway.catalog.versions import Versions
from slipway.digests import canonical_json, digest_of
from slipway.model.bundle import Artifact, ArtifactKind
from slipway.model.platforms import Platform

#: The documents by the names of their formats.
DOCUMENTS: Final[Mapping[str, Callable[[str, str, Sequence[Item]], dict[str, Any]]]] = {
    "cyclonedx": cyclonedx_document,
    "spdx": spdx_document,
}
_RPM: Final = re.compile(r"(?P<name>.+)-(?P<version>[^-]+-[^-]+)\.(?P<arch>[^.]+)\.rpm")


def write_documents(name: str, items: Sequence[Item], writer: Writer) -> Iterator[Artifact]:
    """Write what says which parts a bundle of that name has."""
    for form, document in DOCUMENTS.items():
        data = (canonical_json(document(name, __version__, items), escaped=True) + "\n").encode()
        path = f"{ArtifactKind.SBOM}/{form}-{__version__}.json"
        writer.write(path, data)
        yield Artifact(
            ArtifactKind.SBOM,
            form,
            __version__,
            digest_of(data),
            len(data),
            path,
            origin="Slipway",
            licence="CC0-1.0",
        )


class Ledger:
    """Parts by the items that were built here; an image for several platforms has those of all."""

    def __init__(self) -> None:
        self._parts: defaultdict[tuple[ArtifactKind, str], set[Component]] = defaultdict(set)

    def note(self, artifact: Artifact, parts: Iterable[Component]) -> None:
        """Besides what was noted of it."""
        self._parts[artifact.kind, artifact.reference].update(parts)

    def items(self, artifacts: Iterable[Artifact]) -> list[Item]:
        """In the order of a manifest."""
        ordered = sorted(artifacts, key=lambda item: (item.kind, item.name, item.version, item.platform))
        return [
            Item(item, tuple(sorted(self._parts.get((item.kind, item.reference), ())))) for item in ordered
        ]


class Bom:
    """Parts of what is made of one set of pinned versions, for a platform."""

    def __init__(self, versions: Versions, workshop: Workshop, platform: Platform) -> None:
        self.versions, self.workshop, self.platform = versions, workshop, platform

    def image(self, image: Image) -> set[Component]:
        """Of all its layers and files."""
        layers = [self.versions.layer(name) for name in image.layers]
        origins = [*image.files.values(), *(origin for layer in layers for origin in layer.files.values())]
        trees = [layer.tree for layer in layers if layer.tree]
        return {*self._files(origins), *(part for name in trees for part in self._tree(name))}

    def binary(self, binary: Binary) -> set[Component]:
        """Of its file, files or tree."""
        if binary.tree:
            return set(self._tree(binary.tree))
        return set(self._files([binary.file] if binary.file else binary.files.values()))

    def _files(self, origins: Iterable[str]) -> Iterator[Component]:
        """Of each SOURCE/FILE."""
        for origin in origins:
            source, _, name = origin.partition("/")
            found = self._source(source)
            yield from found.get(name, found.get(sources.WHOLE, ()))

    def _tree(self, source: str) -> Iterator[Component]:
        for parts in self._source(source).values():
            yield from parts

    def _source(self, name: str) -> dict[str, list[Component]]:
        return sources.source_parts(name, self.versions, self.workshop, self.platform)


def packed_parts(tar: Path, system: str) -> set[Component]:
    """The packages of a system's repository: by its index where it has one, else by their files."""
    found: set[Component] = set()
    with tarfile.open(tar) as archive:
        for member in archive:
            name, data = member.name.rpartition("/")[2], archive.extractfile(member)
            if data and name == "Packages":
                found |= set(_of_index(data.read().decode(), system))
            elif data and (rpm := _RPM.fullmatch(name)):
                words = (rpm["name"], rpm["version"], rpm["arch"])
                found.add(Component(PartKind.RPM, *words, digest=_digest(data), distro=system))
    return found


def _of_index(text: str, system: str) -> Iterator[Component]:
    for stanza in filter(None, text.split("\n\n")):
        fields = sources.stanza_fields(stanza)
        yield Component(
            PartKind.DEBIAN,
            fields["Package"],
            fields["Version"],
            fields.get("Architecture", ""),
            fields.get("SHA256", ""),
            distro=system,
            source=sources.source_package(fields),
        )


def _digest(data: IO[bytes]) -> str:
    return digest_of(data.read()).removeprefix("sha256:")

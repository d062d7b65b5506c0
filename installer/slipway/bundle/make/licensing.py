"""The licences of what is put into a bundle: of programs, trees, images and packages, out of those of their sources.

What has several parts has the licences of all of them at once. Everything here was read once, and is kept.
"""

import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.licences.debian import of_copyright
from slipway.bundle.licences.expression import WHOLE, all_of
from slipway.bundle.licences.own import own_licence
from slipway.bundle.licences.rules import rules_digest
from slipway.bundle.make import sources
from slipway.bundle.make.sources.chart import PACKED, chart_licence
from slipway.bundle.make.sources.debian import copyrights
from slipway.catalog.pins import Binary, Image, Layer
from slipway.catalog.versions import Versions
from slipway.model.platforms import AMD64, Platform
from slipway.settings import data_dir

#: What is kept of a repository's licences.
_KEPT: Final = "licence"


class Licensing:
    """SPDX expressions of things made of one set of pinned versions for a platform; empty where none is known."""

    def __init__(self, versions: Versions, workshop: Workshop, platform: Platform = AMD64) -> None:
        self.versions = versions
        self.workshop = workshop
        self.platform = platform

    def image(self, image: Image) -> str:
        """Of all its layers and files."""
        own = [own_licence()] if image.slipway else []
        layers = [part for name in image.layers for part in self._layer(self.versions.layer(name))]
        return all_of([*own, *layers, *map(self._file, image.files.values())])

    def binary(self, binary: Binary) -> str:
        """Of its file, files or tree."""
        if binary.tree:
            return self._tree(binary.tree)
        return all_of(map(self._file, [binary.file] if binary.file else binary.files.values()))

    def chart(self, source: str) -> str:
        """Of a chart of upstream."""
        return self._source(source)[PACKED]

    @staticmethod
    def own_chart(directory: Path) -> str:
        """Of a module's own chart: what it says itself; Slipway's, where the module came with Slipway."""
        ours = own_licence() if directory.is_relative_to(data_dir()) else ""
        return chart_licence(directory) or ours

    def wheels(self) -> dict[str, str]:
        """Of the wheels with which Slipway is installed, by their files' names."""
        return self._source(self.versions.wheels)

    def packages(self, tar: Path) -> str:
        """Of all Debian packages of a repository. Those of other systems nothing is known of."""

        def read(dest: Path) -> None:
            (dest / _KEPT).write_text(all_of(_of_packages(tar, dest)), encoding="utf-8")

        place = self.workshop.make("licence", tar.parent.parent.name, tar.parent.name, rules_digest(), read)
        return (place / _KEPT).read_text(encoding="utf-8")

    def _layer(self, layer: Layer) -> Iterator[str]:
        yield from map(self._file, layer.files.values())
        if layer.tree:
            yield self._tree(layer.tree)

    def _tree(self, source: str) -> str:
        return all_of(self._source(source).values())

    def _file(self, origin: str) -> str:
        """Of SOURCE/FILE."""
        source, _, name = origin.partition("/")
        found = self._source(source)
        return found.get(name, found.get(WHOLE, ""))

    def _source(self, name: str) -> dict[str, str]:
        return sources.source_licences(name, self.versions, self.workshop, self.platform)


def _of_packages(tar: Path, scratch: Path) -> Iterable[str]:
    """Per package of a repository; one without a copyright file of its own has that of another one beside it."""
    with tarfile.open(tar) as archive, tempfile.TemporaryDirectory(dir=scratch) as work:
        deb = Path(work) / "package.deb"
        for member in archive:
            data = archive.extractfile(member) if member.name.endswith(".deb") else None
            if data:
                with deb.open("wb") as file:
                    shutil.copyfileobj(data, file)
                yield from map(of_copyright, copyrights(deb))

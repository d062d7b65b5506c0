"""Images assembled from what the sources give: gzip layers and an OCI manifest, the same bytes every time.

A layer is cached by its recipe, so images share layers, and a change of Slipway's own code makes one thin layer anew.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.bundle.form.layout import OCI_MANIFEST, Blob, blob_of
from slipway.bundle.ground.archive import ArchiveEntry, tree_entries, write_tgz
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make import sources
from slipway.bundle.make.code import CodeLayer
from slipway.catalog.pins import Account, Image, Layer
from slipway.catalog.versions import Versions
from slipway.digests import canonical_json
from slipway.model.platforms import AMD64, Platform

CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
EPOCH = "1970-01-01T00:00:00Z"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def common(accounts: Iterable[Account] = ()) -> list[ArchiveEntry]:
    """What every image has, besides its own: programs look users up, and write temporary files."""
    groups, users = ["root:x:0:", "nogroup:x:65534:"], ["root:x:0:0:root:/root:/bin/sh"]
    users.append("nobody:x:65534:65534::/:/bin/false")
    homes = []
    for one in accounts:
        groups.append(f"{one.name}:x:{one.uid}:")
        users.append(f"{one.name}:x:{one.uid}:{one.uid}::{one.home}:/bin/sh")
        homes.append(ArchiveEntry(one.home.strip("/"), 0o755, owner=one.uid))
    return [
        ArchiveEntry("etc/group", 0o644, data=_lines(groups)),
        ArchiveEntry("etc/passwd", 0o644, data=_lines(users)),
        ArchiveEntry("tmp", 0o1777),
        *homes,
    ]


def _lines(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image that is complete: its manifest, and all blobs it names."""

    reference: str
    manifest: Blob
    blobs: tuple[Blob, ...]

    @property
    def size(self) -> int:
        """All bytes of it."""
        return self.manifest.size + sum(blob.size for blob in self.blobs)


@dataclass(frozen=True, slots=True)
class _BuiltLayer:
    blob: Blob
    diff_id: str


class Assembler:
    """Builds images of one set of pinned versions for one platform."""

    def __init__(self, versions: Versions, workshop: Workshop, platform: Platform = AMD64) -> None:
        self.versions = versions
        self.workshop = workshop
        self.platform = platform

    def build(self, image: Image) -> BuiltImage:
        """Every layer, then configuration and manifest over them."""
        layers = [self._shared(self.versions.layer(name)) for name in image.layers]
        layers.append(self._own(image))
        config = _json(_configuration(image, self.platform, [layer.diff_id for layer in layers]))
        manifest = _json(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": _descriptor(config, CONFIG_TYPE),
                "layers": [_descriptor(layer.blob, LAYER_TYPE) for layer in layers],
            }
        )
        return BuiltImage(image.full_reference, manifest, (config, *(layer.blob for layer in layers)))

    def _shared(self, layer: Layer) -> _BuiltLayer:
        entries = [ArchiveEntry(path, link=target) for path, target in layer.link_paths.items()]
        entries += self._files(layer.files)
        recipe: list[object] = [layer.model_dump(mode="json"), self._origins(layer.files.values())]
        if layer.tree:
            place = self._source(layer.tree)
            recipe.append(place.name)
            entries += tree_entries(place)
        return self._pack("layer", layer.name, recipe, entries)

    def _own(self, image: Image) -> _BuiltLayer:
        base = common(image.accounts)
        recipe: list[object] = [image.files, self._origins(image.files.values()), _text(base)]
        name = image.reference.partition(":")[0].replace("/", "+")
        if image.slipway:
            code = CodeLayer(self.versions, self.workshop)
            place = code.make()
            return self._pack("layer", name, [*recipe, place.name], [*base, *code.entries(place)])
        return self._pack("layer", name, recipe, [*base, *self._files(image.files)])

    def _pack(self, kind: str, name: str, recipe: object, entries: Iterable[ArchiveEntry]) -> _BuiltLayer:
        def build(dest: Path) -> None:
            facts = write_tgz(dest / "layer.tar.gz", entries)
            (dest / "layer.json").write_text(json.dumps(dict(facts)), encoding="utf-8")

        place = self.workshop.make(kind, name, "1", recipe, build)
        facts = json.loads((place / "layer.json").read_text(encoding="utf-8"))
        blob = Blob(facts["digest"], facts["size"], place / "layer.tar.gz")
        return _BuiltLayer(blob, facts["inner"])

    def _files(self, files: Mapping[str, str]) -> list[ArchiveEntry]:
        return [ArchiveEntry(path, 0o755, source=self.file(origin)) for path, origin in files.items()]

    def _origins(self, origins: Iterable[str]) -> list[str]:
        return [f"{self._source(origin.partition('/')[0]).name}/{origin}" for origin in origins]

    def _source(self, name: str) -> Path:
        return sources.source_directory(name, self.versions, self.workshop, self.platform)

    def file(self, origin: str) -> Path:
        """The file behind SOURCE/FILE."""
        source, _, name = origin.partition("/")
        return self._source(source) / name


def _configuration(image: Image, platform: Platform, diff_ids: list[str]) -> dict[str, Any]:
    config: dict[str, Any] = {"Env": [PATH, *image.env], "WorkingDir": image.workdir}
    config |= {"Entrypoint": list(image.entrypoint)} if image.entrypoint else {}
    config |= {"Cmd": list(image.cmd)} if image.cmd else {}
    config |= {"User": image.user} if image.user else {}
    if image.contents:
        config["Labels"] = {"dev.slipway.contents": image.contents}
    return {
        "created": EPOCH,
        "architecture": platform.architecture,
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [{"created": EPOCH, "created_by": "slipway"} for _ in diff_ids],
    }


def _descriptor(blob: Blob, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": blob.digest, "size": blob.size}


def _json(data: Mapping[str, Any]) -> Blob:
    return blob_of(canonical_json(data, escaped=True).encode())


def _text(entries: Iterable[ArchiveEntry]) -> list[str]:
    """What a recipe says of files that are made here."""
    owned = {True: " of {}", False: ""}
    return [
        f"{one.path} {one.mode} {(one.data or b'').decode()}{owned[one.owner > 0].format(one.owner)}"
        for one in entries
    ]

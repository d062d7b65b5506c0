"""An image in an OCI layout: its manifest, or an index of several, and all that these name."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from slipway.digests import canonical_json, digest_of, is_digest
from slipway.errors import BundleError
from slipway.smallfiles import LIMIT, json_in, opened

#: Annotation of the name that an image has in a layout.
NAMED = "org.opencontainers.image.ref.name"
#: One OCI layout holds all images of a bundle over one store of blobs.
LAYOUT = "images"
#: Of the layout itself, by the file's name in it.
VERSION: Mapping[str, str] = MappingProxyType({"imageLayoutVersion": "1.0.0"})
VERSION_FILE, INDEX_FILE = "oci-layout", "index.json"
#: At the top of a bundle: what installs Slipway out of it.
INSTALL = "install.sh"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
#: Media types of manifests that name others.
INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
#: Media types of all that Slipway stores.
MANIFESTS = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST)
#: Levels of indexes in indexes that anybody makes; more is an attack.
DEPTH = 4

_VERIFY = "check the bundle: slipway bundle verify DIR"


def blob_path(digest: str) -> str:
    """Where a blob of an image lies, relative to the bundle."""
    return f"{LAYOUT}/blobs/{digest.replace(':', '/')}"


@dataclass(frozen=True, slots=True)
class Blob:
    """Content by digest: a file, or bytes."""

    digest: str
    size: int
    path: Path | None = None
    data: bytes = b""


def blob_of(data: bytes) -> Blob:
    """A blob of bytes."""
    return Blob(digest_of(data), len(data), data=data)


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest or index as it is stored."""

    digest: str
    media_type: str
    text: bytes

    @property
    def data(self) -> dict[str, Any]:
        """What it says."""
        found: dict[str, Any] = json.loads(self.text)
        return found

    @property
    def children(self) -> tuple[str, ...]:
        """Digests of the manifests that an index names."""
        return tuple(item["digest"] for item in self.data.get("manifests", ()))

    @property
    def sizes(self) -> dict[str, int]:
        """Digests of configuration and layers, with sizes; layers that only a third place has are not carried."""
        data = self.data
        layers = [item for item in data.get("layers", ()) if not item.get("urls")]
        config = [data["config"]] if "config" in data else []
        return {item["digest"]: int(item["size"]) for item in (*config, *layers)}

    @property
    def subject(self) -> str:
        """Digest of the manifest that it is about, as a signature is; empty where it stands for itself."""
        return str((self.data.get("subject") or {}).get("digest", ""))

    @property
    def blobs(self) -> tuple[str, ...]:
        """Digests of configuration and layers."""
        return tuple(self.sizes)


def stored_manifest(text: bytes, media_type: str = "") -> StoredManifest:
    """A node of its text; its type is what the text says, else what it was served as.

    Raises:
        ValueError: this is no manifest.
    """
    data = json_in(text)
    if not isinstance(data, dict) or not ("config" in data or "manifests" in data):
        raise ValueError("it names neither a configuration nor manifests")
    if problem := next(_problems(data), ""):
        raise ValueError(problem)
    served = media_type or (OCI_INDEX if "manifests" in data else OCI_MANIFEST)
    return StoredManifest(digest_of(text), str(data.get("mediaType") or served), text)


def _problems(data: Mapping[str, Any]) -> Iterator[str]:
    """What in it leads to nothing: by its digests files are opened, and addresses asked."""
    subject, lists = data.get("subject"), [data.get(key) or [] for key in ("manifests", "layers")]
    if not (subject is None or (isinstance(subject, dict) and isinstance(subject.get("digest"), str))):
        yield "its subject is none"
    if not all(isinstance(found, list) for found in lists):
        yield "its manifests or layers are no lists"
        return
    children, layers = lists
    named = [*children, *layers, *([data["config"]] if "config" in data else [])]
    if not all(isinstance(item, dict) for item in named):
        yield "it names what is no content"
        return
    if not all(isinstance(item.get("platform") or {}, dict) for item in children):
        yield "it names what is for no platform"
    for item in (item for item in named if not item.get("urls")):
        digest, size = item.get("digest"), item.get("size", 0 if item in children else None)
        if not (isinstance(digest, str) and is_digest(digest)):
            yield f"{digest!r} is no digest"
        if type(size) is not int or size < 0:
            yield f"{size!r} is no size"


def manifests_below(root: str, read: Callable[[str], bytes], depth: int = DEPTH) -> Iterator[StoredManifest]:
    """Every manifest below a digest, what is named before what names it, the root last."""
    node = stored_manifest(read(root))
    if depth == 0:
        raise ValueError("its indexes are too deep")
    for child in node.children:
        yield from manifests_below(child, read, depth - 1)
    yield node


def named_index(images: Iterable[tuple[str, str, StoredManifest]]) -> dict[str, Any]:
    """The index by which a layout names its images: of each the reference, its platform and its own manifest."""
    found = [
        {**index_entry(node, platform), "annotations": {NAMED: reference}}
        for reference, platform, node in images
    ]
    return {"schemaVersion": 2, "manifests": sorted(found, key=canonical_json)}


def index_entry(node: StoredManifest, platform: str) -> dict[str, Any]:
    """How an index names a manifest. Of one that is for several platforms nothing is said: its own index does."""
    system, _, architecture = platform.partition("/")
    one = {"platform": {"architecture": architecture, "os": system}}
    named = one if architecture and "," not in platform else {}
    return {"mediaType": node.media_type, "digest": node.digest, "size": len(node.text), **named}


def manifest_reader(directory: Path) -> Callable[[str], bytes]:
    """Reads manifests of a bundle directory, each checked by its digest."""

    def read(digest: str) -> bytes:
        path = directory / blob_path(digest)
        try:
            with opened(path) as file:
                text = file.read(LIMIT)
        except OSError as exc:
            raise missing_error(digest, path, exc) from exc
        if digest_of(text) != digest:
            raise BundleError(f"{digest} has other contents", where=str(path), hint=_VERIFY)
        return text

    return read


def missing_error(what: str, path: Path, exc: OSError) -> BundleError:
    """Something that a bundle should have."""
    return BundleError(f"{what} is missing from the bundle", where=str(path), why=str(exc), hint=_VERIFY)

"""An image for several platforms: one reference, one OCI index over the manifest of each."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from slipway.bundle.form.layout import (
    OCI_INDEX,
    StoredManifest,
    blob_of,
    blob_path,
    index_entry,
    stored_manifest,
)
from slipway.bundle.form.writer import Writer
from slipway.bundle.licences.expression import all_of
from slipway.digests import canonical_json
from slipway.model.bundle import Artifact

#: An image of a bundle, and its manifest or index.
ImagePart = tuple[Artifact, StoredManifest]


def joined(parts: Iterable[ImagePart], writer: Writer) -> Iterator[ImagePart]:
    """One part per reference: what is there for one platform stays as it is, an index of ours stands for several."""
    found: dict[str, dict[str, ImagePart]] = {}
    for artifact, node in parts:
        found.setdefault(artifact.reference, {})[artifact.platform] = (artifact, node)
    for group in found.values():
        yield _index(group, writer) if len(group) > 1 else next(iter(group.values()))


def _index(parts: Mapping[str, ImagePart], writer: Writer) -> ImagePart:
    entries = [index_entry(node, platform) for platform, (_, node) in parts.items()]
    data = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    text = canonical_json(data, escaped=True).encode()
    blob = blob_of(text)
    writer.blob(blob)
    nodes = [node for _, node in parts.values()]
    blobs = {digest: size for node in nodes for digest, size in node.sizes.items()}
    artifacts = [artifact for artifact, _ in parts.values()]
    return (
        replace(
            artifacts[0],
            platform=",".join(parts),
            digest=blob.digest,
            size=len(text) + sum(len(node.text) for node in nodes) + sum(blobs.values()),
            path=blob_path(blob.digest),
            origin=", ".join(dict.fromkeys(artifact.origin for artifact in artifacts)),
            licence=all_of(artifact.licence for artifact in artifacts),
        ),
        stored_manifest(text),
    )

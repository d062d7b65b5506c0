"""How a file that is no image lies in a registry: an OCI artifact whose single layer is the file itself.

So the file's sha256 is the blob's digest, and hosts fetch it with plain HTTP.
"""

from collections.abc import Callable
from typing import Any

from slipway.bundle.form import layout
from slipway.bundle.form.layout import OCI_MANIFEST, StoredManifest, stored_manifest
from slipway.digests import canonical_json
from slipway.errors import BundleError
from slipway.model.bundle import Artifact, ArtifactKind

#: The tag under which a site finds its manifest, and its repository.
CURRENT = "current"
MANIFEST_REPOSITORY = "slipway/bundle/manifest"

#: What begins the tags of all bundles that a site ever got, the current one among them.
HISTORY = "bundle-"

#: Annotation with the text of bundle.yaml.sig.
SIGNATURE_NOTE = "dev.slipway.bundle.signature"

EMPTY = b"{}"
EMPTY_DIGEST = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
FILE_TYPE = "application/octet-stream"


def artifact_manifest(kind: str, title: str, digest: str, size: int, signature: str = "") -> bytes:
    """The manifest of one file. `signature`: what lies beside it as a signature, if there is one."""
    data: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": f"application/vnd.slipway.{kind}.v1",
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": EMPTY_DIGEST,
            "size": len(EMPTY),
        },
        "layers": [
            {
                "mediaType": FILE_TYPE,
                "digest": digest,
                "size": size,
                "annotations": {"org.opencontainers.image.title": title},
            }
        ],
    }
    noted = {"annotations": {SIGNATURE_NOTE: signature}} if signature else {}
    return canonical_json(data | noted, escaped=True).encode()


def file_manifest(artifact: Artifact) -> bytes:
    """The manifest of a bundle's file."""
    return artifact_manifest(
        str(artifact.kind), artifact.path.rpartition("/")[2], artifact.digest, artifact.size
    )


def manifests_of(artifact: Artifact, read: Callable[[str], bytes]) -> tuple[StoredManifest, ...]:
    """All manifests that make an artifact in a registry, the one that stands for it last; `read` reads an image's.

    Raises:
        BundleError: what is to be an image is none.
    """
    if artifact.kind is not ArtifactKind.IMAGE:
        return (stored_manifest(file_manifest(artifact)),)
    try:
        return tuple(layout.manifests_below(artifact.digest, read))
    except (ValueError, KeyError, TypeError) as exc:
        hint = "build it again from a source that you trust"
        raise BundleError(
            f"{artifact.reference} is no image", where=artifact.path, why=str(exc), hint=hint
        ) from exc


def root_digest(artifact: Artifact) -> str:
    """Digest of the manifest that stands for an artifact in a registry."""
    image = artifact.kind is ArtifactKind.IMAGE
    return artifact.digest if image else stored_manifest(file_manifest(artifact)).digest

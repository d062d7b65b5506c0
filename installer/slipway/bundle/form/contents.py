"""The files of a bundle directory: whose they are, and the digests that its manifest vouches for."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from slipway.bundle.form.delta import FILE, Delta
from slipway.bundle.form.layout import (
    INDEX_FILE,
    LAYOUT,
    VERSION_FILE,
    blob_path,
    manifest_reader,
    manifests_below,
)
from slipway.errors import BundleError
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest

#: Files that the manifest has no digest of: those of an OCI layout besides blobs, which are made from the manifest,
#: and what a delta leaves out, which the site's registry proves.
UNVOUCHED = (f"{LAYOUT}/{INDEX_FILE}", f"{LAYOUT}/{VERSION_FILE}", FILE)


@dataclass(frozen=True, slots=True)
class Content:
    """A file by its path below the bundle."""

    path: str
    digest: str
    owner: str
    """Kind and reference of the artifact."""


def contents(directory: Path, manifest: BundleManifest) -> list[Content]:
    """Every file that the manifest vouches for, once, the blobs of images included; by path.

    What a delta leaves out is no file of it: what is not on the disk, whatever delta.json says, which nobody signed.
    """
    absent = Delta.read(directory, manifest).absent
    found = {
        item.path: item
        for item in _each(directory, manifest)
        if item.digest not in absent or os.path.lexists(directory / item.path)
    }
    return [found[path] for path in sorted(found)]


def _each(directory: Path, manifest: BundleManifest) -> Iterator[Content]:
    for artifact in manifest.artifacts:
        owner = f"{artifact.kind}/{artifact.reference}"
        yield Content(artifact.path, artifact.digest, owner)
        if artifact.kind is ArtifactKind.IMAGE:
            yield from (Content(blob_path(digest), digest, owner) for digest in _named(directory, artifact))


def _named(directory: Path, artifact: Artifact) -> list[str]:
    """All that an image's manifests name. One that cannot be read names nothing; it is a finding itself."""
    found: list[str] = []
    try:
        for node in manifests_below(artifact.digest, manifest_reader(directory)):
            found += (node.digest, *node.blobs)
    except (BundleError, ValueError, KeyError, TypeError):
        pass
    return found

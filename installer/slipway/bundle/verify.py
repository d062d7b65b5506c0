"""Checks a bundle directory: every byte against bundle.yaml, and whether the modules' images are all there."""

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from slipway.bundle import manifest as manifests
from slipway.bundle.archive import file_digest
from slipway.bundle.writer import blob_path
from slipway.errors import Finding
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest

#: Hashing is bound by the disk; sha256 itself releases the interpreter's lock.
PARALLEL = 4


def verify(directory: Path, images: Iterable[str] = ()) -> list[Finding]:
    """All that is wrong; `images` are references that have to be in it besides."""
    manifest = manifests.read(directory)
    expected = dict(_files(directory, manifest))
    with ThreadPoolExecutor(PARALLEL) as pool:
        found = pool.map(lambda item: _check(directory, *item), sorted(expected.items()))
        findings = [finding for finding in found if finding]
    return [*findings, *missing_images(manifest, images)]


def missing_images(manifest: BundleManifest, images: Iterable[str]) -> list[Finding]:
    """A finding per image that is not in the bundle."""
    carried = {artifact.reference for artifact in manifest.artifacts if artifact.kind is ArtifactKind.IMAGE}
    hint = "build the bundle again: slipway bundle build -f cluster.yaml -o DIR"
    return [
        Finding(f"image/{reference}", "is not in the bundle", "", hint, "missing-image")
        for reference in sorted(set(images) - carried)
    ]


def _files(directory: Path, manifest: BundleManifest) -> Iterator[tuple[str, tuple[str, str]]]:
    """{path: (digest, whose it is)} of every file, the blobs of images included."""
    for artifact in manifest.artifacts:
        yield artifact.path, (artifact.digest, f"{artifact.kind}/{artifact.reference}")
        if artifact.kind is ArtifactKind.IMAGE:
            yield from _blobs(directory, artifact)


def _blobs(directory: Path, artifact: Artifact) -> Iterator[tuple[str, tuple[str, str]]]:
    """A manifest that cannot be read has no blobs to check; it is a finding itself."""
    try:
        data = json.loads((directory / artifact.path).read_bytes())
        digests = [descriptor["digest"] for descriptor in (data["config"], *data["layers"])]
    except (OSError, ValueError, KeyError, TypeError):
        return
    for digest in digests:
        yield blob_path(digest), (digest, f"{artifact.kind}/{artifact.reference}")


def _check(directory: Path, path: str, expected: tuple[str, str]) -> Finding | None:
    digest, owner = expected
    file = directory / path
    hint = "copy it again, or build the bundle again over the same directory"
    if not file.is_file():
        return Finding(owner, f"{path} is missing", digest, hint, "missing")
    found = file_digest(file)
    if found != digest:
        return Finding(owner, f"{path} has the digest {found}", digest, hint, "digest")
    return None

"""Checks a bundle directory: every byte against bundle.yaml, and whether the images of given lists are all there."""

import json
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.contents import Content, contents
from slipway.bundle.form.layout import manifest_reader, stored_manifest
from slipway.bundle.ground.archive import file_digest
from slipway.errors import Finding
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest
from slipway.model.platforms import ALL, Platform

#: Hashing is bound by the disk; sha256 itself releases the interpreter's lock.
PARALLEL = 4


def damaged_files(directory: Path) -> list[Finding]:
    """Every file that is missing, or is not what its digest says."""
    manifest = manifests.read(directory)
    with ThreadPoolExecutor(PARALLEL) as pool:
        found = pool.map(lambda content: _check(directory, content), contents(directory, manifest))
        return [finding for finding in found if finding]


def missing_images(manifest: BundleManifest, images: Iterable[str]) -> list[Finding]:
    """A finding per image that is not in the bundle."""
    carried = {artifact.reference for artifact in manifest.artifacts if artifact.kind is ArtifactKind.IMAGE}
    hint = "build the bundle again: slipway bundle build -f cluster.yaml -o DIR"
    return [
        Finding(f"image/{reference}", "is not in the bundle", hint=hint, code="missing-image")
        for reference in sorted(set(images) - carried)
    ]


def missing_platforms(
    directory: Path, manifest: BundleManifest, images: Iterable[str], platforms: Collection[Platform]
) -> list[Finding]:
    """A finding per image that is in the bundle, and not for hosts of each of these platforms."""
    carried = {item.reference: item for item in manifest.artifacts if item.kind is ArtifactKind.IMAGE}
    hint = "build the bundle again: slipway bundle build -f cluster.yaml -o DIR"
    findings = []
    for image in (carried[reference] for reference in sorted(set(images) & carried.keys())):
        there = _platforms(directory, image)
        lacking = [platform.architecture for platform in platforms if platform.name not in there]
        if lacking:
            text = f"is not in the bundle for {', '.join(lacking)}"
            findings.append(
                Finding(
                    f"image/{image.reference}",
                    text,
                    expected=", ".join(there),
                    hint=hint,
                    code="missing-platform",
                )
            )
    return findings


def _platforms(directory: Path, image: Artifact) -> list[str]:
    """Of an image whose index was taken as it was, what that says."""
    if image.platform != ALL:
        return image.platform.split(",")
    read = manifest_reader(directory)
    data = stored_manifest(read(image.digest)).data
    named = [item.get("platform", {}) for item in data.get("manifests", ())]
    found = named or [json.loads(read(data["config"]["digest"]))]
    return [f"{item.get('os')}/{item.get('architecture')}" for item in found]


def _check(directory: Path, content: Content) -> Finding | None:
    file = directory / content.path
    hint = "copy it again, or build the bundle again over the same directory"
    try:
        if not file.is_file():
            return Finding(
                content.owner,
                f"{content.path} is missing",
                expected=content.digest,
                hint=hint,
                code="missing",
            )
        found = file_digest(file)
    except OSError as exc:
        return Finding(
            content.owner, f"{content.path} cannot be read: {exc.strerror}", hint=hint, code="unreadable"
        )
    if found != content.digest:
        text = f"{content.path} has the digest {found}"
        return Finding(content.owner, text, expected=content.digest, hint=hint, code="digest")
    return None

"""Checks a bundle directory: every byte against bundle.yaml, and whether the images of given lists are all there."""

import os
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.contents import UNVOUCHED, Content, contents
from slipway.bundle.form.delta import Delta
from slipway.bundle.form.layout import (
    INDEX_FILE,
    LAYOUT,
    NAMED,
    VERSION,
    VERSION_FILE,
    manifest_reader,
    named_index,
    stored_manifest,
)
from slipway.bundle.ground.archive import file_digest
from slipway.digests import canonical_json
from slipway.errors import Finding
from slipway.findings import FindingCode
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest
from slipway.model.platforms import ALL, Platform
from slipway.smallfiles import json_in, json_of

_AGAIN: Final = "copy it again, or build the bundle again over the same directory"
#: Hashing is bound by the disk; sha256 itself releases the interpreter's lock.
PARALLEL = 4


def damaged_files(directory: Path, manifest: BundleManifest | None = None) -> list[Finding]:
    """Every file that is missing, or is not what its digest says; names that lead elsewhere.

    `manifest`: as it was verified; unset, what lies there.
    """
    manifest = manifest or manifests.read(directory)
    files = contents(directory, manifest)
    with ThreadPoolExecutor(PARALLEL) as pool:
        found = list(pool.map(lambda content: _check(directory, content), files))
    damaged = [finding for finding in found if finding]
    return [*damaged, *_misnamed(directory, manifest), *([] if damaged else _remade(directory, manifest))]


def _misnamed(directory: Path, manifest: BundleManifest) -> Iterator[Finding]:
    """The layout's index is in no digest: other programs that read it, if it is there, have to find these images."""
    images = [artifact for artifact in manifest.artifacts if artifact.kind is ArtifactKind.IMAGE]
    path = f"{LAYOUT}/{INDEX_FILE}"
    if not os.path.lexists(directory / path):
        return
    try:
        entries = json_of(directory / path)["manifests"]
        named = {(str(entry["annotations"][NAMED]), str(entry["digest"])) for entry in entries}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as exc:
        text = f"cannot be read: {type(exc).__name__}: {exc}"
        yield Finding(path, text, hint=_AGAIN, code=FindingCode.LAYOUT)
        return
    wanted = {(image.reference, image.digest) for image in images}
    for reference, digest in sorted(named - wanted):
        right = ", ".join(image.digest for image in images if image.reference == reference)
        text = f"names {digest} {reference}"
        yield Finding(path, text, expected=right or "no such image", hint=_AGAIN, code=FindingCode.LAYOUT)
    for reference, _ in sorted(wanted - named):
        yield Finding(path, f"does not name {reference}", hint=_AGAIN, code=FindingCode.LAYOUT)


def _remade(directory: Path, manifest: BundleManifest) -> Iterator[Finding]:
    """Files that are in no digest, and are not what the images, each right, make them."""
    made = {VERSION_FILE: dict[str, Any](VERSION)}
    images = [artifact for artifact in manifest.artifacts if artifact.kind is ArtifactKind.IMAGE]
    # Of an image that a delta leaves out there is no manifest to make its entry from; `_misnamed` knows its digest.
    if not Delta.read(directory, manifest).absent.keys() & {image.digest for image in images}:
        read, named = manifest_reader(directory), []
        for image in images:
            try:
                named.append((image.reference, image.platform, stored_manifest(read(image.digest))))
            except ValueError as exc:
                text = f"is no image: {exc}"
                yield Finding(f"image/{image.reference}", text, hint=_AGAIN, code=FindingCode.LAYOUT)
                return
        made[INDEX_FILE] = named_index(named)
    for path, wanted in ((f"{LAYOUT}/{name}", data) for name, data in made.items()):
        if not os.path.lexists(directory / path):
            continue
        try:
            same = canonical_json(_sorted(json_of(directory / path))) == canonical_json(wanted)
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            same = False
        if not same:
            yield Finding(
                path, "is not what the bundle's images make it", hint=_AGAIN, code=FindingCode.LAYOUT
            )


def _sorted(data: Any) -> Any:
    """An index whose images are in the order of ours; of nothing else."""
    entries = data.get("manifests")
    return data | {"manifests": sorted(entries, key=canonical_json)} if entries else data


def unlisted_files(directory: Path, manifest: BundleManifest) -> list[Finding]:
    """What a manifest, of a bundle with nothing damaged, says nothing of: anybody may have put it there."""
    files = contents(directory, manifest)
    known = {content.path for content in files} | {manifests.FILE, manifests.SIGNATURE, *UNVOUCHED}
    hint = "remove it, or build the bundle again into an empty directory"
    try:
        there = [path for path in directory.rglob("*") if path.is_symlink() or not path.is_dir()]
    except RecursionError:
        return [
            Finding(".", "has directories in directories without end", hint=hint, code=FindingCode.UNLISTED)
        ]
    names = sorted(path.relative_to(directory).as_posix() for path in there)
    return [
        Finding(name, "is none of the bundle's files", hint=hint, code=FindingCode.UNLISTED)
        for name in names
        if name not in known
    ]


def missing_images(manifest: BundleManifest, images: Iterable[str]) -> list[Finding]:
    """A finding per image that is not in the bundle."""
    carried = {artifact.reference for artifact in manifest.artifacts if artifact.kind is ArtifactKind.IMAGE}
    hint = "build the bundle again: slipway bundle build -f cluster.yaml -o DIR"
    return [
        Finding(f"image/{reference}", "is not in the bundle", hint=hint, code=FindingCode.MISSING_IMAGE)
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
                    code=FindingCode.MISSING_PLATFORM,
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
    found = named or [json_in(read(data["config"]["digest"]))]
    return [f"{item.get('os')}/{item.get('architecture')}" for item in found]


def _check(directory: Path, content: Content) -> Finding | None:
    file, hint = directory / content.path, _AGAIN
    try:
        if not file.is_file():
            return Finding(
                content.owner,
                f"{content.path} is missing",
                expected=content.digest,
                hint=hint,
                code=FindingCode.MISSING,
            )
        found = file_digest(file)
    except OSError as exc:
        return Finding(
            content.owner,
            f"{content.path} cannot be read: {exc.strerror}",
            hint=hint,
            code=FindingCode.UNREADABLE,
        )
    if found != content.digest:
        text = f"{content.path} has the digest {found}"
        return Finding(content.owner, text, expected=content.digest, hint=hint, code=FindingCode.DIGEST)
    return None

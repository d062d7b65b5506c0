"""What lies in a bundle may be anything, and its manifests may say anything: that is told, and not waited for."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.layout import blob_path
from slipway.bundle.form.packing import manifests_of
from slipway.bundle.site.source import DirectorySource
from slipway.bundle.site.stock import DirectoryStock
from slipway.bundle.verify.checks import damaged_files, unlisted_files
from slipway.bundle.verify.signing import check_signature, fingerprint, keygen
from slipway.digests import digest_of
from slipway.errors import BundleError
from slipway.model.bundle import Artifact, ArtifactKind
from tests.bundles import small_bundle

RIGHT = digest_of(b"somewhere")


def of_kind(directory: Path, kind: ArtifactKind) -> Artifact:
    return next(one for one in manifests.read(directory).artifacts if one.kind is kind)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("put", [pipe, device])
def test_what_is_no_file_is_told_and_not_read(tmp_path: Path, put: Callable[[Path], None]) -> None:
    """A pipe held up whoever read it; a device filled memory, or the disk of the cache."""
    directory = tmp_path / "bundle"
    small_bundle(directory)
    program, image = of_kind(directory, ArtifactKind.BINARY), of_kind(directory, ArtifactKind.IMAGE)
    put(directory / program.path)
    put(directory / blob_path(image.digest))
    assert len(damaged_files(directory)) >= 2
    for source in (DirectorySource(directory), DirectorySource(directory, cache_dir=tmp_path / "cache")):
        with pytest.raises(BundleError, match="not what the bundle says"):
            source.path(program)
    with pytest.raises(BundleError, match="missing"):
        DirectoryStock(directory).reader(image)(image.digest)
    with pytest.raises(BundleError, match="missing"):
        DirectoryStock(directory).size(program, program.digest, 1)


def with_image(directory: Path, text: bytes) -> Artifact:
    """A bundle whose image has this manifest, rightly named by its digest."""
    made = small_bundle(directory)
    image = of_kind(directory, ArtifactKind.IMAGE)
    path = blob_path(digest_of(text))
    (directory / path).write_bytes(text)
    ours = Artifact(image.kind, image.name, image.version, digest_of(text), len(text), path=path)
    kept = [one for one in made.artifacts if one.kind is not ArtifactKind.IMAGE]
    new = manifests.manifest_of(
        name=made.name, catalog=made.catalog, slipway=made.slipway, artifacts=[*kept, ours]
    )
    manifests.write(new, directory)
    return ours


@pytest.mark.parametrize(
    "said",
    [
        {"manifests": 5},
        {"manifests": "ab"},
        {"manifests": [5]},
        {"manifests": [{"digest": "../../../../../etc/shadow"}]},
        {"manifests": [{"digest": RIGHT, "platform": 5}]},
        {"config": 5},
        {"config": {"digest": [], "size": 1}},
        {"config": {"digest": RIGHT, "size": "x"}},
        {"config": {"digest": RIGHT, "size": 1}, "layers": 5},
        {
            "config": {"digest": RIGHT, "size": 1},
            "layers": [{"digest": "sha256:../../../../etc/shadow", "size": 1}],
        },
        {"config": {"digest": RIGHT, "size": 1}, "subject": 5},
        None,
    ],
    ids=str,
)
def test_a_manifest_that_says_what_none_says_is_no_image(tmp_path: Path, said: object) -> None:
    """By its digests files are opened and sent: one led out of the bundle, to a file of this machine."""
    text = b'{"config":' + b"[" * 100_000 if said is None else json.dumps(said).encode()
    image = with_image(tmp_path, text)
    assert [found.path for found in damaged_files(tmp_path)] == [f"image/{image.reference}"]
    with pytest.raises(BundleError, match="is no image"):
        manifests_of(image, DirectoryStock(tmp_path).reader(image))


def test_directories_without_end_are_a_finding(tmp_path: Path) -> None:
    small_bundle(tmp_path)
    handle = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=handle)
        below = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    found = unlisted_files(tmp_path, manifests.read(tmp_path))
    assert [one.problem for one in found] == ["has directories in directories without end"]
    for _ in range(1200):
        above = os.open("..", os.O_RDONLY, dir_fd=handle)
        os.rmdir("d", dir_fd=above)
        os.close(handle)
        handle = above
    os.close(handle)


@pytest.mark.parametrize("form", [[], {}, True, 2.0, None])
def test_a_signature_of_no_format_is_none(tmp_path: Path, form: object) -> None:
    line = keygen(tmp_path / "key", "test")
    said = {"format": form, "key": fingerprint(line), "serial": 1, "site": "", "signature": "AAAA"}
    with pytest.raises(BundleError, match="no signature"):
        check_signature(b"", json.dumps(said), "here", [line])

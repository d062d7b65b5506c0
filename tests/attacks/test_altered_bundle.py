"""What was signed is what is used: a bundle that somebody altered on its way is told, by every way of altering it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.layout import LAYOUT, NAMED
from slipway.bundle.site.source import DirectorySource
from slipway.bundle.site.stock import DirectoryStock
from slipway.bundle.verify.checks import damaged_files, unlisted_files
from slipway.bundle.verify.signing import check_signature, keygen, sign
from slipway.errors import BundleError
from slipway.model.bundle import ArtifactKind
from tests.bundles import small_bundle

EVIL = b"#!/bin/sh\necho somebody else was here\n"


@pytest.fixture
def key(tmp_path: Path) -> str:
    return keygen(tmp_path / "key", "test")


@pytest.fixture
def bundle(tmp_path: Path, key: str) -> Path:
    """Signed, and right."""
    directory = tmp_path / "bundle"
    images = [a for a in small_bundle(directory).artifacts if a.kind is ArtifactKind.IMAGE]
    index = [{"digest": image.digest, "annotations": {NAMED: image.reference}} for image in images]
    (directory / LAYOUT / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": index}))
    sign(directory, tmp_path / "key")
    assert damaged_files(directory) == unlisted_files(directory, manifests.read(directory)) == []
    return directory


def program(directory: Path) -> Path:
    found = (a for a in manifests.read(directory).artifacts if a.kind is ArtifactKind.BINARY)
    return directory / next(found).path


def swap(directory: Path) -> None:
    program(directory).write_bytes(EVIL)


def swap_and_call_it_absent(directory: Path) -> None:
    """delta.json is in no signature."""
    manifest = manifests.read(directory)
    absent = {artifact.digest: "slipway/binary/x" for artifact in manifest.artifacts}
    (directory / "delta.json").write_text(
        json.dumps({"format": 1, "bundle": manifest.digest, "absent": absent})
    )
    swap(directory)


def link_and_call_it_absent(directory: Path) -> None:
    swap_and_call_it_absent(directory)
    program(directory).unlink()
    program(directory).symlink_to("nowhere")


def misname(directory: Path) -> None:
    """Names of images are given by the layout's index, which other programs read."""
    path = directory / LAYOUT / "index.json"
    index = json.loads(path.read_text())
    index["manifests"][0]["annotations"][NAMED] = "registry.example.org/other:1"
    path.write_text(json.dumps(index))


def misdirect(directory: Path) -> None:
    path = directory / LAYOUT / "index.json"
    index = json.loads(path.read_text())
    index["manifests"][0]["digest"] = f"sha256:{'0' * 64}"
    path.write_text(json.dumps(index))


def name_twice(directory: Path) -> None:
    path = directory / LAYOUT / "index.json"
    index = json.loads(path.read_text())
    index["manifests"].append({**index["manifests"][0], "digest": f"sha256:{'0' * 64}"})
    path.write_text(json.dumps(index))


def break_index(directory: Path) -> None:
    (directory / LAYOUT / "index.json").write_text('{"manifests": 5}')


def add(directory: Path) -> None:
    (directory / "wheel").mkdir(exist_ok=True)
    (directory / "wheel" / "extra-1.0-py3-none-any.whl").write_bytes(EVIL)


def add_hidden(directory: Path) -> None:
    (directory / "binary" / ".kubelet").write_bytes(EVIL)


def add_blob(directory: Path) -> None:
    (directory / LAYOUT / "blobs/sha256" / ("0" * 64)).write_bytes(EVIL)


def add_link(directory: Path) -> None:
    (directory / "etc").symlink_to("/etc")


@pytest.mark.parametrize(
    "alter",
    [
        swap,
        swap_and_call_it_absent,
        link_and_call_it_absent,
        misname,
        misdirect,
        name_twice,
        break_index,
        add,
        add_hidden,
        add_blob,
        add_link,
    ],
    ids=lambda alter: alter.__name__,
)
def test_an_altered_bundle_is_told(bundle: Path, key: str, alter: Callable[[Path], None]) -> None:
    alter(bundle)
    manifest = DirectorySource(bundle, (key,)).manifest()
    assert damaged_files(bundle, manifest) or unlisted_files(bundle, manifest)


def test_what_was_verified_is_what_is_used(bundle: Path, key: str, tmp_path: Path) -> None:
    """A medium is changed between the plan and the push: the signed manifest is pushed, with its signature."""
    source = DirectorySource(bundle, (key,))
    signed = source.manifest()
    small_bundle(tmp_path / "other", seed=7)
    for name in (manifests.FILE, manifests.SIGNATURE):
        (bundle / name).unlink()
    (bundle / manifests.FILE).write_bytes((tmp_path / "other" / manifests.FILE).read_bytes())
    text, signature = DirectoryStock(bundle, source.texts()).bundle()
    assert manifests.parse(text, "") == source.manifest() == signed
    assert check_signature(text, signature, "", (key,))
    with pytest.raises(BundleError, match="not signed"):
        DirectorySource(bundle, (key,)).manifest()

"""bundle.yaml: what is written is what is read, and nothing else is."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.layout import blob_path
from slipway.bundle.verify.checks import damaged_files, missing_images
from slipway.errors import BundleError
from slipway.model.bundle import Artifact, ArtifactKind
from tests.bundles import small_bundle


def test_round_trip(tmp_path: Path) -> None:
    manifest = small_bundle(tmp_path)
    assert manifests.read(tmp_path) == manifest
    assert manifests.parse(manifests.dump(manifest), "here") == manifest


def test_a_bundle_from_before_licences_is_read_and_keeps_its_digest(tmp_path: Path) -> None:
    """Only what is known is written: without it the text and so the digest are what they were."""
    manifest = small_bundle(tmp_path)
    assert b"licence" not in manifests.dump(manifest)
    known = [replace(artifact, licence="MIT OR ISC") for artifact in manifest.artifacts]
    named = manifests.manifest_of(name="small", catalog="c" * 64, slipway="0.1.0", artifacts=known)
    assert named.digest != manifest.digest
    assert manifests.parse(manifests.dump(named), "here") == named


def test_a_modules_chart_is_found_under_its_module(tmp_path: Path) -> None:
    """A bundle of a former release has charts by their names alone; what is under another module is nobody else's."""
    former = small_bundle(tmp_path)
    found = former.chart("blue", "page")
    assert found is not None
    assert found.name == "page"
    own = replace(found, name="blue.page", version="2")
    both = manifests.manifest_of(name="b", catalog="c", slipway="1", artifacts=[found, own])
    assert both.chart("blue", "page") == own
    assert both.chart("green", "page") == found
    assert (
        manifests.manifest_of(name="b", catalog="c", slipway="1", artifacts=[own]).chart("green", "page")
        is None
    )
    assert manifests.parse(manifests.dump(both), "here") == both


def test_artifacts_are_ordered_so_the_digest_depends_on_contents_only(tmp_path: Path) -> None:
    manifest = small_bundle(tmp_path)
    again = manifests.manifest_of(
        name=manifest.name,
        catalog=manifest.catalog,
        slipway=manifest.slipway,
        artifacts=reversed(manifest.artifacts),
    )
    assert again == manifest


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("format", 2, "the bundle has format 2, this Slipway reads 1"),
        ("name", "other", "the bundle manifest was changed"),
        ("artifacts", [{"kind": "image"}], "this is no bundle manifest"),
    ],
)
def test_refused(tmp_path: Path, field: str, value: object, message: str) -> None:
    small_bundle(tmp_path)
    data = yaml.safe_load((tmp_path / "bundle.yaml").read_text())
    (tmp_path / "bundle.yaml").write_text(yaml.safe_dump(data | {field: value}))
    with pytest.raises(BundleError) as caught:
        manifests.read(tmp_path)
    assert caught.value.what == message
    assert caught.value.hint


def test_a_directory_without_manifest_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no complete bundle"):
        manifests.read(tmp_path)


def test_a_sound_bundle_has_no_findings(tmp_path: Path) -> None:
    manifest = small_bundle(tmp_path)
    assert damaged_files(tmp_path) == missing_images(manifest, ["registry.test/second:v2"]) == []


def test_one_flipped_bit_is_found_whatever_the_file(tmp_path: Path) -> None:
    manifest = small_bundle(tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "bundle.yaml"]
    assert len(files) == len(manifest.artifacts) + 4
    for file in files:
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
        findings = damaged_files(tmp_path)
        assert any(file.relative_to(tmp_path).as_posix() in finding.problem for finding in findings)
        data[len(data) // 2] ^= 1
        file.write_bytes(data)


def test_missing_files_and_images_are_found(tmp_path: Path) -> None:
    manifest = small_bundle(tmp_path)
    image = next(a for a in manifest.artifacts if a.kind is ArtifactKind.IMAGE)
    (tmp_path / blob_path(image.digest)).unlink()
    assert [finding.code for finding in damaged_files(tmp_path)] == ["missing"]
    assert [finding.path for finding in missing_images(manifest, ["x/y:1", image.reference])] == [
        "image/x/y:1"
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("path", "../../etc/passwd"),
        ("path", "/etc/passwd"),
        ("path", "binary/../../x"),
        ("path", "binary/a\0b"),
        ("digest", "sha256:../../x"),
        ("digest", "md5:aa"),
        ("digest", ""),
    ],
)
def test_what_lies_outside_of_a_bundle_is_no_part_of_it(field: str, value: str) -> None:
    """Whoever writes a manifest writes its digest too."""
    item = Artifact(ArtifactKind.BINARY, "x", "1", "sha256:" + "a" * 64, 5, path="binary/x")
    made = manifests.manifest_of(
        name="n", catalog="c", slipway="0", artifacts=[replace(item, **{field: value})]
    )
    with pytest.raises(BundleError, match="no bundle manifest") as caught:
        manifests.parse(manifests.dump(made), "here")
    assert repr(value) in caught.value.why

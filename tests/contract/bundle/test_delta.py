"""A site says what it has, a bundle comes without that, and the site is as if the whole bundle had come."""

import json
import shutil
from pathlib import Path

import pytest

from slipway.bundle.carry.exporting import export
from slipway.bundle.carry.importing import import_files
from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.delta import FILE, Delta
from slipway.bundle.site.inventory import Inventory, inventory_of
from slipway.bundle.site.push import push
from slipway.bundle.site.source import DirectorySource, RegistrySource
from slipway.bundle.verify.checks import damaged_files
from slipway.bundle.verify.info import carried_bytes
from slipway.errors import BundleError
from slipway.model.bundle import ArtifactKind, BundleManifest
from tests.bundles import installer_bundle, small_bundle
from tests.registries import Registry, running_registry


@pytest.fixture
def inventory(tmp_path: Path, registry: Registry) -> Inventory:
    """Of a site with a first bundle, carried as a file."""
    first = small_bundle(tmp_path / "first")
    push(tmp_path / "first", registry.client())
    inventory_of(registry.client(), first).write(tmp_path / "inventory.json")
    return Inventory.read(tmp_path / "inventory.json")


def delta_of(directory: Path, inventory: Inventory) -> BundleManifest:
    """A bundle with one program more, without what the site has."""
    return small_bundle(directory, files=4, elsewhere=inventory.blobs)


def test_an_inventory_is_what_the_registry_has_and_no_more(tmp_path: Path, registry: Registry) -> None:
    manifest = small_bundle(tmp_path / "first")
    push(tmp_path / "first", registry.client())
    other = small_bundle(tmp_path / "other", files=4, seed=2)
    assert not set(inventory_of(registry.client(), other).blobs) & set(
        inventory_of(registry.client(), manifest).blobs
    )
    blobs = inventory_of(registry.client(), manifest).blobs
    files = {a.digest: a.repository for a in manifest.artifacts if a.kind is not ArtifactKind.IMAGE}
    assert files.items() <= blobs.items()
    assert all(registry.client().blob_exists(repository, digest) for digest, repository in blobs.items())
    assert len(blobs) == len(files) + 4


def test_a_delta_has_what_is_new_and_the_manifest_of_all(tmp_path: Path, inventory: Inventory) -> None:
    whole = small_bundle(tmp_path / "whole", files=4)
    assert delta_of(tmp_path / "delta", inventory) == whole
    assert carried_bytes(tmp_path / "delta", whole) < 105_000
    assert carried_bytes(tmp_path / "whole", whole) > 600_000
    assert damaged_files(tmp_path / "delta") == []
    new = next((tmp_path / "delta" / "binary").iterdir())
    assert new.name == "program-3-1.0"
    new.write_bytes(b"x" * new.stat().st_size)
    assert [finding.path for finding in damaged_files(tmp_path / "delta")] == ["binary/program-3:1.0"]


def test_a_delta_pushed_is_the_whole_bundle(tmp_path: Path, registry: Registry, inventory: Inventory) -> None:
    manifest = delta_of(tmp_path / "delta", inventory)
    volumes = export(tmp_path / "delta", tmp_path / "usb", 1 << 16, lambda _text: None)
    assert import_files(volumes, tmp_path / "carried") == manifest
    receipt = push(tmp_path / "carried", registry.client())
    assert (receipt.artifacts_copied, receipt.blobs_copied) == (1, 2)
    source = RegistrySource(registry.client(), tmp_path / "cache")
    assert source.manifest() == manifest
    files = [a for a in manifest.artifacts if a.kind is not ArtifactKind.IMAGE]
    assert all(source.path(artifact).stat().st_size == artifact.size for artifact in files)


def test_what_a_delta_leaves_out_is_read_from_the_site(
    tmp_path: Path, registry: Registry, inventory: Inventory
) -> None:
    manifest = delta_of(tmp_path / "delta", inventory)
    site = RegistrySource(registry.client(), tmp_path / "cache")
    source = DirectorySource(tmp_path / "delta", site=lambda: site)
    binaries = [a for a in manifest.artifacts if a.kind is ArtifactKind.BINARY]
    assert len(binaries) == 4
    assert {source.path(binary).is_relative_to(tmp_path / "delta") for binary in binaries} == {True, False}
    with pytest.raises(BundleError, match="is not what the bundle says"):
        DirectorySource(tmp_path / "delta").path(binaries[0])


def test_a_delta_has_the_whole_installer_or_nothing_of_it(tmp_path: Path) -> None:
    """Nobody can ask a site for wheels before Slipway is installed."""
    whole = installer_bundle(tmp_path / "whole")
    everything = {artifact.digest: artifact.repository for artifact in whole.artifacts}
    own = next(artifact for artifact in whole.artifacts if artifact.name == "slipway-installer")
    former = {digest: repository for digest, repository in everything.items() if digest != own.digest}
    for name, elsewhere, files in (("same", everything, 0), ("newer", former, len(whole.artifacts))):
        delta = tmp_path / name
        assert installer_bundle(delta, elsewhere) == whole
        assert len([*delta.glob("wheel/*"), *delta.glob("install.sh")]) == files
        assert damaged_files(delta) == []
        exported = export(delta, tmp_path / f"{name}-usb", None, lambda _text: None)
        assert [path.name for path in exported][1:] == (["installer.installer.tar"] if files else [])


def test_a_delta_does_not_fit_another_site(tmp_path: Path, registry: Registry, inventory: Inventory) -> None:
    delta_of(tmp_path / "delta", inventory)
    with (
        running_registry(tmp_path / "elsewhere", tmp_path / "empty") as stranger,
        pytest.raises(BundleError, match="does not fit this site") as caught,
    ):
        push(tmp_path / "delta", stranger.client())
    assert "bundle inventory" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "says nothing about a delta"),
        ("[]", "says nothing about a delta"),
        ('{"format": 1, "bundle": "B", "absent": []}', "says nothing about a delta"),
        ('{"format": 2, "bundle": "B", "absent": {}}', "of another Slipway"),
        ('{"format": 1, "bundle": "sha256:0", "absent": {}}', "of another bundle"),
    ],
)
def test_a_damaged_delta_is_refused(tmp_path: Path, text: str, what: str) -> None:
    manifest = small_bundle(tmp_path / "bundle")
    (tmp_path / "bundle" / FILE).write_text(text.replace("B", manifest.digest))
    with pytest.raises(BundleError, match=what):
        damaged_files(tmp_path / "bundle")


@pytest.mark.parametrize("text", ["", "{}", '{"format": 1, "bundle": "x", "blobs": []}'])
def test_no_inventory(tmp_path: Path, text: str) -> None:
    (tmp_path / "file").write_text(text)
    with pytest.raises(BundleError, match="this is no inventory"):
        Inventory.read(tmp_path / "file")


def test_a_whole_build_over_a_delta_is_no_delta_any_more(tmp_path: Path, inventory: Inventory) -> None:
    manifest = delta_of(tmp_path / "bundle", inventory)
    assert Delta.read(tmp_path / "bundle", manifest).absent
    small_bundle(tmp_path / "bundle", files=4)
    assert not (tmp_path / "bundle" / FILE).exists()
    assert manifests.read(tmp_path / "bundle") == manifest
    assert damaged_files(tmp_path / "bundle") == []
    shutil.rmtree(tmp_path / "bundle" / "binary")
    assert json.dumps([finding.code for finding in damaged_files(tmp_path / "bundle")]).count("missing") == 4

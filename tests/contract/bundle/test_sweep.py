"""What former bundles alone brought leaves a real registry, and its garbage collection takes the blobs."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.bundle.form.packing import MANIFEST_REPOSITORY
from slipway.bundle.registry.client import RegistryClient
from slipway.bundle.site.push import push
from slipway.bundle.site.source import RegistrySource
from slipway.bundle.site.sweep import Sweep, sweep, sweep_of
from slipway.model.bundle import ArtifactKind, BundleManifest
from tests.binaries import binary
from tests.bundles import small_bundle
from tests.registries import running_registry


@pytest.fixture
def client(tmp_path: Path) -> Iterator[RegistryClient]:
    with running_registry(tmp_path / "registry", tmp_path / "data") as registry:
        yield registry.client()


def two_bundles(tmp_path: Path, client: RegistryClient) -> tuple[BundleManifest, BundleManifest]:
    """A bundle, and one with fewer files and other images that took its place."""
    former = small_bundle(tmp_path / "former", files=3, seed=1)
    current = small_bundle(tmp_path / "current", files=2, seed=2)
    for name in ("former", "current"):
        push(tmp_path / name, client)
    return former, current


def collected(tmp_path: Path) -> set[str]:
    """Digests of blobs that are left once the registry has cleaned up."""
    command = [binary("registry"), "garbage-collect", "--quiet", tmp_path / "registry/config.yml"]
    subprocess.run(command, check=True, capture_output=True, env={"OTEL_TRACES_EXPORTER": "none"})
    return {path.parent.name for path in (tmp_path / "data").glob("docker/registry/v2/blobs/sha256/*/*/data")}


def test_a_registry_with_one_bundle_has_nothing_to_sweep(tmp_path: Path, client: RegistryClient) -> None:
    assert sweep_of(client) == Sweep()
    small_bundle(tmp_path / "bundle")
    push(tmp_path / "bundle", client)
    assert sweep_of(client) == Sweep()


def test_all_that_only_the_former_bundle_had_goes(tmp_path: Path, client: RegistryClient) -> None:
    former, current = two_bundles(tmp_path, client)
    before = collected(tmp_path)
    found = sweep_of(client)
    kept = {(artifact.name, artifact.digest) for artifact in current.artifacts}
    only = [a for a in former.artifacts if (a.name, a.digest) not in kept]
    assert only
    assert found.artifacts == tuple(sorted(f"{a.kind} {a.reference}" for a in only))
    assert found.size > 0
    assert sweep(client, found) == len(found.manifests)
    after = collected(tmp_path)
    assert after < before
    for artifact in only:
        if artifact.kind is not ArtifactKind.IMAGE:
            assert artifact.digest.removeprefix("sha256:") not in after
    assert push(tmp_path / "current", client).bytes == 0
    assert RegistrySource(client, tmp_path / "cache").manifest() == current
    assert sweep_of(client) == Sweep()
    shutil.rmtree(tmp_path / "current")


def test_what_pods_use_stays_and_is_found_again(tmp_path: Path, client: RegistryClient) -> None:
    former, _ = two_bundles(tmp_path, client)
    image = next(a for a in former.artifacts if a.kind is ArtifactKind.IMAGE)
    found = sweep_of(client, used={image.reference})
    assert found.used == (image.reference,)
    sweep(client, found)
    collected(tmp_path)
    assert client.head_manifest(image.repository, image.digest)
    later = sweep_of(client)
    assert later.artifacts == (f"image {image.reference}",)
    sweep(client, later)
    assert client.head_manifest(image.repository, image.digest) is None
    assert len(client.tags(MANIFEST_REPOSITORY)) == 2  # the current one by its two names


def test_what_somebody_tagged_himself_stays(tmp_path: Path, client: RegistryClient) -> None:
    former, _ = two_bundles(tmp_path, client)
    image = next(a for a in former.artifacts if a.kind is ArtifactKind.IMAGE)
    text, _ = client.get_manifest(image.repository, image.digest)
    client.put_manifest(image.repository, "mine", text, "application/vnd.oci.image.manifest.v1+json")
    found = sweep_of(client)
    assert f"image {image.reference}" not in found.artifacts
    sweep(client, found)
    assert client.head_manifest(image.repository, "mine") == image.digest


def test_a_sweep_that_was_killed_goes_on(tmp_path: Path, client: RegistryClient) -> None:
    two_bundles(tmp_path, client)
    found = sweep_of(client)
    for place in found.manifests[:2]:
        client.delete_manifest(*place)
    rest = sweep_of(client)
    assert rest.bundles == found.bundles
    assert 0 < len(rest.manifests) < len(found.manifests)
    sweep(client, rest)
    assert sweep_of(client) == Sweep()

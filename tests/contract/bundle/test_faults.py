"""What a registry or the way to it can do wrong: it is got over, or said clearly, and nothing is left half done."""

import subprocess
from pathlib import Path

import pytest

from slipway.bundle.registry.client import RegistryError, RegistryUnavailable
from slipway.bundle.site.push import push
from slipway.bundle.site.source import RegistrySource
from slipway.model.bundle import ArtifactKind, BundleManifest
from tests.bundles import small_bundle
from tests.contract.bundle.conftest import Disk
from tests.faulty import Fault, faulty
from tests.registries import Registry, running_registry

LARGE = 12 << 20
ALWAYS = 1000


def holds(registry: Registry, manifest: BundleManifest, cache: Path) -> bool:
    """Everything can be read back as it was."""
    source = RegistrySource(registry.client(), cache)
    files = [artifact for artifact in manifest.artifacts if artifact.kind is not ArtifactKind.IMAGE]
    images = [artifact for artifact in manifest.artifacts if artifact.kind is ArtifactKind.IMAGE]
    client = registry.client()
    return (
        source.manifest() == manifest
        and all(source.path(artifact).stat().st_size == artifact.size for artifact in files)
        and all(client.head_manifest(image.name, image.version) == image.digest for image in images)
    )


def holds_nothing(registry: Registry, cache: Path) -> bool:
    """No bundle is the current one."""
    try:
        RegistrySource(registry.client(), cache).manifest()
    except RegistryError as error:
        return error.code == "not-found"
    return False


@pytest.mark.parametrize("status", [429, 500, 502, 503])
@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT"])
def test_a_failure_that_passes_is_got_over(
    tmp_path: Path, registry: Registry, method: str, status: int
) -> None:
    manifest = small_bundle(tmp_path / "bundle")
    with faulty(registry, Fault(method, "/v2/.+", status, {"Retry-After": "0"}, times=3)) as proxy:
        push(tmp_path / "bundle", proxy.client())
        assert all(fault.times == 0 for fault in proxy.faults)
    assert holds(registry, manifest, tmp_path / "cache")


def test_a_failure_that_stays_is_said_and_the_next_push_goes_on(tmp_path: Path, registry: Registry) -> None:
    manifest = small_bundle(tmp_path / "bundle")
    broken = Fault("PUT", "/manifests/", 500, text="storage backend is gone", times=ALWAYS)
    with faulty(registry, broken) as proxy:
        with pytest.raises(RegistryUnavailable) as caught:
            push(tmp_path / "bundle", proxy.client())
        copied = proxy.sent("PUT", "/blobs/")
    assert "storage backend is gone" in caught.value.why
    assert copied > 500_000
    assert holds_nothing(registry, tmp_path / "cache")
    with faulty(registry) as proxy:
        receipt = push(tmp_path / "bundle", proxy.client())
        assert proxy.sent("PUT", "/blobs/") < 10_000
    assert receipt.images_copied == 2
    assert holds(registry, manifest, tmp_path / "cache")


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "unauthorized"), (403, "denied"), (405, "denied"), (413, "refused"), (507, "full")],
)
def test_a_refusal_is_no_matter_of_patience(
    tmp_path: Path, registry: Registry, status: int, code: str
) -> None:
    small_bundle(tmp_path / "bundle")
    with faulty(registry, Fault("POST", "/blobs/uploads/", status, times=ALWAYS)) as proxy:
        with pytest.raises(RegistryError) as caught:
            push(tmp_path / "bundle", proxy.client(), parallel=1)
        assert proxy.count("POST") == 1
    assert caught.value.code == code
    assert not caught.value.retryable
    assert str(status) in caught.value.why
    assert registry.password not in str(caught.value)
    assert holds_nothing(registry, tmp_path / "cache")


def test_a_registry_that_asks_for_an_hour_is_not_waited_for(tmp_path: Path, registry: Registry) -> None:
    small_bundle(tmp_path / "bundle")
    with (
        faulty(registry, Fault("HEAD", "/", 429, {"Retry-After": "3600"}, times=ALWAYS)) as proxy,
        pytest.raises(RegistryUnavailable, match="overloaded"),
    ):
        push(tmp_path / "bundle", proxy.client())


def test_a_large_upload_goes_on_at_the_byte_that_arrived(tmp_path: Path, registry: Registry) -> None:
    """Cut twice in its middle, then once more right at the end of the request that ends it."""
    manifest = small_bundle(tmp_path / "bundle", files=1, size=LARGE)
    digest = next(a.digest for a in manifest.artifacts if a.kind is ArtifactKind.BINARY)
    path = "/slipway/binary/program-0/blobs/uploads/"
    cuts = [Fault("PATCH", path, cut_after=4 << 20), Fault("PATCH", path, cut_after=3 << 20)]
    with faulty(registry, *cuts, Fault("PUT", path, 502)) as proxy:
        push(tmp_path / "bundle", proxy.client(), parallel=2)
        assert proxy.sent("PATCH", path) <= LARGE + (4 << 20)
        assert proxy.count("PATCH", path) >= 3
    assert registry.client().blob_exists("slipway/binary/program-0", digest)
    assert holds(registry, manifest, tmp_path / "cache")


def test_an_upload_that_the_registry_forgot_begins_anew(tmp_path: Path, registry: Registry) -> None:
    manifest = small_bundle(tmp_path / "bundle", files=1, size=LARGE)
    path = "/slipway/binary/program-0/blobs/uploads/"
    faults = [Fault("PATCH", path, cut_after=4 << 20), Fault("GET", path, 404)]
    with faulty(registry, *faults) as proxy:
        push(tmp_path / "bundle", proxy.client())
    assert holds(registry, manifest, tmp_path / "cache")


def test_small_uploads_that_break_are_sent_again(tmp_path: Path, registry: Registry) -> None:
    manifest = small_bundle(tmp_path / "bundle")
    with faulty(registry, Fault("PUT", "/blobs/uploads/", cut_after=1000, times=3)) as proxy:
        push(tmp_path / "bundle", proxy.client())
    assert holds(registry, manifest, tmp_path / "cache")


def test_a_download_goes_on_at_the_byte_that_is_here(tmp_path: Path, registry: Registry) -> None:
    manifest = small_bundle(tmp_path / "bundle", files=1, size=LARGE)
    push(tmp_path / "bundle", registry.client())
    binary = next(a for a in manifest.artifacts if a.kind is ArtifactKind.BINARY)
    cuts = [Fault("GET", "/program-0/blobs/", cut_after=5 << 20, times=2)]
    with faulty(registry, *cuts) as proxy:
        client = proxy.client()
        client.ping()
        assert RegistrySource(client, tmp_path / "cache").path(binary).stat().st_size == LARGE
        assert proxy.count("GET", "/program-0/blobs/") == 3


def test_a_draft_of_other_bytes_is_not_taken_for_the_file(tmp_path: Path, registry: Registry) -> None:
    manifest = small_bundle(tmp_path / "bundle", files=1)
    push(tmp_path / "bundle", registry.client())
    binary = next(a for a in manifest.artifacts if a.kind is ArtifactKind.BINARY)
    target = tmp_path / "target"
    draft = tmp_path / ".target.part"
    for wrong in (b"x" * 1000, b"x" * binary.size, b"x" * (binary.size + 5)):
        draft.write_bytes(wrong)
        with pytest.raises(RegistryError) as caught:
            registry.client().get_blob(binary.repository, binary.digest, target)
        assert caught.value.code == "digest"
        assert not draft.exists()
        assert not target.exists()
    registry.client().get_blob(binary.repository, binary.digest, target)
    assert target.stat().st_size == binary.size


@pytest.mark.parametrize("size", [1 << 20, LARGE])
def test_a_full_disk_of_the_registry_is_said_and_space_is_all_it_takes(
    tmp_path: Path, disk: Disk, size: int
) -> None:
    manifest = small_bundle(tmp_path / "bundle", files=4, size=size)
    data = tmp_path / "data"
    with disk(data, size * 3), running_registry(tmp_path / "registry", data) as registry:
        with pytest.raises(RegistryError) as caught:
            push(tmp_path / "bundle", registry.client())
        assert caught.value.code == "full"
        assert not caught.value.retryable
        assert "free space" in caught.value.hint
        assert holds_nothing(registry, tmp_path / "cache")
        subprocess.run(["mount", "-o", f"remount,size={size * 20}", data], check=True)
        push(tmp_path / "bundle", registry.client())
        assert holds(registry, manifest, tmp_path / "cache")


def test_a_clock_that_is_wrong_is_named(tmp_path: Path) -> None:
    with (
        running_registry(tmp_path / "registry", tmp_path / "data", days=(2, 4)) as registry,
        pytest.raises(RegistryError) as caught,
    ):
        registry.client().ping()
    assert caught.value.code == "tls"
    assert "clock" in caught.value.what
    assert "clocks" in caught.value.hint

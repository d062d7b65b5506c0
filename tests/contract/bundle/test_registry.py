"""Push and read back against the real distribution registry with TLS and a password."""

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.bundle.registry.client import RegistryClient, RegistryError, RegistryUnavailable
from slipway.bundle.site import filecache as cache
from slipway.bundle.site.push import push
from slipway.bundle.site.source import ArtifactSource, DirectorySource, RegistrySource
from slipway.errors import BundleError, Interrupted
from slipway.model.bundle import ArtifactKind
from tests.bundles import small_bundle
from tests.registries import Registry, running_registry


def _files(manifest):
    return [artifact for artifact in manifest.artifacts if artifact.kind is not ArtifactKind.IMAGE]


def test_push_then_again_copies_nothing(tmp_path: Path, registry: Registry) -> None:
    manifest = small_bundle(tmp_path / "bundle")
    lines: list[str] = []
    client = registry.client()
    receipt = push(tmp_path / "bundle", client, progress=lines.append)
    assert (receipt.images_copied, receipt.artifacts_copied) == (2, 4)
    assert receipt.bytes > 500_000
    assert len(lines) == len(manifest.artifacts) + 1
    again = push(tmp_path / "bundle", client)
    assert (again.images_copied, again.artifacts_copied, again.blobs_copied, again.bytes) == (0, 0, 0, 0)


def test_only_what_changed_is_copied(tmp_path: Path, registry: Registry) -> None:
    small_bundle(tmp_path / "bundle")
    push(tmp_path / "bundle", registry.client())
    grown = small_bundle(tmp_path / "grown", files=4)
    receipt = push(tmp_path / "grown", registry.client())
    assert (receipt.images_copied, receipt.artifacts_copied) == (0, 1)
    assert RegistrySource(registry.client(), tmp_path / "cache").manifest() == grown


def test_the_registry_is_read_back_as_the_directory(tmp_path: Path, registry: Registry) -> None:
    manifest = small_bundle(tmp_path / "bundle")
    push(tmp_path / "bundle", registry.client())
    sources: list[ArtifactSource] = [
        DirectorySource(tmp_path / "bundle"),
        RegistrySource(registry.client(), tmp_path / "cache"),
    ]
    for source in sources:
        assert source.manifest() == manifest
        for artifact in _files(manifest):
            path = source.path(artifact)
            assert f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" == artifact.digest
    binary = next(a for a in manifest.artifacts if a.kind is ArtifactKind.BINARY)
    assert os.access(sources[1].path(binary), os.X_OK)


def test_what_was_read_once_is_read_without_the_registry(tmp_path: Path, registry: Registry) -> None:
    manifest = small_bundle(tmp_path / "bundle")
    push(tmp_path / "bundle", registry.client())
    artifact = _files(manifest)[0]
    first = RegistrySource(registry.client(), tmp_path / "cache").path(artifact)
    gone = RegistryClient("https://127.0.0.1:1")
    assert RegistrySource(gone, tmp_path / "cache").path(artifact) == first


def test_a_file_of_the_cache_that_is_not_what_it_was_is_fetched_anew(
    tmp_path: Path, registry: Registry
) -> None:
    """As after a cut of power, or a kill before the program was made executable."""
    manifest = small_bundle(tmp_path / "bundle")
    push(tmp_path / "bundle", registry.client())
    binary = next(a for a in manifest.artifacts if a.kind is ArtifactKind.BINARY)
    path = RegistrySource(registry.client(), tmp_path / "cache").path(binary)
    path.write_bytes(bytes(binary.size))
    assert RegistrySource(registry.client(), tmp_path / "cache").path(binary) == path
    assert f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" == binary.digest
    cache._usable.clear()  # another process
    path.chmod(0o600)
    assert os.access(RegistrySource(registry.client(), tmp_path / "cache").path(binary), os.X_OK)


def test_hosts_fetch_a_file_by_its_digest_over_plain_http(tmp_path: Path, registry: Registry) -> None:
    manifest = small_bundle(tmp_path / "bundle")
    push(tmp_path / "bundle", registry.client())
    artifact = _files(manifest)[0]
    client = registry.client()
    assert (
        hashlib.sha256(client.read_blob(artifact.repository, artifact.digest)).hexdigest()
        == artifact.digest[7:]
    )


def test_images_keep_their_names_and_manifests(tmp_path: Path, registry: Registry) -> None:
    manifest = small_bundle(tmp_path / "bundle")
    push(tmp_path / "bundle", registry.client())
    for image in (a for a in manifest.artifacts if a.kind is ArtifactKind.IMAGE):
        data, digest = registry.client().get_manifest(image.name, image.version)
        assert digest == image.digest
        assert data == (tmp_path / "bundle" / image.path).read_bytes()


def test_wrong_password(tmp_path: Path, registry: Registry) -> None:
    small_bundle(tmp_path / "bundle")
    with pytest.raises(BundleError) as caught:
        push(tmp_path / "bundle", registry.client(password="wrong"))
    assert isinstance(caught.value, RegistryError)
    assert caught.value.code == "unauthorized"
    assert caught.value.as_dict()["code"] == "unauthorized"
    assert "wrong" not in str(caught.value)


def test_untrusted_certificate(registry: Registry) -> None:
    stranger = RegistryClient(registry.url, None, "push", registry.password, address="127.0.0.1")
    with pytest.raises(RegistryError) as caught:
        stranger.ping()
    assert caught.value.code == "tls"
    assert not caught.value.retryable


def test_certificate_of_another_name(registry: Registry) -> None:
    url = registry.url.replace("registry.slipway.test", "other.slipway.test")
    with pytest.raises(RegistryError) as caught:
        RegistryClient(url, registry.ca, address="127.0.0.1").ping()
    assert caught.value.code == "tls"


def test_nobody_listens() -> None:
    with pytest.raises(RegistryUnavailable) as caught:
        RegistryClient("http://127.0.0.1:1").ping()
    assert caught.value.code == "unreachable"
    assert caught.value.retryable


def test_nothing_was_pushed(tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(RegistryError) as caught:
        RegistrySource(registry.client(), tmp_path / "cache").manifest()
    assert caught.value.code == "not-found"


def test_a_read_only_registry_serves_but_takes_nothing(tmp_path: Path, registry: Registry) -> None:
    manifest = small_bundle(tmp_path / "bundle")
    push(tmp_path / "bundle", registry.client())
    with running_registry(tmp_path / "read-only", tmp_path / "data", read_only=True) as pull:
        source = RegistrySource(pull.client(), tmp_path / "cache")
        assert source.manifest() == manifest
        assert source.path(_files(manifest)[0]).is_file()
        small_bundle(tmp_path / "other", seed=2)
        with pytest.raises(RegistryError) as caught:
            push(tmp_path / "other", pull.client())
    assert caught.value.code == "denied"


def test_a_damaged_file_is_refused_and_nothing_becomes_current(tmp_path: Path, registry: Registry) -> None:
    manifest = small_bundle(tmp_path / "bundle")
    damaged = tmp_path / "bundle" / _files(manifest)[0].path
    damaged.write_bytes(bytes(damaged.stat().st_size))
    with pytest.raises(BundleError):
        push(tmp_path / "bundle", registry.client())
    with pytest.raises(RegistryError, match="does not have it"):
        RegistrySource(registry.client(), tmp_path / "cache").manifest()


def test_cancelled_between_blobs(tmp_path: Path, registry: Registry) -> None:
    small_bundle(tmp_path / "bundle")
    with pytest.raises(Interrupted):
        push(tmp_path / "bundle", registry.client(), cancelled=lambda: True)
    assert push(tmp_path / "bundle", registry.client()).images_copied == 2


PUSH = """
import sys
from pathlib import Path
from slipway.bundle.site.push import push
from slipway.bundle.registry.client import RegistryClient
url, ca, password, bundle = sys.argv[1:]
client = RegistryClient(url, Path(ca), "push", password, address="127.0.0.1")
push(Path(bundle), client, parallel=2, progress=lambda text: print(text, flush=True))
"""


def test_killed_in_the_middle_it_goes_on(tmp_path: Path, registry: Registry) -> None:
    manifest = small_bundle(tmp_path / "bundle", files=40, size=2_000_000)
    arguments = [registry.url, str(registry.ca), registry.password, str(tmp_path / "bundle")]
    process = subprocess.Popen([sys.executable, "-c", PUSH, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    done = 0
    while done < 5 and (line := process.stdout.readline()):
        done += line.startswith(("binary ", "chart ", "image "))  # others say how far all of it is
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert done == 5
    source = RegistrySource(registry.client(), tmp_path / "cache")
    with pytest.raises(RegistryError):
        source.manifest()
    receipt = push(tmp_path / "bundle", registry.client())
    assert receipt.images_copied + receipt.artifacts_copied <= len(manifest.artifacts) - 5
    assert source.manifest() == manifest
    assert all(source.path(artifact).is_file() for artifact in _files(manifest))


def test_strangers_get_nothing(registry: Registry) -> None:
    with pytest.raises(RegistryError) as caught:
        RegistryClient(registry.url, registry.ca, address="127.0.0.1").ping()
    assert caught.value.code == "unauthorized"

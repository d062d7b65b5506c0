"""Two registries that hold the same: one is filled from the other, and read where the other does not answer."""

import importlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ansible.module_utils
import pytest

from slipway.bundle.registry.client import RegistryClient, RegistryError
from slipway.bundle.site.push import push
from slipway.bundle.site.source import RegistrySource, SiteSource, bundle_of
from slipway.bundle.site.stock import RegistryStock
from slipway.errors import Interrupted
from slipway.model.bundle import Artifact, ArtifactKind
from slipway.settings import data_dir
from tests.bundles import small_bundle
from tests.registries import Registry, running_registry

ansible.module_utils.__path__.append(str(data_dir() / "plugins/module_utils"))
on_hosts: Any = importlib.import_module("ansible.module_utils.slipway_registry")
#: Nothing listens there: loopback refuses at once.
NOBODY = "127.0.0.9"


@pytest.fixture
def replica(tmp_path: Path) -> Iterator[Registry]:
    with running_registry(tmp_path / "replica", tmp_path / "replica-data") as found:
        yield found


def silent(registry: Registry) -> RegistryClient:
    return RegistryClient(registry.url, registry.ca, registry.username, registry.password, NOBODY)


def test_a_registry_is_filled_from_another_one(tmp_path: Path, registry: Registry, replica: Registry) -> None:
    manifest = small_bundle(tmp_path / "bundle")
    first = push(tmp_path / "bundle", registry.client())
    shutil.rmtree(tmp_path / "bundle")
    stock = RegistryStock(registry.client(), tmp_path / "scratch", bundle_of(registry.client()))
    copied = push(stock, replica.client())
    assert (copied.images_copied, copied.artifacts_copied) == (first.images_copied, first.artifacts_copied)
    assert (copied.blobs_copied, copied.bytes) == (first.blobs_copied, first.bytes)
    assert not any((tmp_path / "scratch").iterdir())
    assert push(stock, replica.client()).bytes == 0
    for artifact in manifest.artifacts:
        held = [
            one.client().head_manifest(artifact.repository, artifact.version) for one in (registry, replica)
        ]
        assert held[0]
        assert held[0] == held[1]
    assert RegistrySource(replica.client(), tmp_path / "cache").manifest() == manifest


def test_filling_it_goes_on_where_it_was_stopped(
    tmp_path: Path, registry: Registry, replica: Registry
) -> None:
    small_bundle(tmp_path / "bundle")
    whole = push(tmp_path / "bundle", registry.client())
    stock, asked = (
        RegistryStock(registry.client(), tmp_path / "scratch", bundle_of(registry.client())),
        iter(range(100)),
    )
    with pytest.raises(Interrupted):
        push(stock, replica.client(), parallel=1, cancelled=lambda: next(asked) > 9)
    with pytest.raises(RegistryError) as caught:
        RegistrySource(replica.client(), tmp_path / "cache").manifest()
    assert caught.value.code == "not-found"
    rest = push(stock, replica.client())
    assert 0 < rest.bytes < whole.bytes


def test_the_site_is_read_from_whoever_answers(tmp_path: Path, registry: Registry, replica: Registry) -> None:
    manifest = small_bundle(tmp_path / "bundle")
    binary = next(found for found in manifest.artifacts if found.kind is ArtifactKind.BINARY)
    push(tmp_path / "bundle", replica.client())
    for number, first in enumerate((silent(registry), registry.client())):  # away; there, and empty
        cache = tmp_path / f"cache-{number}"
        site = SiteSource([RegistrySource(client, cache) for client in (first, replica.client())])
        assert site.manifest() == manifest
        assert site.path(binary).stat().st_size == binary.size


def test_where_nobody_answers_the_first_one_is_named(
    tmp_path: Path, registry: Registry, replica: Registry
) -> None:
    clients = (silent(registry), silent(replica))
    with pytest.raises(RegistryError) as caught:
        SiteSource([RegistrySource(client, tmp_path / "cache") for client in clients]).manifest()
    assert (caught.value.code, caught.value.where) == ("unreachable", registry.url)


def fetched(url: str, ca: Path, artifact: Artifact, target: Path, addresses: tuple[str, str]) -> Any:
    """What a host fetched, and its client."""
    client = on_hosts.Registry(
        url, ca=ca.read_text(), credentials="push:correct horse", address=addresses[0], replica=addresses[1]
    )
    client.download(artifact.repository, artifact.digest, str(target))
    return client


def test_a_host_fetches_from_the_replica_while_the_first_is_away(tmp_path: Path, registry: Registry) -> None:
    manifest = small_bundle(tmp_path / "bundle")
    push(tmp_path / "bundle", registry.client())
    files = [found for found in manifest.artifacts if found.kind is not ArtifactKind.IMAGE]
    for artifact in files:
        target = tmp_path / artifact.digest
        client = fetched(registry.url, registry.ca, artifact, target, (NOBODY, "127.0.0.1"))
        assert target.stat().st_size == artifact.size
        assert client.address == "127.0.0.1"  # asked first from now on


def test_a_host_takes_from_the_replica_what_the_first_has_lost_or_damaged(
    tmp_path: Path, registry: Registry
) -> None:
    manifest = small_bundle(tmp_path / "bundle")
    push(tmp_path / "bundle", registry.client())
    port = urlsplit(registry.url).port
    assert port
    with running_registry(
        tmp_path / "worse", tmp_path / "worse-data", address="127.0.0.2", port=port
    ) as worse:
        push(tmp_path / "bundle", worse.client())
        lost, damaged = [found for found in manifest.artifacts if found.kind is not ArtifactKind.IMAGE][:2]
        data = _blob(tmp_path / "worse-data", lost.digest)
        data.unlink()
        data = _blob(tmp_path / "worse-data", damaged.digest)
        data.write_bytes(b"x" * data.stat().st_size)
        trust = tmp_path / "both.crt"
        trust.write_text(registry.ca.read_text() + worse.ca.read_text())
        for artifact in (lost, damaged):
            target = tmp_path / artifact.digest
            fetched(registry.url, trust, artifact, target, ("127.0.0.2", "127.0.0.1"))
            assert target.stat().st_size == artifact.size
        with pytest.raises(on_hosts.HostError, match="404"):
            fetched(registry.url, trust, lost, tmp_path / "none", ("127.0.0.2", NOBODY))


def _blob(data: Path, digest: str) -> Path:
    value = digest.removeprefix("sha256:")
    return data / "docker/registry/v2/blobs/sha256" / value[:2] / value / "data"

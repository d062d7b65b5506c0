"""One bundle in several registries that are no site's: each for itself, one of them failing."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.bundle.form.packing import CURRENT, MANIFEST_REPOSITORY
from slipway.bundle.registry.client import RegistryClient
from slipway.bundle.site.push import push
from slipway.engine.errands.copies import Copies
from slipway.errors import BundleError, Interrupted
from slipway.model.bundle import BundleManifest
from tests.bundles import small_bundle
from tests.faulty import Fault, Faulty, faulty
from tests.registries import Registry, running_registry


@pytest.fixture
def registries(tmp_path: Path) -> Iterator[tuple[Registry, Registry]]:
    """Two with authorities of their own, whose names every machine knows."""
    with (
        running_registry(tmp_path / "one", tmp_path / "one-data", name="localhost") as one,
        running_registry(tmp_path / "two", tmp_path / "two-data", name="localhost") as two,
    ):
        yield one, two


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[Faulty]:
    """A third one, which has no room."""
    with (
        running_registry(tmp_path / "three", tmp_path / "three-data") as backend,
        faulty(backend, Fault("POST", "/blobs/uploads/", 507, times=1000)) as proxy,
    ):
        yield proxy


@pytest.fixture
def manifest(tmp_path: Path) -> BundleManifest:
    return small_bundle(tmp_path / "bundle")


def holds(registry: Registry, project: str, manifest: BundleManifest) -> bool:
    client = registry.client()
    listed = [f"{project}/{item.repository}" for item in manifest.artifacts]
    found = [client.tags(repository) for repository in listed]
    return all(found) and CURRENT in client.tags(f"{project}/{MANIFEST_REPOSITORY}")


def slipway(*arguments: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("slipway")
    environment = os.environ | {"DOCKER_CONFIG": str(cwd)}
    done = subprocess.run(
        [program, "bundle", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


def test_one_that_fails_stops_no_other_and_the_same_again_goes_on(
    tmp_path: Path, registries: tuple[Registry, Registry], broken: Faulty, manifest: BundleManifest
) -> None:
    urls = [f"{registry.url}/team/{name}" for registry, name in zip(registries, "ab", strict=True)]
    hosts = [*(registry.url.removeprefix("https://") for registry in registries), broken.host]
    auth = base64.b64encode(f"{broken.backend.username}:{broken.backend.password}".encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth} for host in hosts}}))
    (tmp_path / "ca.pem").write_text("".join(registry.ca.read_text() for registry in registries))
    to = [part for url in (*urls, f"{broken.url}/team") for part in ("--to", url)]
    push_all = ["push", "bundle", *to, "--ca-file", "ca.pem"]
    done = slipway(*push_all, cwd=tmp_path, code=1)
    assert done.stdout.count("copied 2 images, 4 files") == 2
    assert "the registry's disk is full" in done.stderr
    assert f"1 of 3 registries lack the bundle: {broken.url}/team" in done.stderr
    assert all(
        holds(registry, f"team/{name}", manifest) for registry, name in zip(registries, "ab", strict=True)
    )
    assert not holds(broken.backend, "team", manifest)
    broken.faults.clear()
    told = json.loads(slipway(*push_all, "-o", "json", cwd=tmp_path).stdout)["destinations"]
    assert [item["registry"] for item in told] == [*urls, f"{broken.url}/team"]
    assert [item["copied"]["images_copied"] for item in told] == [0, 0, 2]
    assert holds(broken.backend, "team", manifest)
    shown = slipway("receipt", "--to", urls[1], cwd=tmp_path).stdout
    assert manifest.digest in shown
    assert f"{urls[1]}\n" in shown
    [path] = [Path(item["receipt"]) for item in told if item["registry"] == urls[1]]
    changed = (tmp_path / path).read_text().replace(urls[1], urls[0])
    (tmp_path / path).write_text(changed)
    assert "was changed" in slipway("receipt", "--to", urls[1], cwd=tmp_path, code=7).stderr
    assert "no receipt" in slipway("receipt", "--to", "https://registry.example", cwd=tmp_path, code=7).stderr


def test_what_is_no_destination_is_refused_before_anything_is_copied(
    tmp_path: Path, broken: Faulty, manifest: BundleManifest
) -> None:
    for url in ("http://registry.example", "https://me:secret@registry.example", "registry.example/project"):
        refused = slipway("push", "bundle", "--to", broken.url, "--to", url, cwd=tmp_path, code=7).stderr
        assert "to this URL nothing is pushed" in refused
    assert broken.seen == []
    assert "--to" in slipway("push", "bundle", "--ca-file", "bundle/bundle.yaml", cwd=tmp_path, code=2).stderr
    assert "no complete bundle" in slipway("push", "none", "--to", broken.url, cwd=tmp_path, code=7).stderr
    refused = slipway("push", "bundle", "--to", broken.url, cwd=tmp_path, code=1).stderr
    assert "refuses the account" in refused
    assert manifest.name == "small"


def test_a_destination_whose_helper_fails_is_one_that_fails(
    tmp_path: Path, broken: Faulty, manifest: BundleManifest
) -> None:
    class Sealed:
        def get(self, registry: str, default: tuple[str, str], /) -> tuple[str, str]:
            if registry == broken.host:
                return broken.backend.username, broken.backend.password
            raise BundleError("the vault is sealed", where=registry)

    broken.faults.clear()
    urls = ["https://registry.example/project", f"{broken.url}/team/"]
    first, second = Copies(Sealed(), tmp_path / "state").make(tmp_path / "bundle", urls)
    assert first.failure
    assert first.failure.what == "the vault is sealed"
    assert second.pushed
    assert second.pushed.images_copied == 2
    assert holds(broken.backend, "team", manifest)


def test_stopped_it_is_stopped_everywhere(tmp_path: Path, broken: Faulty, manifest: BundleManifest) -> None:
    broken.faults.clear()
    account = {broken.host: (broken.backend.username, broken.backend.password)}
    stopped = Copies(account, tmp_path / "state", cancelled=lambda: True)
    with pytest.raises(Interrupted):
        stopped.make(tmp_path / "bundle", [f"{broken.url}/a", f"{broken.url}/b"])
    client = RegistryClient(broken.url, None, *account[broken.host], project="a")
    assert push(tmp_path / "bundle", client).images_copied == 2
    assert manifest.artifacts

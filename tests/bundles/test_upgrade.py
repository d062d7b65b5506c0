"""The real thing: a bundle for the Kubernetes that is installed and for the newest one that is known.

The first run compiles Kubernetes once more; `make test` does not.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from slipway import catalog
from slipway.bundle.form import manifest as manifests
from slipway.bundle.verify.info import carried_bytes
from slipway.model.bundle import ArtifactKind, BundleManifest
from slipway.settings import cache_dir, data_dir
from tests import options
from tests.e2e.sites import BUILT
from tests.registries import running_registry

SLIPWAY = Path(sys.executable).with_name("slipway")
DEMO = data_dir() / "inventories" / "demo" / "cluster.yaml"
CATALOG = catalog.load()
VERSIONS = CATALOG.versions.kubernetes_versions()
NEWEST = VERSIONS[-1]


def slipway(*argv: str | Path) -> str:
    done = subprocess.run([SLIPWAY, *argv], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def built(name: str, *argv: str | Path) -> tuple[Path, BundleManifest]:
    """A bundle for the demo's hosts, kept in the cache."""
    directory = cache_dir() / "bundles" / name
    slipway(
        "bundle",
        "build",
        "-f",
        DEMO,
        "-o",
        directory,
        "--os",
        "debian-12,debian-13",
        "--modules",
        ",".join(BUILT),
        *argv,
    )
    return directory, manifests.read(directory)


@pytest.fixture(scope="module")
def upgrade() -> tuple[Path, BundleManifest]:
    return built("upgrade", "--to", NEWEST)


@pytest.mark.parametrize("version", VERSIONS)
def test_images_of_kubernetes_are_those_that_its_kubeadm_names(version: str) -> None:
    assert sorted(options.images(version)) == sorted(CATALOG.versions.release(version).images)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_version_can_be_told_is_what_its_code_says(version: str) -> None:
    assert options.file_of(version).read_text(encoding="utf-8") == options.text_of(options.generated(version))


def test_it_is_complete_for_every_version(upgrade: tuple[Path, BundleManifest]) -> None:
    directory, manifest = upgrade
    assert manifest.kubernetes == VERSIONS
    said: dict[str, Any] = json.loads(slipway("bundle", "verify", directory, "-f", DEMO, "-o", "json"))
    assert said["findings"] == []
    assert {f"kubernetes {version}" for version in VERSIONS} <= set(said["owners"])


@pytest.mark.parametrize("version", VERSIONS)
def test_programs_are_of_the_version_that_they_are_carried_for(
    upgrade: tuple[Path, BundleManifest], version: str
) -> None:
    directory, manifest = upgrade
    for name, words in (("kubelet", ["--version"]), ("kubeadm", ["version", "-o", "short"])):
        program = manifest.find(ArtifactKind.BINARY, name, CATALOG.versions.release(version).binaries[name])
        assert program
        told = subprocess.check_output([directory / program.path, *words], text=True)
        assert told.split()[-1] == version


def test_a_site_that_has_the_one_version_needs_no_more_than_the_other(
    upgrade: tuple[Path, BundleManifest], tmp_path: Path
) -> None:
    from slipway.bundle.site.inventory import inventory_of
    from slipway.bundle.site.push import push

    directory, whole = upgrade
    one, first = built("e2e")
    with running_registry(tmp_path / "registry", tmp_path / "data") as registry:
        push(one, registry.client())
        inventory_of(registry.client(), first).write(tmp_path / "inventory.json")
        _, delta = built("upgrade-delta", "--to", NEWEST, "--since", tmp_path / "inventory.json")
        assert delta == whole
        size = carried_bytes(cache_dir() / "bundles" / "upgrade-delta", delta)
        new = carried_bytes(directory, whole) - carried_bytes(one, first)
        assert size < new + 1_000_000 < carried_bytes(one, first)
        push(cache_dir() / "bundles" / "upgrade-delta", registry.client())
        push(directory, registry.client())

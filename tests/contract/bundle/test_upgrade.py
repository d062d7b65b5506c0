"""A bundle for two Kubernetes versions: what each of them needs, once, and as a delta only what is new."""

from pathlib import Path

import pytest

from slipway.bundle.form import manifest as manifests
from slipway.bundle.site.inventory import inventory_of
from slipway.bundle.site.push import push
from slipway.bundle.site.source import RegistrySource
from slipway.bundle.verify.checks import damaged_files
from slipway.bundle.verify.info import bundle_facts, carried_bytes
from slipway.model.bundle import ArtifactKind
from tests.registries import Registry
from tests.tiny import PINS, tiny_build

VERSIONS = ("v1.0.0", "v1.1.0")


pytestmark = pytest.mark.usefixtures("cache")


def test_it_has_what_either_version_needs_once(tmp_path: Path) -> None:
    one, both = tiny_build(tmp_path, "one"), tiny_build(tmp_path, "both", kubernetes=VERSIONS)
    had, has = ({a for a in made.artifacts if a.kind is not ArtifactKind.SBOM} for made in (one, both))
    assert had < has
    more = {(a.kind, a.reference) for a in has - had}
    assert more == {(ArtifactKind.IMAGE, "registry.test/pause:2"), (ArtifactKind.BINARY, "pause:2")}
    assert manifests.read(tmp_path / "both") == both
    assert bundle_facts(both)["kubernetes"] == list(VERSIONS)
    assert damaged_files(tmp_path / "both") == []


@pytest.mark.parametrize(("release", "version"), [(PINS["releases"][0], "1"), (PINS["releases"][1], "2")])
def test_a_program_s_name_means_that_of_the_site_s_version(
    tmp_path: Path, release: dict[str, dict[str, str]], version: str
) -> None:
    both = tiny_build(tmp_path, "both", kubernetes=VERSIONS).of_release(release["binaries"])
    found = both.find(ArtifactKind.BINARY, "pause")
    assert found
    assert found.version == version


def test_a_delta_for_the_upgrade_holds_what_is_new(tmp_path: Path, registry: Registry) -> None:
    one = tiny_build(tmp_path, "one")
    push(tmp_path / "one", registry.client())
    blobs = inventory_of(registry.client(), one).blobs
    whole = tiny_build(tmp_path, "whole", kubernetes=VERSIONS)
    delta = tiny_build(tmp_path, "delta", kubernetes=VERSIONS, elsewhere=blobs)
    assert delta == whole
    (program,) = [a for a in whole.artifacts if a.reference == "pause:2"]
    new = carried_bytes(tmp_path / "whole", whole) - carried_bytes(tmp_path / "one", one)
    assert program.size < carried_bytes(tmp_path / "delta", delta) < new + 20_000
    push(tmp_path / "delta", registry.client())
    assert RegistrySource(registry.client(), tmp_path / "fetched").manifest() == whole
    assert all(registry.client().tags(a.repository) for a in whole.artifacts)

"""The pins: the files that ship are consistent, and an inconsistent one is refused with the place."""

import shutil
from pathlib import Path

import pytest
import yaml

from slipway.catalog import load, versions
from slipway.catalog.profiles import in_profile
from slipway.errors import BundleError
from slipway.model.bundle import Profile, chart_name
from slipway.model.platforms import PLATFORMS
from slipway.settings import data_dir


def test_every_chart_has_an_origin_that_is_pinned_or_locked() -> None:
    catalog = load()
    for module in catalog.modules.values():
        for release in module.releases:
            if release.by_build:
                assert catalog.versions.chart(chart_name(module.name, release.chart))
            assert release.chart_dir or release.by_build or release.locked or release.locked_tree, module.name


def test_images_of_the_base_are_built_by_anybody() -> None:
    """Without a lock of a site and without a registry: what is not built is pulled as a site has locked it."""
    catalog = load()
    for name in in_profile(Profile.BASE).modules:
        for reference in catalog.modules[name].images:
            assert catalog.versions.image(reference).full_reference == reference


def test_a_release_names_what_kubeadm_asks_for() -> None:
    pins = versions.load()
    for version in pins.kubernetes_versions():
        release = pins.release(version)
        names = {reference.rpartition(":")[0].rpartition("/")[2] for reference in release.images}
        assert names >= {
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kube-proxy",
            "pause",
            "etcd",
        }
        assert f"registry.k8s.io/kube-apiserver:{version}" in release.images


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda pins: pins["images"].reverse(), "images: not sorted"),
        (lambda pins: pins["layers"].append(pins["layers"][-1]), "is there 2 times"),
        (lambda pins: pins["layers"][1].update(tree="nowhere"), "no source nowhere"),
        (lambda pins: pins["releases"][0]["images"].append("a/b:1"), "no image a/b:1"),
        (lambda pins: pins["releases"][0]["binaries"].update(helm="v9"), "no binary ('helm', 'v9')"),
        (lambda pins: pins["sources"][0].update(colour="red"), "Extra inputs are not permitted"),
    ],
)
def test_refused(tmp_path: Path, change, message: str) -> None:
    for name in ("images/versions.yaml", "offline/packages.yaml"):
        (tmp_path / name).parent.mkdir()
        shutil.copyfile(data_dir() / name, tmp_path / name)
    pins = yaml.safe_load((tmp_path / "images/versions.yaml").read_text())
    change(pins)
    (tmp_path / "images/versions.yaml").write_text(yaml.safe_dump(pins))
    with pytest.raises(BundleError) as caught:
        versions.load(tmp_path)
    assert message in str(caught.value)


def test_an_unknown_version_names_the_known_ones() -> None:
    with pytest.raises(BundleError, match=r"pinned are: v1\.35\.4"):
        versions.load().release("v1.99.0")


def test_paths_of_a_source_have_the_names_of_a_platform() -> None:
    paths = {
        platform.architecture: versions.load().source("python-tree", platform).model_dump()["only"][2]
        for platform in PLATFORMS
    }
    assert paths == {"amd64": "usr/lib/x86_64-linux-gnu", "arm64": "usr/lib/aarch64-linux-gnu"}

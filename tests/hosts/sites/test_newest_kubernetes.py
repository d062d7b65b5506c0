"""A site of the newest Kubernetes that is known, out of a bundle that also has the one before."""

import json
import subprocess
from collections.abc import Iterator

import pytest

from slipway import catalog
from slipway.settings import cache_dir
from tests.e2e.sites import BUILT, DEMO, SLIPWAY, Site
from tests.labs import lab_nodes

VERSIONS = catalog.load().versions
NEWEST = VERSIONS.kubernetes_versions()[-1]
REFUSED = 3


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    bundle = cache_dir() / "bundles" / "upgrade"
    systems = ["--os", "debian-12,debian-13"]
    subprocess.run(
        [
            SLIPWAY,
            "bundle",
            "build",
            "-f",
            DEMO,
            "-o",
            bundle,
            *systems,
            "--to",
            NEWEST,
            "--modules",
            ",".join(BUILT),
        ],
        check=True,
    )
    with lab_nodes("newest", "10.183.9.0/24", 2, ("debian-12", "debian-13"), ("cp-1", "worker-1")) as lab:
        found = Site(tmp_path_factory.mktemp("site"), lab, name="newest")
        found.edit({"spec": {"kubernetes": {"version": NEWEST}}})
        found.slipway("install", "-b", str(bundle), "--yes", timeout=600)
        yield found


def test_it_is_the_version_that_was_asked_for(site: Site) -> None:
    nodes = site.kubectl_json("get", "nodes")["items"]
    assert {node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes} == {NEWEST}
    assert json.loads(site.kubectl("version", "-o", "json").stdout)["serverVersion"]["gitVersion"] == NEWEST
    assert site.slipway_json("plan")["steps"] == []
    assert {pod["status"]["phase"] for pod in site.kubectl_json("get", "pods", "-A")["items"]} <= {
        "Running",
        "Succeeded",
    }


def test_the_version_of_a_cluster_that_runs_is_fixed(site: Site) -> None:
    site.edit({"spec": {"kubernetes": {"version": VERSIONS.kubernetes}}})
    refused = site.slipway("plan", check=False)
    assert refused.returncode == REFUSED
    assert "spec.kubernetes.version" in refused.stderr

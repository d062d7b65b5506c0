"""A registry that the site has already, with everything in a project: hosts fetch and pull by the names they know.

The built-in registry of another host stands for it: it has an authority of its own and wants an account.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from slipway.bundle.registry.client import RegistryClient, RegistryError
from slipway.bundle.site.push import push
from tests.bare import Site, bare_site
from tests.hosts.images import BUSYBOX, containerd_and_images

NODE, PROJECT, NAME = "node-2", "teams/platform", "registry.slipway.internal"
LAB = {"cgroupDriver": "cgroupfs", "restrictOOMScoreAdj": True, "limitNOFILE": 20000}
EXTERNAL = {
    "mode": "external",
    "endpoint": f"https://{NAME}:5000",
    "project": PROJECT,
    "caRef": {"name": "harbor", "key": "ca.crt"},
    "pullRef": {"name": "harbor", "key": "pull"},
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("external")
    systems = ("debian-12", "debian-12")
    with bare_site(directory, "rtext", "10.183.7.0/24", systems, further=containerd_and_images) as found:
        found.lab.egress_control()
        found.play("registry")
        for key in ("ca.crt", "pull"):  # as a site has those of a registry that is not Slipway's
            found.store.write(f"harbor/{key}", found.store.read(f"slipway-registry/{key}"))
        yield replace(found, spec={"registry": EXTERNAL})


def client(site: Site, project: str = PROJECT) -> RegistryClient:
    user, _, password = site.store.read("slipway-registry/push").decode().strip().partition(":")
    ca, address = site.store.path("slipway-registry/ca.crt"), site.lab.nodes[0].address
    return RegistryClient(f"https://{NAME}:5001", ca, user, password, address, project=project)


def play(site: Site, *roles: str) -> Any:
    hosts = [{"address": site.lab.nodes[0].address, "names": [NAME]}]
    return site.play(*roles, only=[NODE], extraHosts=hosts, runtime=LAB)


def test_all_of_a_bundle_lies_in_the_project_and_nothing_beside_it(site: Site) -> None:
    receipt = push(site.directory / "bundle", client(site))
    assert receipt.images_copied
    assert push(site.directory / "bundle", client(site)).bytes == 0
    name, _, tag = BUSYBOX.rpartition(":")
    assert client(site).head_manifest(name, tag)
    assert client(site, "").head_manifest(f"{PROJECT}/{name}", tag)
    assert client(site, "").head_manifest(name, tag) is None
    with pytest.raises(RegistryError) as caught:
        client(site, "").get_manifest(name, tag)
    assert caught.value.code == "not-found"


def test_a_host_fetches_from_it_and_pulls_by_original_names(site: Site) -> None:
    play(site, "node_prepare", "container_runtime")
    pull = "ctr --namespace k8s.io images pull --hosts-dir /etc/containerd/certs.d"
    site.lab.ssh(NODE, ["sh", "-c", f"{pull} {BUSYBOX}"])
    assert BUSYBOX in site.sh(NODE, "ctr --namespace k8s.io images list --quiet")
    again = play(site, "node_prepare", "container_runtime")
    assert again.stats[NODE]["changed"] == 0


def test_nothing_was_asked_outside(site: Site) -> None:
    egress = site.lab.egress()
    assert (egress.packets, egress.names) == (0, {})

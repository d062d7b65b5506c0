"""The samples gpu, three-networks and docker of inventories/ on lab nodes, as a user copies them.

What a sample says stays, but for addresses and what containers cannot do. cri-dockerd cannot be had here: of
inventories/docker everything up to its socket is applied, role by role.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from slipway.lab import Lab
from slipway.settings import data_dir
from tests.bare import bare_site
from tests.e2e.sites import DEMO, Site, bundle, merged
from tests.hosts.images import containerd_and_images, told_of_cri_dockerd
from tests.labs import lab_nodes
from tests.pcitree import cards

GPU_HOSTS = ("gpu-01", "gpu-02")
FURTHER = {"business": "10.182.12.0/24", "storage": "10.182.13.0/24"}
RANGES = {"management": "10.182.11.0/24", **FURTHER}


@cache
def sample(name: str) -> dict[str, Any]:
    """A sample as data."""
    loaded: dict[str, Any] = yaml.safe_load((data_dir() / "inventories" / name / "cluster.yaml").read_text())
    return loaded


def for_lab(name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """A sample with what the sample for labs says of containers, and further changes."""
    demo = yaml.safe_load(DEMO.read_text())["spec"]
    needs = {
        "kubernetes": {k: demo["kubernetes"][k] for k in ("kubelet", "kubeProxy", "ignorePreflightErrors")},
        "hosts": {"defaults": demo["hosts"]["defaults"]},
    }
    return dict(merged(merged(sample(name), {"spec": needs}), {"spec": changes}))


def open_to_ops(lab: Lab) -> None:
    """The user of the samples: a key, and sudo."""
    script = """
        useradd --create-home --shell /bin/bash ops
        install -d -m 700 -o ops ~ops/.ssh
        install -m 600 -o ops ~/.ssh/authorized_keys ~ops/.ssh/authorized_keys
        echo 'ops ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ops
    """
    for node in lab.nodes:
        lab.ssh(node.name, ["sh", "-ec", script])


@contextmanager
def lab_of(name: str, subnet: str, **more: Any) -> Iterator[Lab]:
    """A node per host of the sample, by its name."""
    names = [item["name"] for item in sample(name)["spec"]["hosts"]["items"]]
    systems = ["debian-13" if number % 2 else "debian-12" for number in range(len(names))]
    with lab_nodes(f"sm{name[:5]}", subnet, len(names), systems, names, **more) as lab:
        open_to_ops(lab)
        yield lab


def installed(site: Site) -> dict[str, dict[str, Any]]:
    """Install and see that nothing is left to do; the nodes by name, all of them Ready."""
    site.slipway("install", "-b", str(bundle()), "--yes", timeout=900)
    assert site.slipway_json("plan")["steps"] == []
    nodes = {node["metadata"]["name"]: node for node in site.kubectl_json("get", "nodes")["items"]}
    for node in nodes.values():
        conditions = {one["type"]: one["status"] for one in node["status"]["conditions"]}
        assert conditions["Ready"] == "True"
    return nodes


def moved(name: str, lab: Lab) -> list[dict[str, Any]]:
    """The sample's hosts at the lab's addresses."""
    addresses = {node.name: node.address for node in lab.nodes}
    return [{**item, "address": addresses[item["name"]]} for item in sample(name)["spec"]["hosts"]["items"]]


def test_gpu(tmp_path: Path) -> None:
    with ExitStack() as stack:
        lab = stack.enter_context(lab_of("gpu", "10.182.1.0/24"))
        for node in GPU_HOSTS:
            stack.enter_context(cards(lab, node))
        site = Site(tmp_path, lab)
        # A container has no driver, and may not raise how much memory can be locked.
        lab_needs = {"limits": None, "nvidia": {"driver": "operator", "minDriverVersion": None}}
        hosts = {"items": moved("gpu", lab), "groups": {"gpu": lab_needs}}
        site.write(for_lab("gpu", {"hosts": hosts}))
        nodes = installed(site)
        labels = {name: node["metadata"]["labels"] for name, node in nodes.items()}
        wanted = {name: labels[name].get("gpu-type") for name in labels}
        assert wanted == {"cp-01": None, "gpu-01": "A100", "gpu-02": "A100-MIG", "worker-01": None}
        assert [labels[node]["pool"] for node in GPU_HOSTS] == ["training", "notebooks"]
        assert [labels[node]["gpu"] for node in GPU_HOSTS] == ["true", "true"]
        for node in labels:
            config = site.kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/configz").stdout
            assert json.loads(config)["kubeletconfig"]["topologyManagerPolicy"] == "best-effort"
            dumped = lab.ssh(node, ["/usr/local/bin/containerd", "config", "dump"]).stdout
            assert ("nvidia-container-runtime" in dumped) == (node in GPU_HOSTS)
            assert lab.ssh(node, ["ls", "/data/containerd"]).stdout
        assert lab.ssh("cp-01", ["ls", "/data/registry"]).stdout


def test_three_networks(tmp_path: Path) -> None:
    with lab_of("three-networks", RANGES["management"], networks=FURTHER) as lab:
        site = Site(tmp_path, lab)
        items = moved("three-networks", lab)
        for item in items:
            item["addresses"] = {name: lab.address(name, item["name"]) for name in item["addresses"]}
        items[0]["links"] = {"management": "host0", "business": "business", "storage": "storage"}
        networks = {name: {"cidr": cidr} for name, cidr in RANGES.items()}
        # A container has no NFS: test_mounts.py has this mount on nodes with a kernel of their own.
        hosts = {"items": items, "networks": networks, "defaults": {"mounts": None}}
        site.write(for_lab("three-networks", {"hosts": hosts}))
        nodes = installed(site)
        for name, node in nodes.items():
            internal = [a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP"]
            assert internal == [lab.address("business", name)]
        first = lab.nodes[0]
        reached = {"worker-01": lab.address("storage", "cp-01"), "worker-02": first.address}
        for name, address in reached.items():
            entry = lab.ssh(name, ["getent", "ahostsv4", "registry.slipway.internal"]).stdout
            assert entry.split()[0] == address


def test_docker(tmp_path: Path) -> None:
    hosts = sample("docker")["spec"]["hosts"]
    demo = yaml.safe_load(DEMO.read_text())["spec"]["hosts"]
    settings = merged(demo["defaults"], hosts["defaults"])
    site_of = bare_site(
        tmp_path,
        "smdocker",
        "10.182.3.0/24",
        ("debian-12", "debian-13"),
        packages=("docker.io",),
        further=containerd_and_images,
    )
    with site_of as bare:
        site = told_of_cri_dockerd(bare)
        for key, value in (("ca.crt", authority(tmp_path)), ("pull", "someone:something")):
            site.store.write(f"harbor/{key}", value.encode())
        site.play("registry")
        site.push()
        site.play("node_prepare", **settings)
        none = {"container_runtime_artifacts": []}
        first = site.play("container_runtime", given=none, **settings)
        assert min(site.changed(first).values()) > 0
        again = site.play("node_prepare", "container_runtime", given=none, **settings)
        assert set(site.changed(again).values()) == {0}
        for node in site.lab.nodes:
            info = json.loads(site.sh(node.name, "docker info --format '{{json .}}'"))
            assert info["DockerRootDir"] == "/data/docker"
            assert info["LiveRestoreEnabled"]
            daemon = json.loads(site.sh(node.name, "cat /etc/docker/daemon.json"))
            assert daemon["max-concurrent-downloads"] == 6
            assert "10.0.0.8 harbor.example.org" in site.sh(node.name, "cat /etc/hosts")
            authority_there = site.sh(node.name, "cat /etc/docker/certs.d/harbor.example.org:8443/ca.crt")
            assert "-----BEGIN CERTIFICATE-----" in authority_there


def authority(directory: Path) -> str:
    """A certificate, as the authority of a registry that nobody asks here."""
    target = directory / "ca.crt"
    subject = ["-subj", "/CN=harbor", "-days", "1", "-nodes", "-keyout", str(directory / "ca.key")]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", *subject, "-out", target],
        check=True,
        capture_output=True,
    )
    return target.read_text()

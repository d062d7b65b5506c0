"""What every cluster of ours has: a network, an operator, metrics, volumes, a page that says that it works."""

import json
from typing import Any

import pytest

from tests.lab4.platforms import NAMESPACE, NODES, Enabled, Keep, Platform, content, page, pod, until

CLAIM: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "kept", "namespace": "default"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
}
MOUNTED = {
    "volumes": [{"name": "kept", "persistentVolumeClaim": {"claimName": "kept"}}],
    "volumeMounts": [{"name": "kept", "mountPath": "/kept"}],
}


@pytest.mark.level("4", "flannel")
def test_pods_of_two_nodes_reach_each_other(platform: Platform, record_property: Keep) -> None:
    record_property("trials", {"flannel": platform.measured("flannel")})
    with platform.applied(*(pod(f"at-{node}", page(node), node=node) for node in NODES)):
        addresses = {node: platform.address(f"at-{node}") for node in NODES}
        assert len({address.rpartition(".")[0] for address in addresses.values()}) == len(NODES)
        for asking, other in zip(NODES, reversed(NODES), strict=True):
            said = platform.said(f"wget -qO- -T 10 http://{addresses[other]}:8080", node=asking)
            assert said.strip() == other


@pytest.mark.level("4", "operator")
def test_an_edit_in_the_cluster_is_carried_out(platform: Platform, record_property: Keep) -> None:
    record_property("trials", {"operator": platform.measured("operator")})

    def edit(welcome: dict[str, Any] | None) -> None:
        patch = json.dumps({"spec": {"modules": {"welcome": welcome}}})
        name = platform.site.name
        platform.kubectl("-n", NAMESPACE, "patch", "cc", name, "--type", "merge", "-p", patch)

    edit({"enabled": True, "settings": {"greeting": "edited"}})
    until("welcome", lambda: platform.records().get("welcome", {}).get("phase") == "Healthy", 180)
    assert "edited" in platform.said("wget -qO- -T 10 http://welcome.welcome")
    edit(None)
    until("welcome to be gone", lambda: "welcome" not in platform.records(), 120)
    until("the operator to be content", lambda: content(platform.site))


@pytest.mark.level("4", "welcome")
def test_the_page_says_what_it_was_told(platform: Platform, enabled: Enabled) -> None:
    with enabled({"welcome": {"greeting": "good morning", "replicas": 2}}):
        assert "good morning" in platform.said("wget -qO- -T 10 http://welcome.welcome")


@pytest.mark.level("4", "metrics-server")
def test_what_nodes_and_pods_use_is_known(platform: Platform, record_property: Keep) -> None:
    record_property("trials", {"metrics-server": platform.measured("metrics-server")})

    def used() -> dict[str, tuple[str, str]]:
        nodes = platform.kubectl("top", "nodes", "--no-headers").stdout.splitlines()
        return {name: (cpu, memory) for name, cpu, _, memory, *_ in map(str.split, nodes)}

    figures = until("both nodes", lambda: used() if set(used()) == set(NODES) else {})
    assert all(int(cpu.removesuffix("m")) > 0 for cpu, _ in figures.values())
    assert all(int(memory.removesuffix("Mi")) > 50 for _, memory in figures.values())
    assert "flannel" in platform.kubectl("top", "pods", "-n", "kube-flannel").stdout


@pytest.mark.level("4", "local-path-provisioner")
def test_data_outlives_its_pod_and_goes_with_its_claim(platform: Platform, record_property: Keep) -> None:
    record_property("trials", {"local-path-provisioner": platform.measured("local-path-provisioner")})
    with platform.applied(CLAIM):
        platform.said("echo of before >/kept/words", **MOUNTED)
        assert platform.said("cat /kept/words", **MOUNTED) == "of before\n"
        volume = platform.kubectl("get", "pvc", "kept", "-o", "jsonpath={.spec.volumeName}").stdout
        assert volumes_on_disk(platform, volume)
    until("the directory to be gone", lambda: not volumes_on_disk(platform, volume))


def volumes_on_disk(platform: Platform, volume: str) -> list[str]:
    look = ["sh", "-c", f"ls -d /opt/local-path-provisioner/{volume}_* 2>/dev/null || true"]
    return [found for node in NODES for found in platform.site.lab.ssh(node, look).stdout.split()]

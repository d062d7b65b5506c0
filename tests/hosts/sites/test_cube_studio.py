"""The sample inventories/cube-studio on lab nodes: its values on running processes, GPUs packed, bad changes put back.

One control plane that also works and one GPU host stand for the six of the sample; `overlaid` says what else differs.
The tests of this file share a cluster and build on each other, in the order written.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.api.read import parse
from slipway.lab import Lab
from slipway.planning.roles import packages_of
from slipway.settings import data_dir
from tests.e2e.sites import Site, merged
from tests.labs import lab_nodes
from tests.sites import bundle

SAMPLE = data_dir() / "inventories" / "cube-studio" / "cluster.yaml"
CP, GPU = "cp-01", "gpu-01"
VIP = "10.186.2.5"
HARBOR = "harbor.cube-studio.internal"
#: Of the machine below: a lab node cannot change it, so the test asks for what is there.
MAP_COUNT = Path("/proc/sys/vm/max_map_count")


def overlaid(sample: dict[str, Any], lab: Lab) -> dict[str, Any]:
    """The sample for these nodes: their addresses, the lab's own name server, and what containers cannot do.

    They have no disks, no Ceph and no GPU: test_disks.py, test_mounts.py and test_nvidia.py are for these settings.
    """
    first = lab.nodes[0].address
    lab_needs = {
        "runtime": {"cgroupDriver": "cgroupfs", "restrictOOMScoreAdj": True, "limitNOFILE": 20000},
        "dns": {"servers": [f"{first.rpartition('.')[0]}.1"]},
        "time": {"servers": [first]},
        "limits": {"nofile": 20000, "memlock": None},
        "sysctl": {"vm.max_map_count": MAP_COUNT.read_text().strip()},
        "disks": None,
        "mounts": None,
    }
    items = [
        {"name": CP, "address": first, "roles": ["control-plane", "worker"]},
        {"name": GPU, "address": lab.nodes[1].address, "roles": ["worker"], "groups": ["gpu"]},
    ]
    kubernetes = {
        "endpoint": {"vip": VIP},
        "kubelet": {"extraConfig": {"failCgroupV1": False}},
        "kubeProxy": {"mode": "nftables", "extraConfig": {"conntrack": {"maxPerCore": 0, "min": 0}}},
        "ignorePreflightErrors": ["SystemVerification"],
    }
    spec = {
        "kubernetes": kubernetes,
        "hosts": {"defaults": lab_needs, "groups": {"gpu": {"nvidia": None}}, "items": items},
        "registry": {"host": CP},
        "modules": {"metrics-server": None, "local-path-provisioner": None, "operator": None},
    }
    return dict(merged(sample, {"spec": spec}))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with lab_nodes("kubcube", "10.186.2.0/24", 2, ("debian-12", "debian-13"), (CP, GPU)) as lab:
        made = Site(tmp_path_factory.mktemp("site"), lab, roles={CP: ["control-plane"], GPU: ["worker"]})
        made.put_secret("harbor/ca.crt", "of a registry that nobody asks here\n")
        made.put_secret("harbor/pull", "someone:something")
        made.write(overlaid(yaml.safe_load(SAMPLE.read_text()), lab))
        yield made


def kubernetes(site: Site, **fields: Any) -> None:
    site.edit({"spec": {"kubernetes": fields}})


def arguments(site: Site, program: str) -> set[str]:
    """Command line of a running program on the control plane."""
    script = f"for p in $(pgrep -x {program[:15]}); do tr '\\0' '\\n' </proc/$p/cmdline; done"
    return set(site.lab.ssh(CP, ["sh", "-c", script]).stdout.split("\n"))


def configz(site: Site, node: str) -> dict[str, Any]:
    answer = site.kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/configz").stdout
    return dict(json.loads(answer)["kubeletconfig"])


def sh(site: Site, node: str, script: str) -> str:
    return site.lab.ssh(node, ["sh", "-c", script], check=False).stdout


def host_steps(site: Site) -> list[str]:
    steps = [step["id"] for step in site.slipway_json("plan")["steps"]]
    return sorted(step for step in steps if step.startswith("host/"))


def until(what: str, condition: Callable[[], Any], seconds: float = 180) -> Any:
    """Wait for it; say what it was when it does not come."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.5)
    return found


@pytest.mark.timeout(1800)
def test_it_installs_and_leaves_nothing_to_do(site: Site) -> None:
    made = bundle(packages_of(parse(site.document)))
    site.slipway("install", "-b", str(made), "--yes", timeout=1200)
    assert site.slipway_json("plan")["steps"] == []


def test_the_control_plane_runs_with_the_sample_values(site: Site) -> None:
    api = arguments(site, "kube-apiserver")
    plugins = next(word for word in api if word.startswith("--enable-admission-plugins="))
    assert set(plugins.partition("=")[2].split(",")) == {"NodeRestriction", "PodTolerationRestriction"}
    assert {
        "--service-cluster-ip-range=172.16.0.0/17",
        "--service-node-port-range=10-32767",
        "--service-account-max-token-expiration=720h",
    } <= api
    manager = arguments(site, "kube-controller-manager")
    assert {"--cluster-cidr=172.16.128.0/17", "--terminated-pod-gc-threshold=1000"} <= manager
    assert "--quota-backend-bytes=8589934592" in arguments(site, "etcd")
    dns = site.kubectl_json("-n", "kube-system", "get", "service", "kube-dns")
    assert dns["spec"]["clusterIP"] == "172.16.0.10"


def test_the_kubelets_run_with_the_sample_values(site: Site) -> None:
    for node in (CP, GPU):
        config = configz(site, node)
        assert config["maxPods"] == 200
        assert (config["imageGCHighThresholdPercent"], config["imageGCLowThresholdPercent"]) == (90, 85)
        assert config["evictionHard"]["memory.available"] == "500Mi"
        assert (config["clusterDNS"], config["serializeImagePulls"]) == (["172.16.0.10"], False)
        labels = site.kubectl_json("get", "node", node)["metadata"]["labels"]
        assert (labels["train"], labels["org"]) == ("true", "public")
        assert labels["cpu"] == {CP: "true", GPU: "false"}[node]
    assert "systemReserved" not in configz(site, CP)
    assert configz(site, GPU)["systemReserved"] == {"cpu": "500m", "memory": "1Gi"}


def test_the_hosts_are_as_the_sample_says(site: Site) -> None:
    for node in (CP, GPU):
        modes = sh(site, node, "stat -c '%a %U' /data/home /data/k8s /mnt/ceph_fuse").splitlines()
        assert modes == ["755 root", "777 root", "777 root"]
        assert f"10.0.0.3 {HARBOR}" in sh(site, node, "cat /etc/hosts")
        assert "cube-studio.internal" in sh(site, node, "cat /etc/resolv.conf")
        assert sh(site, node, "ls /data/containerd") != ""
        assert sh(site, node, "systemctl is-active chrony").strip() == "active"
        assert sh(site, node, "ulimit -n").strip() == "20000"
        certs = sh(site, node, f"cat /etc/containerd/certs.d/{HARBOR}/hosts.toml")
        assert "Authorization" in certs
        assert f'ca = "/etc/containerd/certs.d/{HARBOR}/ca.crt"' in certs
        plain = sh(site, node, "cat /etc/containerd/certs.d/10.0.0.4_5000_/hosts.toml")
        assert 'server = "http://10.0.0.4:5000/v2"' in plain
        journal = sh(site, node, "systemd-analyze cat-config systemd/journald.conf")
        assert {"Storage=persistent", "SystemMaxUse=2G", "MaxRetentionSec=14d"} <= set(journal.split())
    until("the API's address", lambda: VIP in sh(site, CP, f"ip -oneline address show to {VIP}/32"), 30)


def test_a_pod_that_asks_for_a_gpu_goes_where_one_is_in_use(site: Site) -> None:
    """The resource is made up; with the scheduler's own defaults these pods would go to the other, emptier node."""
    for node in (CP, GPU):
        patch = {"status": {"capacity": {"nvidia.com/gpu": "8"}}}
        site.kubectl("patch", "node", node, "--subresource=status", "--type=merge", "-p", json.dumps(patch))
        until(
            "the resource to be allocatable",
            lambda node=node: (
                site.kubectl_json("get", "node", node)["status"]["allocatable"].get("nvidia.com/gpu") == "8"
            ),
        )
    assert scheduled(site, "seed", node=CP) == CP
    assert [scheduled(site, f"pod-{number}") for number in range(3)] == [CP, CP, CP]


def scheduled(site: Site, name: str, node: str = "") -> str:
    """Node of a new pod that asks for one GPU."""
    resources = {"limits": {"nvidia.com/gpu": "1"}}
    container = {"name": "wait", "image": "docker.io/library/busybox:1.37", "resources": resources}
    spec = {
        "containers": [container],
        "restartPolicy": "Never",
        **({"nodeSelector": {"kubernetes.io/hostname": node}} if node else {}),
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
    site.kubectl("create", "-f", "-", stdin=json.dumps(pod))

    def place() -> str:
        return str(site.kubectl_json("get", "pod", name)["spec"].get("nodeName", ""))

    return str(until(f"pod {name} to be scheduled", place))


def strategy(kind: str) -> dict[str, Any]:
    """The sample's profile with another strategy."""
    config: dict[str, Any] = yaml.safe_load(SAMPLE.read_text())["spec"]["kubernetes"]["scheduler"]["config"]
    config["profiles"][0]["pluginConfig"][0]["args"]["scoringStrategy"]["type"] = kind
    return config


def in_force(site: Site) -> str:
    """File that the running scheduler reads; it holds what the only one of its kind holds."""
    paths = [word.partition("=")[2] for word in arguments(site, "kube-scheduler") if "--config=" in word]
    assert len(paths) == 1
    assert sh(site, CP, "ls /etc/kubernetes/slipway/scheduler-*.yaml").split() == paths
    found = re.search(r"type: (\w+)", sh(site, CP, f"cat {paths[0]}"))
    assert found
    return found[1]


def test_another_strategy_exchanges_the_scheduler_alone(site: Site) -> None:
    assert in_force(site) == "MostAllocated"
    before = sh(site, CP, "pgrep -x kube-apiserver")
    kubernetes(site, scheduler={"config": strategy("LeastAllocated")})
    assert host_steps(site) == [f"host/{CP}/kubernetes_control_plane"]
    site.slipway("apply", "--yes", timeout=600)
    assert in_force(site) == "LeastAllocated"
    assert sh(site, CP, "pgrep -x kube-apiserver") == before
    assert scheduled(site, "spread") == GPU
    assert site.slipway_json("plan")["steps"] == []


def test_settings_that_the_scheduler_refuses_are_put_back(site: Site) -> None:
    """Well-formed for all that the field's type tells."""
    kubernetes(site, scheduler={"config": strategy("NoSuchStrategy")})
    failed = site.slipway("apply", "--yes", check=False, timeout=600)
    assert failed.returncode == 1
    assert "kube-scheduler did not become ready with the new settings" in failed.stdout + failed.stderr
    assert "NoSuchStrategy" in failed.stdout + failed.stderr
    paths = [word for word in arguments(site, "kube-scheduler") if "--config=" in word]
    assert "LeastAllocated" in sh(site, CP, f"cat {paths[0].partition('=')[2]}")
    kubernetes(site, scheduler={"config": strategy("MostAllocated")})
    site.slipway("apply", "--yes", timeout=600)
    assert in_force(site) == "MostAllocated"


def test_what_kubernetes_does_not_know_is_found_by_plan(site: Site) -> None:
    before = site.document
    kubernetes(
        site, kubelet={"extraConfig": {"evictionhard": {}}}, apiServer={"extraArgs": {"profilng": "false"}}
    )
    refused = site.slipway("plan", check=False)
    site.write(before)
    assert refused.returncode == 3
    for words in ("line ", "did you mean evictionHard?", "did you mean profiling?"):
        assert words in refused.stderr + refused.stdout


def test_a_kubelet_that_fails_gets_its_settings_back_and_stops_the_roll(site: Site) -> None:
    file = "/etc/kubernetes/kubelet.conf.d/10-slipway.conf"
    before = {node: sh(site, node, f"cat {file}; pgrep -x kubelet") for node in (CP, GPU)}
    good = site.document
    kubernetes(site, kubelet={"extraConfig": {"evictionHard": {"memory.available": "nonsense"}}})
    assert host_steps(site) == [f"host/{CP}/kubernetes_node", f"host/{GPU}/kubernetes_node"]
    failed = site.slipway("apply", "--yes", check=False, timeout=600)
    words = failed.stdout + failed.stderr
    assert failed.returncode == 1
    assert "kubelet.service does not work with the new" in words
    assert "what it held before is back and in force" in words
    assert before[CP].startswith(sh(site, CP, f"cat {file}"))
    assert sh(site, CP, "ls /etc/kubernetes/kubelet.conf.d").split() == ["10-slipway.conf"]
    assert sh(site, GPU, f"cat {file}; pgrep -x kubelet") == before[GPU]
    until("both nodes to be ready", lambda: ready(site) == {CP, GPU})
    site.write(good)
    site.slipway("apply", "--yes", timeout=600)
    assert site.slipway_json("plan")["steps"] == []


def ready(site: Site) -> set[str]:
    nodes = site.kubectl_json("get", "nodes")["items"]
    return {
        node["metadata"]["name"]
        for node in nodes
        if any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"]["conditions"])
    }


def test_a_good_change_is_rolled_over_both(site: Site) -> None:
    kubernetes(site, kubelet={"maxPods": 150})
    site.slipway("apply", "--yes", timeout=600)
    assert [configz(site, node)["maxPods"] for node in (CP, GPU)] == [150, 150]
    begun = [event["step"] for event in site.journal() if event["kind"] in {"step-started", "step-finished"}]
    mine = [step for step in begun if step.endswith("/kubernetes_node")]
    assert mine == [f"host/{CP}/kubernetes_node"] * 2 + [f"host/{GPU}/kubernetes_node"] * 2

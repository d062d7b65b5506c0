"""Docker as hosts are told to run it, up to the socket at which cri-dockerd would ask it, and the way to containerd.

cri-dockerd cannot be had here: planning is told of one, and the role is then given none. Everything else is real.
The tests of this file build on each other, in the order written.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from slipway.model.host.ssh import SSH
from slipway.runner import RunnerResult, connection_variables
from tests.bare import Site, bare_site
from tests.hosts.images import BUSYBOX, containerd_and_images, told_of_cri_dockerd

NODE = "node-1"
ROOT, NEXT = "/data/docker", "/data/next"
IMAGE = f"registry.slipway.internal:5000/{BUSYBOX}"
LAB = {"type": "docker", "cgroupDriver": "cgroupfs", "restrictOOMScoreAdj": True, "limitNOFILE": 20000}
DOCKER = "DOCKER_CONFIG=/var/lib/kubelet docker"
#: As cri-dockerd names a pod's container.
POD = "k8s_pause_web-0_default_uid_0"
LOG = {"maxSize": "1Mi", "maxFiles": 3}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("docker")
    with bare_site(
        directory,
        "rtdock",
        "10.183.2.0/24",
        ("debian-12",),
        packages=("docker.io",),
        programs=("nvidia-container-toolkit",),
        further=containerd_and_images,
    ) as found:
        found.lab.egress_control()
        found.play("registry")
        found.push()
        told = told_of_cri_dockerd(found)
        told.play("node_prepare", **settings())
        yield told


def settings(**more: Any) -> dict[str, Any]:
    """Settings of the runtime; without more those of a lab node."""
    return {"runtime": {**LAB, "dataRoot": ROOT, **more}}


def tried(site: Site, *, check: bool = False, **more: Any) -> RunnerResult:
    """The role, without cri-dockerd."""
    none = {"container_runtime_artifacts": []}
    return site.tried("container_runtime", check=check, given=none, **settings(**more))


def play(site: Site, *, check: bool = False, **more: Any) -> int:
    """The role; how many of its tasks changed something."""
    result = tried(site, check=check, **more)
    assert result.ok, result.failures
    return site.changed(result)[NODE]


def info(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(site.sh(NODE, "docker info --format '{{json .}}' 2>/dev/null"))
    return found


def must(site: Site, script: str) -> str:
    """What a shell on the node prints; it has to succeed."""
    return site.lab.ssh(NODE, ["sh", "-c", script]).stdout


def daemon(site: Site) -> str:
    return site.sh(NODE, "systemctl show docker.service --property MainPID --value")


def test_a_bare_host_runs_docker_with_its_data_where_it_shall_be(site: Site) -> None:
    predicted = play(site, check=True)
    assert site.sh(NODE, "ls /etc/docker/daemon.json 2>/dev/null") == ""
    assert play(site) == predicted
    found = info(site)
    version = tuple(int(part) for part in found["ServerVersion"].split("+")[0].split(".")[:2])
    assert version >= (20, 10)
    assert (found["DockerRootDir"], found["CgroupDriver"], found["LiveRestoreEnabled"]) == (
        ROOT,
        "cgroupfs",
        True,
    )
    assert found["Driver"] == "overlay2"
    assert play(site) == 0


def test_an_image_comes_from_the_site_registry_by_its_authority_and_account(site: Site) -> None:
    must(site, f"{DOCKER} pull {IMAGE}")
    refused = site.lab.ssh(NODE, ["sh", "-c", f"docker pull {IMAGE}-none"], check=False)
    assert "no basic auth credentials" in refused.stderr
    assert site.sh(NODE, "stat -c %a /var/lib/kubelet/config.json") == "600\n"
    must(site, "mv /etc/docker/certs.d /etc/docker/kept")
    refused = site.lab.ssh(NODE, ["sh", "-c", f"{DOCKER} pull {IMAGE}"], check=False)
    must(site, "mv /etc/docker/kept /etc/docker/certs.d")
    assert "x509" in refused.stderr


def test_a_container_outlives_the_restart_that_a_setting_needs(site: Site) -> None:
    must(site, f"docker run --detach --network none --name mine {IMAGE}")
    by_hand = json.loads(site.sh(NODE, "cat /etc/docker/daemon.json")) | {"labels": ["by=hand"]}
    site.lab.ssh(NODE, ["tee", "/etc/docker/daemon.json"], stdin=json.dumps(by_hand))
    before = daemon(site)
    more = {
        "log": LOG,
        "maxConcurrentDownloads": 7,
        "proxy": {"http": "http://10.183.2.250:3128"},
        "registries": [
            {"name": "10.183.2.251:5000", "insecure": True},
            {"name": "docker.io", "mirrors": ["https://10.183.2.252"]},
        ],
    }
    assert play(site, check=True, **more) == 3
    assert play(site, **more) == 3
    assert daemon(site) != before
    assert site.sh(NODE, "docker inspect --format '{{.State.Running}} {{.RestartCount}}' mine") == "true 0\n"
    found = info(site)
    assert found["Labels"] == ["by=hand"]
    assert found["LoggingDriver"] == "json-file"
    assert found["HttpProxy"] == "http://10.183.2.250:3128"
    assert "10.96.0.0/16" in found["NoProxy"]
    assert found["RegistryConfig"]["Mirrors"] == ["https://10.183.2.252/"]
    assert found["RegistryConfig"]["IndexConfigs"]["10.183.2.251:5000"]["Secure"] is False
    words = site.sh(NODE, "cat /etc/docker/daemon.json")
    assert json.loads(words)["max-concurrent-downloads"] == 7
    assert play(site, **more) == 0


def test_a_log_is_rotated_at_its_size(site: Site) -> None:
    loud = "yes 0123456789012345678901234567890123456789 | head -n 60000"
    must(site, f"docker run --network none --name loud {IMAGE} sh -c '{loud}' >/dev/null")
    path = site.sh(NODE, "docker inspect --format '{{.LogPath}}' loud").strip()
    sizes = [int(size) for size in site.sh(NODE, f"stat -c %s {path}*").split()]
    assert len(sizes) == LOG["maxFiles"]
    assert max(sizes) < 1.1 * (1 << 20)
    must(site, "docker rm loud")


def test_what_is_unset_goes_and_what_is_others_stays(site: Site) -> None:
    play(site, log=LOG)
    found = json.loads(site.sh(NODE, "cat /etc/docker/daemon.json"))
    assert found["labels"] == ["by=hand"]
    assert {"max-concurrent-downloads", "registry-mirrors", "insecure-registries"} & set(found) == set()
    assert info(site)["HttpProxy"] == ""


def test_settings_that_are_no_json_are_not_replaced(site: Site) -> None:
    before = site.sh(NODE, "cat /etc/docker/daemon.json")
    site.lab.ssh(NODE, ["tee", "/etc/docker/daemon.json"], stdin="{broken")
    (failure,) = tried(site, log=LOG).failures
    assert "is not JSON" in failure.message
    assert site.sh(NODE, "cat /etc/docker/daemon.json") == "{broken"
    site.lab.ssh(NODE, ["tee", "/etc/docker/daemon.json"], stdin=before)


def nvidia(site: Site, *, check: bool = False, **settings_of: Any) -> int:
    """NVIDIA's runtime; how many of its tasks changed something."""
    runtime = {**LAB, "dataRoot": ROOT}
    return site.changed(site.play("node_nvidia", check=check, runtime=runtime, nvidia=settings_of))[NODE]


def test_nvidias_runtime_becomes_the_default_and_leaves_when_it_is_unset(site: Site) -> None:
    before = site.sh(NODE, "cat /etc/docker/daemon.json")
    others = json.loads(before) | {"runtimes": {"mine": {"path": "/usr/sbin/runc"}}}
    site.lab.ssh(NODE, ["tee", "/etc/docker/daemon.json"], stdin=json.dumps(others))
    assert nvidia(site, enabled=True, check=True) == 4
    assert nvidia(site, enabled=True) == 4
    assert nvidia(site, enabled=True) == nvidia(site, enabled=True, check=True) == 0
    found = info(site)
    assert found["DefaultRuntime"] == "nvidia"
    assert {"mine", "nvidia", "runc"} <= set(found["Runtimes"])
    assert site.sh(NODE, "docker inspect --format '{{.State.Running}} {{.RestartCount}}' mine") == "true 0\n"
    assert play(site, log=LOG) == 0  # each role keeps its own keys
    assert must(site, f"docker run --rm --network none {IMAGE} sh -c 'echo inside'") == "inside\n"
    ask = f"docker run --rm --network none --env NVIDIA_VISIBLE_DEVICES=%s {IMAGE} sh -c 'echo $SEEN'"
    asked = site.lab.ssh(NODE, ["sh", "-c", ask % "all"], check=False)
    assert "ERROR_LIBRARY_NOT_FOUND" in asked.stderr
    edits = {"env": ["SEEN=it"], "deviceNodes": [{"path": "/dev/null"}]}
    cdi = {
        "cdiVersion": "0.5.0",
        "kind": "nvidia.com/gpu",
        "devices": [{"name": "0", "containerEdits": edits}],
    }
    site.lab.ssh(NODE, ["install", "-D", "/dev/stdin", "/run/cdi/mock.json"], stdin=json.dumps(cdi))
    assert must(site, ask % "nvidia.com/gpu=0") == "it\n"
    site.lab.ssh(NODE, ["rm", "/run/cdi/mock.json"])
    nvidia(site, enabled=False)
    assert info(site)["DefaultRuntime"] == "runc"
    assert json.loads(site.sh(NODE, "cat /etc/docker/daemon.json"))["runtimes"] == others["runtimes"]
    assert nvidia(site, enabled=False) == 0
    site.lab.ssh(NODE, ["tee", "/etc/docker/daemon.json"], stdin=before)


def test_a_data_root_moves_with_its_images_once_nobodys_container_runs(site: Site) -> None:
    before = daemon(site)
    (failure,) = tried(site, dataRoot=NEXT, log=LOG).failures
    assert "no kubelet manages" in failure.message
    assert "mine" in failure.why
    assert daemon(site) == before
    must(site, f"docker rename mine {POD}")
    images = site.sh(NODE, "docker images --no-trunc")
    play(site, dataRoot=NEXT, log=LOG)
    assert info(site)["DockerRootDir"] == NEXT
    assert site.sh(NODE, "docker images --no-trunc") == images
    assert site.sh(NODE, f"docker inspect --format '{{{{.State.Running}}}}' {POD}") == "false\n"
    must(site, f"docker run --rm --network none {IMAGE} sh -c 'exit 0'")
    assert site.sh(NODE, f"ls {ROOT}").split()
    assert play(site, dataRoot=NEXT, log=LOG) == 0


def test_docker_makes_way_for_containerd_and_its_data_stays_until_told(site: Site) -> None:
    root = info(site)["DockerRootDir"]
    again = f"{DOCKER} run --detach --network none --name {POD} {IMAGE}"
    must(site, f"docker start {POD} 2>/dev/null || {again}")
    containerd = {**LAB, "type": "containerd", "dataRoot": "/data/containerd"}
    assert site.changed(site.play("container_runtime", check=True, runtime=containerd))[NODE] == 5
    assert site.changed(site.play("container_runtime", runtime=containerd))[NODE] == 5
    assert site.sh(NODE, "systemctl is-active containerd.service docker.service docker.socket").split() == [
        "active",
        "inactive",
        "inactive",
    ]
    assert (
        site.sh(NODE, "systemctl is-enabled docker.service docker.socket 2>/dev/null")
        == "disabled\ndisabled\n"
    )
    assert "root = '/data/containerd'" in site.sh(NODE, "containerd config dump 2>/dev/null")
    assert site.sh(NODE, "pgrep containerd-shim") == ""
    must(site, f"ctr --namespace k8s.io images pull --hosts-dir /etc/containerd/certs.d {BUSYBOX}")
    old = json.loads(site.sh(NODE, "cat /var/lib/slipway/runtime.json"))["old"]
    assert root in old
    told = {**containerd, "removeOldDataRoot": root}
    assert site.changed(site.play("container_runtime", runtime=told))[NODE] == 1
    assert site.sh(NODE, f"ls {root} 2>/dev/null") == ""


def test_nothing_was_asked_outside(site: Site) -> None:
    assert site.lab.egress().packets == 0


def test_reset_takes_settings_away_and_leaves_those_of_others(site: Site) -> None:
    play(site)
    by_hand = json.loads(site.sh(NODE, "cat /etc/docker/daemon.json")) | {"labels": ["by=hand"]}
    site.lab.ssh(NODE, ["tee", "/etc/docker/daemon.json"], stdin=json.dumps(by_hand))
    hosts = {node.name: connection_variables(SSH(), node.address) for node in site.lab.nodes}
    site.run("reset.yml", hosts)
    assert (
        site.sh(NODE, "cat /etc/docker/daemon.json") == json.dumps({"labels": ["by=hand"]}, indent=2) + "\n"
    )
    gone = "/etc/docker/certs.d /etc/systemd/system/docker.service.d/60-slipway.conf /var/lib/slipway/runtime.json"
    assert site.sh(NODE, f"ls -d {gone} 2>/dev/null") == ""
    assert site.sh(NODE, "systemctl is-active docker.service").strip() == "inactive"
    assert site.sh(NODE, f"ls {ROOT}").split()
    assert site.changed(site.run("reset.yml", hosts)) == {NODE: 0}

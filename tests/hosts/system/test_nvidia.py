"""NVIDIA's runtime on real nodes with a real containerd: bare, a second time, in check mode, in use, unset, reset.

The tests of this file build on each other, in the order written. The toolkit is the real one; cards are not to be
had here: tests/pcitree.py says what stands for them, and tests/gpu is for a machine that has one.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from slipway.api import read
from slipway.model.host.ssh import SSH
from slipway.model.survey import NvidiaDriver
from slipway.planning.labels import gpu_type
from slipway.probe import Fleet, read_hosts
from slipway.runner import connection_variables
from slipway.settings import data_dir
from tests.bare import Site, bare_site
from tests.pcitree import cards, driver

SYSTEMS = ("debian-12", "debian-13")
NAMES = ("node-1", "node-2")
PROGRAMS = "/usr/local/bin"
RUNTIME = f"{PROGRAMS}/nvidia-container-runtime"
BUSYBOX = "docker.io/library/busybox:1.37"
OURS = (
    "/etc/containerd/conf.d/60-nvidia.toml",
    "/etc/nvidia-container-runtime/config.toml",
    "/etc/systemd/system/multi-user.target.wants/slipway-nvidia.service",
    "/etc/systemd/system/slipway-nvidia.service",
)
TOOLKIT = ("nvidia-cdi-hook", "nvidia-container-runtime", "nvidia-ctk")
#: What any lab node needs of its runtime.
LAB: dict[str, Any] = {"cgroupDriver": "cgroupfs", "restrictOOMScoreAdj": True, "limitNOFILE": 20000}
ON: dict[str, Any] = {"runtime": LAB, "nvidia": {"enabled": True}}
NONE = {"node-1": 0, "node-2": 0}
#: As `nvidia-ctk cdi generate` writes it for one card, without its mounts.
CDI = {
    "cdiVersion": "0.5.0",
    "kind": "nvidia.com/gpu",
    "devices": [
        {"name": name, "containerEdits": {"env": [f"SEEN={name}"], "deviceNodes": [{"path": "/dev/null"}]}}
        for name in ("0", "all")
    ],
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    bundle = {
        "programs": ("containerd", "nvidia-container-toolkit"),
        "images": ("registry.k8s.io/pause:3.10.1", BUSYBOX),
    }
    with bare_site(tmp_path_factory.mktemp("gpu"), "gpu", "10.184.0.0/24", SYSTEMS, **bundle) as found:
        yield found


def landed(site: Site, node: str) -> list[str]:
    return site.sh(node, f"ls {' '.join(OURS)} 2>/dev/null").split()


def dumped(site: Site, node: str) -> list[str]:
    """containerd's settings as it understands them, of the matter at hand."""
    keys = "default_runtime_name|BinaryName|SystemdCgroup|runtimes.nvidia"
    shown = site.sh(node, f"{PROGRAMS}/containerd config dump | grep -E '{keys}'")
    return sorted(" ".join(line.replace("'", '"').split()) for line in shown.splitlines())


def ctr(*more: str, name: str = "one", command: str = "echo $SEEN inside") -> list[str]:
    """A container by NVIDIA's runtime, as containerd's own client starts one."""
    runtime = ["--runtime", "io.containerd.runc.v2", "--runc-binary", RUNTIME]
    return ["ctr", "run", "--rm", *runtime, *more, BUSYBOX, name, "sh", "-c", command]


def test_check_mode_on_a_host_with_containerd_predicts_and_changes_nothing(site: Site) -> None:
    site.play("registry")
    site.push()
    site.play("node_prepare", "container_runtime", runtime=LAB)
    assert site.changed(site.play("node_nvidia", check=True, **ON)) == {"node-1": 3, "node-2": 3}
    for node in NAMES:
        assert landed(site, node) == []
        assert not any("nvidia" in line for line in dumped(site, node))


def test_off_is_nothing_to_do(site: Site) -> None:
    assert site.changed(site.play("node_nvidia", runtime=LAB, nvidia={"enabled": False})) == NONE


def test_the_runtime_comes_with_a_restart_of_containerd_alone(site: Site) -> None:
    pids = {node: site.sh(node, "pidof containerd") for node in NAMES}
    assert site.changed(site.play("node_nvidia", **ON)) == {"node-1": 3, "node-2": 3}
    for node in NAMES:
        assert landed(site, node) == sorted(OURS)
        assert site.sh(node, "pidof containerd") != pids[node]
        for program in TOOLKIT:
            assert "version 1.20.1" in site.sh(node, f"{PROGRAMS}/{program} --version")


def test_containerd_has_it_as_the_default(site: Site) -> None:
    for node in NAMES:
        assert dumped(site, node) == sorted(
            [
                f'BinaryName = "{RUNTIME}"',
                'BinaryName = ""',
                "SystemdCgroup = false",
                "SystemdCgroup = false",
                '[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.nvidia]',
                '[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.nvidia.options]',
                'default_runtime_name = "nvidia"',
            ]
        )


@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
def test_second_run_changes_nothing(site: Site, check: bool) -> None:
    result = site.play("node_prepare", "container_runtime", "node_nvidia", check=check, **ON)
    assert site.changed(result) == NONE


def test_a_container_that_asks_for_no_gpu_runs_by_it(site: Site) -> None:
    for node in NAMES:
        pull = ["ctr", "images", "pull", "--hosts-dir", "/etc/containerd/certs.d", BUSYBOX]
        site.lab.ssh(node, pull)
        assert site.lab.ssh(node, ctr()).stdout == "inside\n"


def test_without_a_driver_a_container_that_asks_for_gpus_is_refused(site: Site) -> None:
    """It does not start without them: NVIDIA's images ask for all of them by this variable."""
    for node in NAMES:
        asked = site.lab.ssh(node, ctr("--env", "NVIDIA_VISIBLE_DEVICES=all"), check=False)
        assert asked.returncode != 0
        assert "ERROR_LIBRARY_NOT_FOUND" in asked.stderr, asked.stderr


def test_a_gpu_described_by_cdi_reaches_a_container(site: Site) -> None:
    for node in NAMES:
        site.lab.ssh(node, ["install", "-D", "/dev/stdin", "/run/cdi/mock.json"], stdin=json.dumps(CDI))
        listed = site.sh(node, f"{PROGRAMS}/nvidia-ctk cdi list 2>/dev/null").split()
        assert listed == ["nvidia.com/gpu=0", "nvidia.com/gpu=all"]
        variable = ctr("--env", "NVIDIA_VISIBLE_DEVICES=nvidia.com/gpu=0")
        assert site.lab.ssh(node, variable).stdout == "0 inside\n"
        device = [
            "ctr",
            "run",
            "--rm",
            "--device",
            "nvidia.com/gpu=all",
            BUSYBOX,
            "two",
            "sh",
            "-c",
            "echo $SEEN",
        ]
        assert site.lab.ssh(node, device).stdout == "all\n"
        site.lab.ssh(node, ["rm", "/run/cdi/mock.json"])


def test_without_a_driver_nothing_is_described(site: Site) -> None:
    for node in NAMES:
        assert site.sh(node, "systemctl is-enabled slipway-nvidia.service") == "enabled\n"
        site.lab.ssh(node, ["systemctl", "start", "slipway-nvidia.service"])
        assert site.sh(node, "systemctl is-active slipway-nvidia.service") == "inactive\n"
        assert site.sh(node, "ls /run/cdi/nvidia.yaml 2>/dev/null") == ""


def test_a_driver_that_does_not_answer_fails_with_its_own_words(site: Site) -> None:
    smi = "printf '#!/bin/sh\nexit 0\n' > /usr/bin/nvidia-smi; chmod 755 /usr/bin/nvidia-smi"
    site.lab.ssh("node-2", ["sh", "-c", smi])
    try:
        with driver(site.lab, "node-2"):
            result = site.attempt("install.yml", site.planned("node_nvidia", **ON))
    finally:
        site.lab.ssh("node-2", ["rm", "/usr/bin/nvidia-smi"])
        site.lab.ssh("node-2", ["systemctl", "reset-failed", "slipway-nvidia.service"])
    (failure,) = result.failures
    assert (failure.host, failure.role) == ("node-2", "node_nvidia")
    assert "ERROR_LIBRARY_NOT_FOUND" in failure.why
    assert site.changed(site.play("node_nvidia", **ON)) == NONE


def test_by_choice_pods_ask_for_it(site: Site) -> None:
    chosen = {**ON, "nvidia": {"enabled": True, "defaultRuntime": False, "driver": "operator"}}
    site.play("node_nvidia", **chosen)
    for node in NAMES:
        assert 'default_runtime_name = "runc"' in dumped(site, node)
        assert f'BinaryName = "{RUNTIME}"' in dumped(site, node)
        assert 'root = "/run/nvidia/driver"' in site.sh(node, f"cat {OURS[1]}")
        assert landed(site, node) == [OURS[0], OURS[1]]
    assert site.changed(site.play("node_nvidia", check=True, **chosen)) == NONE


def test_the_sample_site_with_gpus_applies(site: Site) -> None:
    sample = read.load(data_dir() / "inventories" / "gpu" / "cluster.yaml")
    (host,) = (host for host in sample.hosts if host.name == "gpu-02")
    settings = host.settings.model_dump(mode="json", by_alias=True, include={"nvidia", "labels"})
    site.play("node_nvidia", runtime=LAB, **settings)
    for node in NAMES:
        assert landed(site, node) == sorted(OURS)
    assert site.changed(site.play("node_nvidia", **ON)) == NONE


def test_off_again_takes_it_away_and_what_runs_by_it_still_ends(site: Site) -> None:
    site.play("node_nvidia", **ON)
    for node in NAMES:
        detached = ctr(command="sleep 1000", name="long")
        detached.insert(detached.index("--rm"), "--detach")
        detached.remove("--rm")
        site.lab.ssh(node, detached)
    site.play("node_nvidia", runtime=LAB, nvidia={"enabled": False})
    for node in NAMES:
        assert landed(site, node) == []
        assert 'default_runtime_name = "runc"' in dumped(site, node)
        assert not any("nvidia" in line for line in dumped(site, node))
        assert site.sh(node, "ctr task ls -q") == "long\n"
        site.lab.ssh(node, ["ctr", "task", "kill", "--signal", "KILL", "long"])
        site.lab.ssh(node, ["ctr", "task", "delete", "--force", "long"])
        site.lab.ssh(node, ["ctr", "container", "delete", "long"])
    assert site.changed(site.play("node_nvidia", runtime=LAB, nvidia={"enabled": False})) == NONE


def test_the_probe_finds_cards_and_driver_in_its_one_reading(site: Site) -> None:
    configuration = site.configuration(ON)
    fleet_of = Fleet.of(configuration, site.store, site.directory / "known_hosts")
    with cards(site.lab, "node-1"), driver(site.lab, "node-1"), fleet_of as fleet:
        seen = read_hosts(configuration, fleet)
    found = seen["node-1"].survey
    assert found.gpus == ("0000:3b:00.0 10de:20b2", "0000:86:00.0 10de:20b2")
    assert found.nvswitches == ("0000:c1:00.0 10de:1af1",)
    assert found.driver == NvidiaDriver(module="550.54.15", models=("NVIDIA A100-SXM4-80GB",))
    assert gpu_type(found) == "A100"
    assert (seen["node-2"].survey.gpus, seen["node-2"].survey.driver) == ((), NvidiaDriver())


def test_reset_takes_the_toolkit_too(site: Site) -> None:
    site.play("node_nvidia", **ON)
    hosts = {node.name: connection_variables(SSH(), node.address) for node in site.lab.nodes}
    site.run("reset.yml", hosts)
    for node in NAMES:
        assert landed(site, node) == []
        assert site.sh(node, f"ls {PROGRAMS}/nvidia-* 2>/dev/null") == ""
        assert site.sh(node, "systemctl list-units --all --plain --no-legend 'slipway-nvidia*'") == ""
    assert site.changed(site.run("reset.yml", hosts)) == NONE

"""The lab itself, on real nodes: what they are, that nothing leads out of them, and that nothing stays behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from slipway import settings
from slipway.lab import Egress, Lab, LabError, rootfs
from tests.labs import lab_fixture, lab_nodes

NAME, SUBNET = "lab-test", "10.71.0.0/24"
SYSTEMS = ("debian-12", "debian-13")
SLIPWAY = Path(sys.executable).with_name("slipway")
NOTHING = Egress()

lab = lab_fixture(NAME, SUBNET, nodes=2, os=SYSTEMS)

CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1)"
RESOLVE = "import socket, sys; socket.getaddrinfo(sys.argv[1], 443)"


def boots(lab: Lab) -> list[str]:
    """Something of each node that only a new boot changes."""
    return [lab.ssh(node.name, ["cat", "/proc/sys/kernel/random/boot_id"]).stdout for node in lab.nodes]


def traces(ident: str) -> set[str]:
    """All that a lab may leave on this machine."""
    links = {f"link {path.name}" for path in Path("/sys/class/net").iterdir() if ident in path.name}
    groups = {f"cgroup {path}" for path in Path("/sys/fs/cgroup").rglob(f"slipway-lab.{ident}.*")}
    tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    found = {f"table {line}" for line in tables.splitlines() if ident in line}
    found |= {f"mount {line}" for line in mounts if f"/lab/{ident}/" in line}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if ident.encode() in words or f"--machine={ident}".encode() in b" ".join(words):
            found.add(f"process {words}")
    return links | groups | found


@pytest.fixture
def quiet(lab: Lab) -> Iterator[None]:
    """Counters at zero, proven to count."""
    lab.egress_control()
    yield
    lab.egress_control()


def test_boot_asks_nobody(lab: Lab) -> None:
    assert lab.egress() == NOTHING


@pytest.mark.parametrize(("node", "version"), [("node-1", "12"), ("node-2", "13")])
def test_node_is_a_debian_server(lab: Lab, node: str, version: str) -> None:
    release = lab.ssh(node, ["cat", "/etc/os-release"]).stdout
    assert f'VERSION_ID="{version}"' in release
    assert lab.ssh(node, ["uname", "-n"]).stdout.strip() == node
    assert lab.ssh(node, ["systemctl", "is-system-running"]).stdout.strip() == "running"
    assert lab.ssh(node, ["stat", "-c", "%a", "/", "/etc", "/root"]).stdout.split() == ["755", "755", "700"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_rootfs_holds_nothing_that_roles_install(system: str) -> None:
    listed = yaml.safe_load((settings.data_dir() / "offline/packages.yaml").read_text())
    installed = rootfs.packages(rootfs.ensure(system))
    assert {"openssh-server", "python3", "sudo", "systemd"} <= installed
    assert installed & set(listed["packages"]) == set()
    assert installed.isdisjoint({"containerd", "docker.io", "kubelet", "chrony", "nfs-common", "curl", "jq"})


def test_node_carries_what_a_kubelet_needs(lab: Lab) -> None:
    """Writable control groups, shared mounts, an overlay below /var/lib/containerd and /data."""
    for node in lab.nodes:
        for top in ("/var/lib/containerd", "/data"):
            script = (
                f"cd {top} && mkdir -p l u w m && mount -t overlay o -o lowerdir=l,upperdir=u,workdir=w m"
                " && umount m && rmdir l u m && rm -r w"
            )
            lab.ssh(node.name, ["sh", "-c", script])
        top = "pids/" if Path("/sys/fs/cgroup/pids").is_dir() else ""
        lab.ssh(node.name, ["sh", "-c", f"cd /sys/fs/cgroup/{top} && mkdir trial && rmdir trial"])
        assert "shared" in lab.ssh(node.name, ["findmnt", "-no", "PROPAGATION", "/"]).stdout


def test_host_keys_are_pinned_and_the_private_key_is_private(lab: Lab) -> None:
    assert lab.private_key.stat().st_mode & 0o777 == 0o600
    assert lab.known_hosts.read_text().splitlines() == list(lab.host_keys())
    for node, line in zip(lab.nodes, lab.host_keys(), strict=True):
        public = lab.ssh(node.name, ["cat", "/etc/ssh/ssh_host_ed25519_key.pub"]).stdout
        assert line == f"{node.name},{node.address} {' '.join(public.split()[:2])}"


def test_packets_beyond_the_site_are_dropped_and_counted(lab: Lab, quiet: None) -> None:
    for node, target in (("node-1", "203.0.113.7"), ("node-2", "198.51.100.9")):
        assert lab.ssh(node, ["python3", "-c", CONNECT, target, "443"], check=False).returncode != 0
    seen = lab.egress()
    assert set(seen.destinations) == {"203.0.113.7", "198.51.100.9"}
    assert seen.packets == sum(seen.destinations.values()) >= 2


def test_services_of_this_machine_are_no_way_out(lab: Lab, quiet: None) -> None:
    gateway = lab.site.gateway
    with socket.create_server((gateway, 0)) as server:
        port = str(server.getsockname()[1])
        assert lab.ssh("node-1", ["python3", "-c", CONNECT, gateway, port], check=False).returncode != 0
    assert set(lab.egress().destinations) == {gateway}


def test_questions_for_outside_names_are_refused_and_counted(lab: Lab, quiet: None) -> None:
    for name in ("registry.example.com", "node-9", "api.demo.internal"):
        assert lab.ssh("node-2", ["python3", "-c", RESOLVE, name], check=False).returncode != 0
    seen = lab.egress()
    assert set(seen.names) == {"registry.example.com"}
    assert seen.questions == sum(seen.names.values())
    asked = [json.loads(line) for line in lab.site.questions.read_text().splitlines()]
    assert {entry["node"] for entry in asked} == {lab.nodes[1].address}


def test_nodes_reach_each_other_uncounted(lab: Lab, quiet: None) -> None:
    lab.ssh("node-1", ["python3", "-c", CONNECT, lab.nodes[1].address, "22"])
    lab.ssh("node-1", ["ping", "-c1", "-W2", lab.site.gateway])
    assert lab.egress() == NOTHING


def test_up_again_changes_nothing(lab: Lab) -> None:
    before = boots(lab)
    assert lab.up(2, SYSTEMS) == lab.nodes
    assert Lab(NAME).nodes == lab.nodes
    assert boots(lab) == before


def test_up_refuses_what_the_lab_is_not(lab: Lab) -> None:
    with pytest.raises(LabError, match="exists as debian-12"):
        lab.up(2, "debian-13")
    with pytest.raises(LabError, match=r"has subnet 10\.71\.0\.0/24"):
        Lab(NAME, "10.71.9.0/24")
    with pytest.raises(LabError, match="belongs to lab"):
        Lab("other", SUBNET).up(1)
    assert not Lab("other").nodes


def test_reset_gives_an_empty_disk(lab: Lab) -> None:
    files = ["/root/mark", "/data/mark", "/var/lib/containerd/mark", "/var/lib/kubelet/mark"]
    lab.ssh("node-1", ["touch", *files])
    keys = lab.host_keys()
    lab.reset("node-1")
    assert lab.ssh("node-1", ["ls", *files], check=False).stdout == ""
    assert lab.host_keys() == keys
    lab.reset("node-1", new_host_key=True)
    assert lab.host_keys()[0] != keys[0]
    assert lab.host_keys()[1] == keys[1]
    lab.ssh("node-1", ["true"])


def test_reboot_from_inside_comes_back(lab: Lab) -> None:
    before = boots(lab)
    lab.ssh("node-2", ["touch", "/root/mark", "/data/mark"])
    lab.ssh("node-2", ["systemctl", "reboot"], check=False)
    deadline = time.monotonic() + 60
    while boots_or_none(lab) in (None, before):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    lab.wait("node-2")
    after = boots(lab)
    assert (after[0] == before[0], after[1] == before[1]) == (True, False)
    lab.ssh("node-2", ["ls", "/root/mark", "/data/mark"])


def boots_or_none(lab: Lab) -> list[str] | None:
    try:
        return boots(lab)
    except LabError:
        return None


def test_killed_node_keeps_its_disk(lab: Lab) -> None:
    lab.ssh("node-1", ["sh", "-c", "echo kept > /root/kept; sync"])
    lab.kill("node-1")
    assert [node.state for node in lab.status().nodes] == ["stopped", "running"]
    lab.start("node-1")
    assert lab.ssh("node-1", ["cat", "/root/kept"]).stdout == "kept\n"


def test_leftovers_are_found_and_brought_back(lab: Lab) -> None:
    """The lab's own helpers killed: nodes without a supervisor, a site without a resolver."""
    for path in Path("/sys/fs/cgroup").rglob(f"slipway-lab.{lab.site.ident}.*.helper/cgroup.procs"):
        for pid in path.read_text().split():
            os.kill(int(pid), signal.SIGKILL)
    time.sleep(0.2)
    assert {node.state for node in lab.status().nodes} == {"broken"}
    assert not lab.status().resolver
    lab.up(2, SYSTEMS)
    assert {node.state for node in lab.status().nodes} == {"running"}
    lab.egress_control()


def test_command_line(lab: Lab) -> None:
    def slipway(*argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([SLIPWAY, "lab", *argv], capture_output=True, text=True, check=False)

    status = json.loads(slipway("status", "--name", NAME, "-o", "json").stdout)
    assert [node["state"] for node in status["nodes"]] == ["running", "running"]
    assert slipway("ssh", "--name", NAME, "node-1", "exit 7").returncode == 7
    assert slipway("ssh", "--name", NAME, "node-1", "ls", "-d", "/root").stdout == "/root\n"
    assert slipway("up", "--name", NAME, "--nodes", "2", "--os", ",".join(SYSTEMS)).returncode == 0
    control = slipway("egress", "--name", NAME, "--control", "-o", "json")
    assert json.loads(control.stdout)["destinations"] == {"203.0.113.1": 1}
    unknown = slipway("ssh", "--name", NAME, "node-9")
    assert unknown.returncode == 1
    assert "node-1, node-2" in unknown.stderr


def test_a_full_disk_is_said_before_a_node_boots(tmp_path: Path) -> None:
    """A mount of its own stands for the full disk."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", tmp_path], check=True)
    try:
        environment = {**os.environ, "SLIPWAY_CACHE": str(tmp_path)}
        argv = [SLIPWAY, "lab", "up", "--name", "lab-full", "--subnet", "10.71.4.0/24", "--nodes", "1"]
        refused = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        assert refused.returncode == 1
        assert "the disk below the lab is full" in refused.stderr
        assert "64 MiB are free" in refused.stderr
        assert traces("lab-full") == set()
        save = "from slipway.lab import state; state.save(state.Site('lab-full', '10.71.4.0/24'))"
        subprocess.run([sys.executable, "-c", save], env=environment, check=True)  # made while there was room
        status = [SLIPWAY, "lab", "status", "--name", "lab-full"]
        told = subprocess.run(status, env=environment, capture_output=True, text=True, check=True)
        assert "the disk below it is full" in told.stdout
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_two_labs_side_by_side_see_nothing_of_each_other(lab: Lab) -> None:
    with lab_nodes("lab-side", "10.71.1.0/24", nodes=1) as side:
        target = side.nodes[0].address
        lab.egress_control()
        assert lab.ssh("node-1", ["python3", "-c", CONNECT, target, "22"], check=False).returncode != 0
        assert set(lab.egress().destinations) == {target}
    assert traces("lab-side") == set()
    lab.ssh("node-1", ["true"])


@pytest.mark.parametrize("seconds", [0.2, 0.35, 0.5, 0.7, 1.0])
def test_killed_up_leaves_nothing_that_up_or_down_cannot_handle(seconds: float) -> None:
    argv = [SLIPWAY, "lab", "up", "--name", "lab-kill", "--subnet", "10.71.2.0/24", "--nodes", "1"]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        time.sleep(seconds)
        process.kill()
    lab = Lab("lab-kill", "10.71.2.0/24")
    try:
        lab.up(1)
        lab.ssh("node-1", ["true"])
    finally:
        lab.down()
    assert traces("lab-kill") == set()


def test_down_leaves_nothing() -> None:
    with lab_nodes("lab-down", "10.71.3.0/24", nodes=1) as lab:
        assert len(traces("lab-down")) > 5
        directory = lab.site.directory
        assert directory.is_dir()
    assert traces("lab-down") == set()
    assert not directory.exists()
    lab.down()

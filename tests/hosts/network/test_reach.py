"""Hosts behind a bastion and hosts that take a password, reached by the probe, by a run and by plain Ansible."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.api import read
from slipway.lab import Lab
from slipway.model.configuration import Configuration
from slipway.probe import read_hosts
from slipway.probe.access import HostError
from slipway.probe.fleet import Fleet
from slipway.runner import RunnerResult, connection_variables, run
from slipway.secrets import SecretStore
from slipway.settings import Workspace, bastion_keys, data_dir, interpreter_bin
from tests.labs import lab_fixture

lab = lab_fixture("netreach", "10.185.1.0/24", nodes=2, os=("debian-12", "debian-13"))

LOGIN, SUDO = "login horse battery", "sudo horse battery"
#: The target's second port, which it closes to everybody but the bastion, and the bastion's own.
TARGET_PORT, BASTION_PORT = 2222, 2200
PLAY = """
- name: Over SSH
  hosts: all
  gather_facts: false
  tasks:
    - name: Who am I
      ansible.builtin.command: id -un
      register: me
      changed_when: false
      failed_when: me.stdout != "root"
"""


@pytest.fixture(scope="module", autouse=True)
def users(lab: Lab, key: Path) -> None:
    """node-1, the target: ops with passwords only. node-2, the bastion: jump with a key of its own, no shell."""
    target, bastion = lab.nodes
    for node, port in ((target, TARGET_PORT), (bastion, BASTION_PORT)):
        ports = f"Port 22\nPort {port}\nPasswordAuthentication yes\n"
        lab.ssh(node.name, ["tee", "/etc/ssh/sshd_config.d/10-test.conf"], stdin=ports)
        lab.ssh(node.name, ["systemctl", "restart", "ssh"])
    lab.ssh(target.name, ["useradd", "--create-home", "--shell", "/bin/bash", "ops"])
    lab.ssh(target.name, ["chpasswd"], stdin=f"ops:{LOGIN}\n")
    rule = "ops ALL=(ALL) ALL\n"
    lab.ssh(target.name, ["install", "-m", "440", "/dev/stdin", "/etc/sudoers.d/ops"], stdin=rule)
    lab.ssh(bastion.name, ["useradd", "--create-home", "--shell", "/usr/sbin/nologin", "jump"])
    public = key.with_suffix(".pub").read_text()
    authorized = ["install", "-D", "-o", "jump", "/dev/stdin", "/home/jump/.ssh/authorized_keys"]
    lab.ssh(bastion.name, authorized, stdin=public)
    closed = f"tcp dport {TARGET_PORT} ip saddr != {bastion.address} reject with tcp reset"
    chain = "chain inet test input { type filter hook input priority 0; }"
    lab.ssh(
        target.name,
        ["nft", "-f", "-"],
        stdin=f"""table inet test
add {chain}
add rule inet test input {closed}
""",
    )


@pytest.fixture(scope="module", name="key")
def bastion_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "jump"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


def fleet_of(site: "Site", configuration: Configuration) -> Fleet:
    """With somebody who is shown the keys that are met."""
    return Fleet.of(configuration, site.store, site.known_hosts, on_first_contact=lambda _key: None)


class Site:
    """A directory with cluster.yaml and secrets, as an administrator has it."""

    def __init__(self, lab: Lab, directory: Path, key: Path) -> None:
        self.lab, self.file = lab, directory / "cluster.yaml"
        self.workspace = Workspace(self.file, "t")
        self.store = SecretStore(self.workspace.secrets)
        self.store.write("ssh/id_ed25519", lab.private_key.read_bytes())
        self.store.write("jump/key", key.read_bytes())
        self.store.write("ops/login", f"{LOGIN}\n".encode())  # as an editor or echo leaves it
        self.store.write("ops/sudo", f"{LOGIN}\n".encode())

    def write(self, **ssh: Any) -> Configuration:
        """cluster.yaml with the target as its only host."""
        node = self.lab.nodes[0]
        spec = {
            "kubernetes": {"version": "v1.35.4", "endpoint": {"address": "api.test.internal"}},
            "hosts": {
                "ssh": ssh,
                "items": [{"name": node.name, "address": node.address, "roles": ["control-plane"]}],
            },
        }
        kind = {"apiVersion": "installer.slipway.dev/v1alpha1", "kind": "ClusterConfiguration"}
        document = {**kind, "metadata": {"name": "t", "namespace": "slipway-system"}, "spec": spec}
        self.file.write_text(yaml.safe_dump(document, sort_keys=False))
        return read.load(self.file)

    @property
    def known_hosts(self) -> Path:
        return self.workspace.known_hosts

    def probe(self, script: str = "id -un") -> str:
        """What a script says that the probe runs."""
        configuration = read.load(self.file)
        with fleet_of(self, configuration) as fleet:
            _, out, _ = fleet.sessions["node-1"].run(script)
        return out.decode().strip()

    def refusal(self) -> HostError:
        with pytest.raises(HostError) as caught:
            self.probe()
        return caught.value

    def play(self) -> RunnerResult:
        """The playbook as the engine runs one."""
        configuration = read.load(self.file)
        assert configuration.spec.hosts
        playbook = self.file.with_name("play.yml")
        playbook.write_text(PLAY)
        host = configuration.hosts[0]
        variables = connection_variables(configuration.spec.hosts.ssh, host.address, self.known_hosts)
        return run(
            playbook,
            hosts={host.name: variables},
            directory=self.workspace.state / "runs",
            secrets=lambda reference: self.store.read(reference).decode(),
            known_hosts=self.known_hosts,
        )

    def plain(self) -> subprocess.CompletedProcess[str]:
        """ansible over the inventory plugin."""
        home = self.file.with_name("home")
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(data_dir() / "ansible.cfg"),
            "ANSIBLE_HOME": str(home),
        }
        argv = [interpreter_bin() / "ansible", "-i", self.file, "all", "-m", "command", "-a", "id -un"]
        return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def site(lab: Lab, tmp_path: Path, key: Path) -> Site:
    return Site(lab, tmp_path, key)


OPS = {
    "user": "ops",
    "port": TARGET_PORT,
    "passwordRef": {"name": "ops", "key": "login"},
    "become": {"secretRef": {"name": "ops", "key": "sudo"}},
}


def behind(lab: Lab, **bastion: Any) -> dict[str, Any]:
    own = {"user": "jump", "port": BASTION_PORT, "secretRef": {"name": "jump", "key": "key"}}
    return {"bastion": {"address": lab.nodes[1].address, **own, **bastion}}


@contextmanager
def command_lines() -> Iterator[set[bytes]]:
    """Every command line and environment of a process of ours that is seen while the block runs."""
    seen: set[bytes] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            for entry in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        seen.add((entry / name).read_bytes())
                    except OSError:
                        continue

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def test_a_password_through_a_bastion_by_every_way_and_nowhere_to_be_read(site: Site, lab: Lab) -> None:
    site.write(**OPS, **behind(lab))
    with command_lines() as seen:
        assert site.probe() == "root"
        result = site.play()
        assert result.ok, result.failures
        done = site.plain()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "root" in done.stdout.splitlines()
    assert any(b"ProxyCommand=ssh" in line for line in seen)
    assert not [line for line in seen if LOGIN.encode() in line]
    written = [path for path in site.file.parent.rglob("*") if path.is_file()]
    assert result.log in written
    holders = {path.parent.name for path in written if LOGIN.encode() in path.read_bytes()}
    assert holders == {"ops"}
    # Both files of keys were written on first contact, each with its own machine.
    assert site.known_hosts.read_text().startswith(f"[{lab.nodes[0].address}]:{TARGET_PORT} ")
    assert bastion_keys(site.known_hosts).read_text().startswith(f"[{lab.nodes[1].address}]:{BASTION_PORT} ")


def test_the_host_tells_from_where_it_is_reached_by_sudo_too(site: Site, lab: Lab) -> None:
    configuration = site.write(**OPS, **behind(lab))
    with fleet_of(site, configuration) as fleet:
        assert read_hosts(configuration, fleet)["node-1"].survey.peer == lab.nodes[1].address


def test_the_target_is_closed_to_all_but_the_bastion(site: Site) -> None:
    site.write(**OPS)
    assert site.refusal().code == "unreachable"
    assert not site.play().ok


def test_root_by_key_through_a_bastion_at_first_contact_in_plain_ansible(site: Site, lab: Lab) -> None:
    site.write(port=TARGET_PORT, **behind(lab))
    done = site.plain()
    assert done.returncode == 0, done.stdout + done.stderr
    assert site.probe() == "root"  # by the keys that Ansible has recorded


def test_a_wrong_password_is_told_in_a_few_lines(site: Site, lab: Lab) -> None:
    site.store.write("ops/login", b"wrong horse battery")
    site.write(**OPS, **behind(lab))
    error = site.refusal()
    assert (error.code, error.what) == ("auth", "the password is not accepted")
    assert "spec.hosts.ssh.passwordRef" in error.hint
    assert len(str(error).splitlines()) == 3
    (failure,) = site.play().failures
    assert failure.unreachable
    assert "password" in failure.message
    assert "wrong horse" not in str(error) + str(failure)


def test_a_wrong_sudo_password_is_told_in_a_few_lines(site: Site, lab: Lab) -> None:
    site.store.write("ops/sudo", SUDO.encode())
    site.write(**OPS, **behind(lab))
    error = site.refusal()
    assert (error.code, error.what) == ("sudo", "ops cannot become root")
    assert not site.play().ok


def test_a_bastion_that_shows_another_key_is_refused_by_both_ways(site: Site, lab: Lab) -> None:
    right = next(line for line in lab.host_keys() if "node-2" in line).split()[1:]
    wrong = next(line for line in lab.host_keys() if "node-1" in line).split()[1:]
    label = f"[{lab.nodes[1].address}]:{BASTION_PORT}"
    site.write(**OPS, **behind(lab, hostKeys=[" ".join([label, *right])]))
    assert site.probe() == "root"
    site.write(**OPS, **behind(lab, hostKeys=[" ".join([label, *wrong])]))
    error = site.refusal()
    assert error.code == "host-key"
    assert error.what == f"the bastion {lab.nodes[1].address}:{BASTION_PORT}: its host key has changed"
    assert "spec.hosts.ssh.bastion.hostKeys" in error.hint
    assert len(str(error).splitlines()) == 3
    (failure,) = site.play().failures  # in OpenSSH's own words, which say less: the probe is asked first
    assert failure.unreachable


def test_a_bastion_that_is_down_or_takes_no_key_is_named(site: Site, lab: Lab) -> None:
    site.write(**OPS, **behind(lab, port=2299))
    error = site.refusal()
    assert error.code == "unreachable"
    assert f"the bastion {lab.nodes[1].address}:2299" in error.what
    site.write(**OPS, **behind(lab, user="nobody"))
    error = site.refusal()
    assert (error.code, "spec.hosts.ssh.bastion" in error.hint) == ("auth", True)
    site.write(**{**OPS, "port": 2299}, **behind(lab))
    error = site.refusal()
    assert error.what == f"the bastion {lab.nodes[1].address} does not get to it"
    shutil.rmtree(site.workspace.state)

"""Hosts prepared by a playbook written by hand (bench_hosts.yml), and hosts read over SSH, up to a hundred."""

import shutil
import time
from pathlib import Path
from typing import Any

from bench_site import BenchError, Figure, Site, say, timed, unpack

from slipway import yamltext
from slipway.api import read
from slipway.bundle.ground.archive import file_digest
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.packages import build_repository
from slipway.catalog import versions
from slipway.model.bundle import ArtifactKind
from slipway.model.configuration import Configuration
from slipway.probe.fleet import Fleet
from slipway.probe.hosts import read_hosts
from slipway.secrets import SecretStore
from slipway.settings import data_dir, interpreter_bin

PLAYBOOK = Path(__file__).with_suffix(".yml")
PORT = 8000
PROGRAMS = ("kubeadm", "kubelet", "kubectl")
ARCHIVES = {
    "containerd": ("/usr/local", "/usr/local/bin/containerd"),
    "cni-plugins": ("/opt/cni/bin", "/opt/cni/bin/bridge"),
}
#: Ansible's module for packages needs it, and a bare node has none.
BINDINGS = "python3-apt"

#: Numbers of SSH servers that are read at once.
FLEETS = (1, 10, 50, 100)
FIRST = 100
SSH_PORT = 2222
#: Answers as the node itself did when it was asked first: what a hundred servers would do for themselves, one cannot.
ANSWER = """#!/bin/sh
[ -s /root/bench/answer ] || { sh -c "$SSH_ORIGINAL_COMMAND" >/root/bench/answer; }
cat >/dev/null
exec cat /root/bench/answer
"""
SSHD = f"""
Port {SSH_PORT}
HostKey /etc/ssh/ssh_host_ed25519_key
ForceCommand /root/bench/answer.sh
MaxStartups 200:30:400
PidFile none
UsePAM no
"""


class ByHand:
    """The playbook on fresh nodes: the first time, and again with nothing to do."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.cold: list[float] = []
        self.again: list[float] = []

    def measure(self, repeat: int) -> None:
        """Nodes are fresh; what it fetches is on a web server of the site's before the clock starts."""
        say("hosts: playbook by hand")
        self.site.fresh()
        names = self._serve()
        inventory = self._inventory(names)
        self.cold.append(timed(lambda: self._play(inventory)))
        for _ in range(repeat):
            self.again.append(timed(lambda: self._play(inventory, idle=True)))

    def _play(self, inventory: Path, *, idle: bool = False) -> None:
        plain = {"ANSIBLE_HOME": str(self.site.directory / "ansible")}  # no settings: those of Ansible itself
        said = self.site.run(interpreter_bin() / "ansible-playbook", "-i", inventory, PLAYBOOK, env=plain)
        if idle and said.count("changed=0 ") != len(self.site.lab.nodes):
            raise BenchError(f"the playbook changed something again:\n{said[-2000:]}")

    def _inventory(self, files: dict[str, str]) -> Path:
        """Hosts and variables, in YAML."""
        site, first = self.site, self.site.lab.nodes[0].address
        images = [a for a in site.source.manifest().artifacts if a.kind is ArtifactKind.IMAGE]
        defaults = yamltext.load((data_dir() / "roles/node_prepare/defaults/main.yml").read_text("utf-8"))
        variables = {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(site.lab.private_key),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={site.lab.known_hosts}",
            "mirror": f"http://{first}:{PORT}",
            "registry": f"{first}:5000",
            "names": [f"{first} api.bench.internal registry.bench.internal"],
            "packages": defaults["node_prepare_base_packages"],
            "sysctl": defaults["node_prepare_base_sysctl"],
            "pause": next(image.reference for image in images if image.name.endswith("/pause")),
            "mirrors": sorted({image.name.partition("/")[0] for image in images}),
            "programs": [{"name": name, "checksum": f"sha256:{files[name]}"} for name in PROGRAMS],
            "archives": [
                {"name": name, "dest": dest, "creates": creates} for name, (dest, creates) in ARCHIVES.items()
            ],
        }
        hosts = {node.name: {"ansible_host": node.address} for node in site.lab.nodes}
        path = site.directory / "by-hand.yml"
        path.write_text(yamltext.dump({"all": {"hosts": hosts, "vars": variables}}), encoding="utf-8")
        return path

    def _serve(self) -> dict[str, str]:
        """Everything on the first node's web server; program -> its SHA-256."""
        site, folder = self.site, self.site.directory / "mirror"
        (folder / "packages").mkdir(parents=True)
        for name in (*PROGRAMS, *ARCHIVES):
            shutil.copy(site.path(ArtifactKind.BINARY, name), folder / name)
        pins = versions.load().packages
        tar, _ = build_repository(pins, "debian-12", Workshop(lambda _text: None), [BINDINGS])
        unpack(tar, folder / "packages")
        site.send(folder, "/srv/mirror", site.lab.nodes[:1])
        first = site.lab.nodes[0]
        serve = [
            "python3",
            "-m",
            "http.server",
            "--directory",
            "/srv/mirror",
            "--bind",
            first.address,
            str(PORT),
        ]
        site.lab.ssh(first.name, ["systemd-run", "--quiet", "--unit=bench-mirror", *serve])
        site.lab.ssh(
            first.name, ["bash", "-c", f"until (</dev/tcp/{first.address}/{PORT}) 2>&-; do sleep 0.1; done"]
        )
        source = f"echo 'deb [trusted=yes] http://{first.address}:{PORT}/packages ./' >/etc/apt/sources.list"
        install = f"apt-get -qq update && apt-get -qq install -y {BINDINGS} >/dev/null 2>&1"
        for node in site.lab.nodes:
            script = f"rm -f /etc/apt/sources.list.d/*; {source}; {install}"
            site.lab.ssh(node.name, ["sh", "-c", script])
        digests = {name: file_digest(folder / name).removeprefix("sha256:") for name in PROGRAMS}
        shutil.rmtree(folder)
        return digests


def probes(site: Site, repeat: int) -> dict[str, Figure]:
    """Seconds to read hosts that answer over real SSH; and the probe's own script, once, on a node."""
    say("hosts: read 1 to 100 over SSH")
    first = _servers(site)
    figures = {}
    for number in FLEETS:
        configuration = _fleet(first, number)
        _read(site, configuration)  # the first contact writes down host keys, the first of all asks the node
        seconds = tuple(_read(site, configuration) for _ in range(repeat))
        figures[f"probe_{number}"] = Figure(seconds)
    script = [_read(site, _fleet(site.lab.nodes[0].address, 1, port=22)) for _ in range(repeat)]
    return {**figures, "probe_node": Figure(tuple(script))}


def _servers(site: Site) -> str:
    """A node's sshd at a hundred addresses, which answers as a host does; the first address."""
    node = site.lab.nodes[0]
    network = node.address.rpartition(".")[0]
    folder = site.directory / "bench"
    folder.mkdir()
    (folder / "answer.sh").write_text(ANSWER, encoding="utf-8")
    (folder / "answer.sh").chmod(0o755)
    (folder / "sshd_config").write_text(SSHD, encoding="utf-8")
    site.send(folder, "/root/bench", [node])
    shutil.rmtree(folder)
    numbers = f"$(seq {FIRST} {FIRST + max(FLEETS) - 1})"
    device = "$(ip -o route get 192.0.2.1 | sed 's/.* dev \\([^ ]*\\).*/\\1/')"
    add = f"for n in {numbers}; do ip address add {network}.$n/32 dev {device}; done"
    start = "systemd-run --quiet --unit=bench-sshd /usr/sbin/sshd -D -f /root/bench/sshd_config"
    wait = f"until (</dev/tcp/{network}.{FIRST}/{SSH_PORT}) 2>&-; do sleep 0.1; done"
    site.lab.ssh(node.name, ["bash", "-c", f"{add}; {start}; {wait}"])
    return f"{network}.{FIRST}"


def _fleet(first: str, number: int, port: int = SSH_PORT) -> Configuration:
    """A ClusterConfiguration of as many hosts, at addresses one after the other."""
    network, _, start = first.rpartition(".")
    items = [
        {
            "name": f"host-{n}",
            "address": f"{network}.{int(start) + n}",
            "roles": ["worker" if n else "control-plane"],
        }
        for n in range(number)
    ]
    spec = {
        "kubernetes": {"version": "v1.35.4", "endpoint": {"address": "api.bench.internal"}},
        "hosts": {"ssh": {"port": port}, "items": items},
    }
    kind = {"apiVersion": "installer.slipway.dev/v1alpha1", "kind": "ClusterConfiguration"}
    return read.parse({**kind, "metadata": {"name": "bench", "namespace": "slipway-system"}, "spec": spec})


def _read(site: Site, configuration: Configuration) -> float:
    """Seconds to connect to all hosts and to read them."""
    secrets = SecretStore(site.directory / "secrets")
    started = time.monotonic()
    known = site.directory / "probe_known_hosts"
    with Fleet.of(configuration, secrets, known, on_first_contact=lambda _key: None) as fleet:
        seen = read_hosts(configuration, fleet)
        seconds = time.monotonic() - started
    if bad := [host.error for host in seen.values() if not host.reachable]:
        raise BenchError(f"{len(bad)} of {len(seen)} hosts could not be read: {bad[0]}")
    return seconds


def roles(journal: list[dict[str, Any]]) -> dict[str, Any]:
    """What the roles of an install took: per role the hosts, the tasks and the seconds of one host (medians)."""
    begun: dict[str, float] = {}
    tasks: dict[str, int] = {}
    found: dict[str, list[tuple[float, int]]] = {}
    for event in journal:
        step = event["step"]
        if not step.startswith("host/"):
            continue
        if event["kind"] == "step-started":
            begun[step] = event["time"]
        elif event["kind"] == "task":
            tasks[step] = tasks.get(step, 0) + 1
        elif event["kind"] == "step-finished":
            role = step.rpartition("/")[2]
            found.setdefault(role, []).append((event["time"] - begun[step], tasks.get(step, 0)))
    return {
        role: {
            "hosts": len(values),
            "tasks": max(count for _, count in values),
            **Figure(tuple(seconds for seconds, _ in values)).as_dict(),
        }
        for role, values in found.items()
    }

"""A site on lab nodes, driven as an administrator without the engine would: ansible-playbook and a bundle push."""

import hashlib
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from slipway import catalog
from slipway.bundle.make.build import build_bundle
from slipway.bundle.registry.client import RegistryClient
from slipway.bundle.site.push import PushReceipt, push
from slipway.lab import Lab
from slipway.settings import cache_dir, data_dir, interpreter_bin
from tests.e2e.sites import BUILT

KUBERNETES = "v1.35.4"
REGISTRY = "registry.slipway.internal"


def bundle(packages: Iterable[str] = ()) -> Path:
    """A bundle for both systems, this checkout's own; its parts come from the cache after the first time.

    `packages` are further ones, for hosts that need them.
    """
    checkout = hashlib.sha256(str(data_dir()).encode()).hexdigest()[:8]
    out = cache_dir() / f"test-bundle-{checkout}"
    release = catalog.load()
    build_bundle(
        release.versions,
        release,
        out,
        kubernetes=(KUBERNETES,),
        modules=BUILT,
        systems=("debian-12", "debian-13"),
        packages=packages,
        progress=lambda _text: None,
    )
    return out


@dataclass(frozen=True, slots=True)
class Played:
    """What a playbook run did: tasks changed per host, and everything it printed."""

    rc: int
    changed: dict[str, int]
    output: str


@dataclass(frozen=True, slots=True)
class Site:
    """One control plane, the other nodes workers."""

    lab: Lab
    directory: Path
    bundle: Path

    @property
    def file(self) -> Path:
        """cluster.yaml."""
        return self.directory / "cluster.yaml"

    def write(self, spec: Mapping[str, object] | None = None, **kubernetes: object) -> None:
        """cluster.yaml and what belongs to it, with more fields for the spec and for spec.kubernetes."""
        first = self.lab.nodes[0].name
        items = [
            {
                "name": node.name,
                "address": node.address,
                "roles": ["control-plane" if node.name == first else "worker"],
            }
            for node in self.lab.nodes
        ]
        whole = {
            "kubernetes": {
                "version": KUBERNETES,
                "endpoint": {"address": "api.test.internal"},
                "kubelet": {"extraConfig": {"failCgroupV1": False}},
                "kubeProxy": {
                    "mode": "nftables",
                    "extraConfig": {"conntrack": {"maxPerCore": 0, "min": 0}},
                },
                "ignorePreflightErrors": ["SystemVerification"],
                **kubernetes,
            },
            "hosts": {
                "defaults": {
                    "runtime": {
                        "cgroupDriver": "cgroupfs",
                        "restrictOOMScoreAdj": True,
                        "limitNOFILE": 20000,
                    }
                },
                "items": items,
            },
            **(spec or {}),
        }
        document = {
            "apiVersion": "installer.slipway.dev/v1alpha1",
            "kind": "ClusterConfiguration",
            "metadata": {"name": "test", "namespace": "slipway-system"},
            "spec": whole,
        }
        self.file.write_text(yaml.safe_dump(document, sort_keys=False))
        key = self.directory / "secrets/ssh/id_ed25519"
        key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        key.parent.parent.chmod(0o700)
        shutil.copy(self.lab.private_key, key)
        key.chmod(0o600)
        known_hosts = self.directory / ".slipway/test/known_hosts"
        known_hosts.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        known_hosts.write_text("".join(f"{line}\n" for line in self.lab.host_keys()))

    def play(self, playbook: str, *options: str) -> Played:
        """ansible-playbook over the inventory plugin."""
        with self.start(playbook, *options) as process:
            return self.played(process)

    def start(self, playbook: str, *options: str) -> "subprocess.Popen[str]":
        """The same, not waited for: its output comes line by line."""
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(data_dir() / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.directory / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "SLIPWAY_BUNDLE": str(self.bundle),
        }
        environment.pop("SLIPWAY_STATE", None)
        path = data_dir() / "playbooks" / playbook
        argv: list[str | Path] = [
            interpreter_bin() / "ansible-playbook",
            "-vv",
            "-i",
            self.file,
            *options,
            path,
        ]
        return subprocess.Popen(
            argv,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=data_dir(),
            bufsize=1,
        )

    def played(self, process: "subprocess.Popen[str]", before: str = "") -> Played:
        """What a run did, once it has ended; `before` is what was read of its output already."""
        assert process.stdout
        limit = threading.Timer(900, process.kill)
        limit.start()
        output = before + process.stdout.read()
        process.wait()
        limit.cancel()
        counts = re.findall(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)", output, re.MULTILINE)
        return Played(process.returncode, {host: int(count) for host, count in counts}, output)

    def client(self, account: str, port: int) -> RegistryClient:
        """The site registry as one of its two accounts."""
        secrets = self.directory / "secrets/slipway-registry"
        user, _, password = (secrets / account).read_text().strip().partition(":")
        url = f"https://{REGISTRY}:{port}"
        return RegistryClient(url, secrets / "ca.crt", user, password, self.lab.nodes[0].address)

    def push(self) -> PushReceipt:
        """The bundle into the site registry."""
        return push(self.bundle, self.client("push", 5001))

    def install(self) -> Played:
        """Registry, push, all else."""
        first = self.play("install.yml", "--tags", "registry")
        assert first.rc == 0, first.output[-3000:]
        self.push()
        return self.play("install.yml", "--skip-tags", "registry")

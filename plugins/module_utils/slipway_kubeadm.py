"""Membership of a host in a Kubernetes cluster through kubeadm, decided by facts on the host.

`member.json` says that init or join ended well; `started.json` that Slipway began one. A host with remnants
and no `started.json` is somebody else's node and is left alone. Used by the module slipway_kubeadm.
"""

from __future__ import annotations

import base64
import contextlib
import glob
import hashlib
import json
import os
import secrets
import subprocess
import time
from typing import Any

from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import (
    must,
    now,
    read_json,
    read_text,
    run,
    tail,
    write_json,
)
from ansible.module_utils.slipway_paths import dress, make_directory, remove_tree, unlink, write_atomic

KUBERNETES = "/etc/kubernetes"
DIRECTORY = f"{KUBERNETES}/slipway"
MEMBER = f"{DIRECTORY}/member.json"
STARTED = f"{DIRECTORY}/started.json"
CONFIG = f"{DIRECTORY}/kubeadm.yaml"
JOIN = f"{DIRECTORY}/join.yaml"
ADMIN = f"{KUBERNETES}/admin.conf"
KUBELET = f"{KUBERNETES}/kubelet.conf"
KUBELET_CONFIG = "/var/lib/kubelet/config.yaml"
MANIFESTS = f"{KUBERNETES}/manifests"
ETCD_DATA = "/var/lib/etcd"
#: kubeadm outlives a controller that was killed: whoever comes next waits for it.
LOCK = "/var/lib/slipway/.kubeadm.lock"
LOCK_SECONDS = 900
#: Images are pulled meanwhile.
KUBEADM_SECONDS = 900
CONTAINERD, CRI_DOCKERD = "/run/containerd/containerd.sock", "/run/cri-dockerd.sock"
#: Checks that must fail when an init goes on where it was killed.
CONTINUED = (
    "DirAvailable--var-lib-etcd,FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml,"
    "FileAvailable--etc-kubernetes-manifests-kube-controller-manager.yaml,"
    "FileAvailable--etc-kubernetes-manifests-kube-scheduler.yaml,"
    "FileAvailable--etc-kubernetes-manifests-etcd.yaml,"
    "Port-6443,Port-10250,Port-10257,Port-10259,Port-2379,Port-2380"
)


class Node:
    """This host as a member, or as one to be."""

    def __init__(self, name: str, address: str, port: int) -> None:
        self.name = name
        self.server = f"https://{address}:{port}"
        self.port = port

    def kubectl(
        self, *argv: str, stdin: str | None = None, kubeconfig: str = ADMIN
    ) -> subprocess.CompletedProcess[str]:
        """kubectl against this host's own API server, or whichever the kubelet uses."""
        server = ["--server", self.server] if kubeconfig == ADMIN else []
        base = ["kubectl", "--kubeconfig", kubeconfig, *server, "--request-timeout", "10s"]
        return run([*base, *argv], timeout=30, stdin=stdin)

    def healthy(self, seconds: float = 0) -> bool:
        """Whether this host's API server is ready, now or within some seconds."""
        deadline = time.monotonic() + seconds
        while True:
            if os.path.exists(ADMIN) and self.kubectl("get", "--raw", "/readyz").stdout.strip() == "ok":
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(1)

    def registered(self, seconds: float = 0) -> bool:
        """Whether the kubelet's Node exists."""
        deadline = time.monotonic() + seconds
        while True:
            if os.path.exists(KUBELET):
                found = self.kubectl("get", "node", self.name, "--output", "name", kubeconfig=KUBELET)
                if found.returncode == 0:
                    return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(1)

    def initialize(self, config: str) -> None:
        """kubeadm init, from whatever an earlier try left."""
        extra = []
        if remnants():
            refuse_foreign()
            if self.healthy(seconds=30 if os.path.exists(f"{MANIFESTS}/kube-apiserver.yaml") else 0):
                extra = ["--ignore-preflight-errors", CONTINUED.replace("6443", str(self.port))]
            else:
                reset()
        start(config)
        kubeadm(
            "init",
            "--config",
            CONFIG,
            "--skip-token-print",
            "--skip-certificate-key-print",
            "--skip-phases",
            "show-join-command",
            *extra,
        )
        if not self.registered(seconds=60):
            raise HostError(f"kubeadm init ended, but node {self.name} does not exist", why=kubelet_words())
        become_member(config)

    def join(self, config: str, cluster_config: str) -> None:
        """kubeadm join; a worker whose Node exists has joined already, all else is begun anew.

        `cluster_config` is what a control plane is compared with later; a worker has none.
        """
        if remnants():
            refuse_foreign()
            if cluster_config or not self.registered():
                reset()
        if not os.path.exists(KUBELET):
            start(cluster_config)
            write_atomic(JOIN, config, mode=0o600)
            try:
                kubeadm("join", "--config", JOIN)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    unlink(JOIN)
        if not self.registered(seconds=120):
            raise HostError(f"kubeadm join ended, but node {self.name} does not exist", why=kubelet_words())
        become_member(cluster_config)

    def credentials(self, cluster: dict[str, Any], *, control_plane: bool) -> dict[str, str]:
        """What another host needs to join: a token for some minutes and, for a control plane, the certificates' key.

        Both are born here and travel through 0600 files and standard input only.
        """
        token_id, token_secret = secrets.token_hex(3), secrets.token_hex(8)
        expiration = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1800))
        made = self.kubectl("create", "-f", "-", stdin=json.dumps(token(token_id, token_secret, expiration)))
        if made.returncode:
            raise HostError("no join token could be made", why=tail(made.stderr))
        found = {"token": f"{token_id}.{token_secret}", "ca_hash": f"sha256:{public_key_hash()}"}
        if control_plane:
            found["certificate_key"] = secrets.token_hex(32)
            self.upload_certificates(cluster, found["certificate_key"])
        return found

    def upload_certificates(self, cluster: dict[str, Any], key: str) -> None:
        """The cluster's certificates, encrypted under the key, into a Secret that lives two hours."""
        own = {"apiVersion": cluster["apiVersion"], "kind": "InitConfiguration", "certificateKey": key}
        path = f"{DIRECTORY}/upload.yaml"
        write_atomic(path, "\n---\n".join(json.dumps(part) for part in (own, cluster)), mode=0o600)
        try:
            kubeadm(
                "init",
                "phase",
                "upload-certs",
                "--upload-certs",
                "--config",
                path,
                "--skip-certificate-key-print",
            )
        finally:
            unlink(path)


def kubeadm(*argv: str, environment: dict[str, str] | None = None) -> str:
    """Run kubeadm; on failure its own words, and the kubelet's where it waited for that."""
    done = run(["kubeadm", *argv], timeout=KUBEADM_SECONDS, environment=environment)
    if done.returncode:
        words = done.stderr or done.stdout
        waited = "kubelet" in words or "timed out" in words or "deadline" in words
        raise HostError(
            f"kubeadm {argv[0]} failed",
            why=tail(f"{kubelet_words() if waited else ''}\n{tail(words)}", 40),
            retryable=waited,
        )
    return done.stdout


def kubelet_words() -> str:
    """What the kubelet and the control plane's containers said last."""
    journal = run(["journalctl", "--unit", "kubelet", "--lines", "5", "--no-pager", "--output", "cat"]).stdout
    logs = sorted(glob.glob("/var/log/pods/kube-system_kube-*/*/*.log"), key=os.path.getmtime)[-2:]
    return "\n".join([tail(journal, 5), *(tail(read_text(path) or "", 2) for path in logs)])


def remnants() -> bool:
    """Whether a node, or half of one, is here."""
    manifests = glob.glob(f"{MANIFESTS}/*.yaml")
    return bool(manifests) or any(
        os.path.exists(path) for path in (ADMIN, KUBELET, f"{KUBERNETES}/pki/ca.crt")
    )


def refuse_foreign() -> None:
    """Never touch a node that Slipway did not begin."""
    if not os.path.exists(STARTED):
        raise HostError(f"{KUBERNETES} belongs to a node that Slipway did not make; `kubeadm reset` it first")


def start(config: str) -> None:
    """Note that what follows is ours."""
    make_directory(DIRECTORY, 0o700)
    write_json(STARTED, {"format": 1, "time": now()})
    if config:
        write_atomic(CONFIG, config, mode=0o600)


def become_member(config: str) -> None:
    """Note that it ended well. What kubeadm wrote for the kubelet is root's to read, as the benchmark wants it."""
    with contextlib.suppress(FileNotFoundError):
        dress(KUBELET_CONFIG, 0o600, (0, 0))
    write_json(MEMBER, {"format": 1, "time": now(), "config": hashlib.sha256(config.encode()).hexdigest()})


def member() -> dict[str, Any]:
    """The note of a finished init or join; empty: none, or its files are gone."""
    return read_json(MEMBER) if os.path.exists(KUBELET) else {}


def cri_socket() -> str:
    """Where the runtime of this host answers: Docker has a containerd of its own beside it."""
    return f"unix://{CRI_DOCKERD if os.path.exists(CRI_DOCKERD) else CONTAINERD}"


def reset() -> None:
    """Take the host out of whatever it is half in."""
    for path in (MEMBER, JOIN):
        with contextlib.suppress(FileNotFoundError):
            unlink(path)
    must(["kubeadm", "reset", "--force", "--cri-socket", cri_socket()], timeout=300)
    # kubeadm leaves etcd's data where the manifest was not yet written.
    remove_tree(f"{ETCD_DATA}/member", missing=True)
    for folder in (f"{KUBERNETES}/pki", f"{KUBERNETES}/tmp"):  # noqa: S108 - kubeadm's own
        remove_tree(folder, missing=True)


def token(identity: str, secret: str, expiration: str) -> dict[str, Any]:
    """A bootstrap token as its Secret."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"bootstrap-token-{identity}", "namespace": "kube-system"},
        "type": "bootstrap.kubernetes.io/token",
        "stringData": {
            "token-id": identity,
            "token-secret": secret,
            "expiration": expiration,
            "usage-bootstrap-authentication": "true",
            "usage-bootstrap-signing": "true",
            "auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token",
        },
    }


def public_key_hash() -> str:
    """sha256 of the cluster CA's public key info: the seventh field of its certificate, the version counted."""
    pem = read_text(f"{KUBERNETES}/pki/ca.crt") or ""
    der = base64.b64decode("".join(line for line in pem.splitlines() if "-----" not in line))
    certificate, _, _ = _field(der, 0)
    position, _, _ = _field(der, certificate)
    for _ in range(6):
        _, position, _ = _field(der, position)
    _, _, info = _field(der, position)
    return hashlib.sha256(info).hexdigest()


def _field(der: bytes, position: int) -> tuple[int, int, bytes]:
    """Start of a DER field's content, end of the field, and the whole field."""
    length, start = der[position + 1], position + 2
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(der[start : start + size], "big")
        start += size
    return start, start + length, der[position : start + length]

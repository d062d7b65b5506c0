"""Our own reading of the scored checks of the CIS Kubernetes Benchmark (1.11), at a node as it runs.

`failures(site, node)` gives those that do not pass: number -> what was found. docs/how-to/harden.md explains the rest.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.e2e.sites import Site

#: Scored and not met: kubeadm's etcd runs as root, whose directory nobody else can enter.
EXPLAINED = {"1.1.12"}

#: Letters of a program's name that the kernel keeps.
COMM = 15
_MANIFESTS = "/etc/kubernetes/manifests"
#: Number of the check for the mode, and for the owner -> file; the widest mode.
CONTROL_PLANE_FILES = {
    ("1.1.1", "1.1.2"): (f"{_MANIFESTS}/kube-apiserver.yaml", 0o600),
    ("1.1.3", "1.1.4"): (f"{_MANIFESTS}/kube-controller-manager.yaml", 0o600),
    ("1.1.5", "1.1.6"): (f"{_MANIFESTS}/kube-scheduler.yaml", 0o600),
    ("1.1.7", "1.1.8"): (f"{_MANIFESTS}/etcd.yaml", 0o600),
    ("1.1.11", "1.1.11"): ("/var/lib/etcd", 0o700),
    ("1.1.13", "1.1.14"): ("/etc/kubernetes/admin.conf", 0o600),
    ("1.1.15", "1.1.16"): ("/etc/kubernetes/scheduler.conf", 0o600),
    ("1.1.17", "1.1.18"): ("/etc/kubernetes/controller-manager.conf", 0o600),
    ("1.1.19", "1.1.19"): ("/etc/kubernetes/pki", 0o755),
    ("1.1.21", "1.1.21"): ("/etc/kubernetes/pki/ca.key", 0o600),
}
NODE_FILES = {
    ("4.1.1", "4.1.2"): ("/etc/systemd/system/kubelet.service.d/10-kubeadm.conf", 0o600),
    ("4.1.5", "4.1.6"): ("/etc/kubernetes/kubelet.conf", 0o600),
    ("4.1.7", "4.1.8"): ("/etc/kubernetes/pki/ca.crt", 0o644),
    ("4.1.9", "4.1.10"): ("/var/lib/kubelet/config.yaml", 0o600),
}

Check = Callable[[list[str]], bool]


def _is(value: str) -> Check:
    return lambda found: found == [value]


def _has(*words: str) -> Check:
    return lambda found: set(words) <= set(",".join(found).split(","))


def _lacks(*words: str) -> Check:
    return lambda found: not set(words) & set(",".join(found).split(","))


def _set(found: list[str]) -> bool:
    return bool(found and found[0])


def _unset(found: list[str]) -> bool:
    return not found


def _not_false(found: list[str]) -> bool:
    return found != ["false"]


#: Program -> number -> flag, and what its values have to be.
FLAGS: dict[str, dict[str, tuple[str, Check]]] = {
    "kube-apiserver": {
        "1.2.2": ("token-auth-file", _unset),
        "1.2.3": ("enable-admission-plugins", _has("DenyServiceExternalIPs")),
        "1.2.4": ("kubelet-client-certificate", _set),
        "1.2.5": ("kubelet-certificate-authority", _set),
        "1.2.6": ("authorization-mode", _lacks("AlwaysAllow")),
        "1.2.7": ("authorization-mode", _has("Node")),
        "1.2.8": ("authorization-mode", _has("RBAC")),
        "1.2.9": ("enable-admission-plugins", _has("EventRateLimit")),
        "1.2.10": ("enable-admission-plugins", _lacks("AlwaysAdmit")),
        "1.2.12": ("disable-admission-plugins", _lacks("ServiceAccount")),
        "1.2.13": ("disable-admission-plugins", _lacks("NamespaceLifecycle")),
        "1.2.14": ("enable-admission-plugins", _has("NodeRestriction")),
        "1.2.15": ("profiling", _is("false")),
        "1.2.16": ("audit-log-path", _set),
        "1.2.17": ("audit-log-maxage", _is("30")),
        "1.2.18": ("audit-log-maxbackup", _is("10")),
        "1.2.19": ("audit-log-maxsize", _is("100")),
        "1.2.21": ("service-account-lookup", _not_false),
        "1.2.22": ("service-account-key-file", _set),
        "1.2.23": ("etcd-certfile", _set),
        "1.2.24": ("tls-cert-file", _set),
        "1.2.25": ("client-ca-file", _set),
        "1.2.26": ("etcd-cafile", _set),
        "1.2.29": ("tls-cipher-suites", _set),
        "1.2.30": ("service-account-extend-token-expiration", _is("false")),
        "3.2.1": ("audit-policy-file", _set),
    },
    "kube-controller-manager": {
        "1.3.1": ("terminated-pod-gc-threshold", _set),
        "1.3.2": ("profiling", _is("false")),
        "1.3.3": ("use-service-account-credentials", _is("true")),
        "1.3.4": ("service-account-private-key-file", _set),
        "1.3.5": ("root-ca-file", _set),
        "1.3.7": ("bind-address", _is("127.0.0.1")),
    },
    "kube-scheduler": {"1.4.1": ("profiling", _is("false")), "1.4.2": ("bind-address", _is("127.0.0.1"))},
    "etcd": {
        "2.1": ("cert-file", _set),
        "2.2": ("client-cert-auth", _is("true")),
        "2.3": ("auto-tls", _unset),
        "2.4": ("peer-cert-file", _set),
        "2.5": ("peer-client-cert-auth", _is("true")),
        "2.6": ("peer-auto-tls", _unset),
    },
}
#: Number -> what a kubelet says of its own configuration.
KUBELET: dict[str, Callable[[dict[str, Any]], object]] = {
    "4.2.1": lambda kubelet: not kubelet["authentication"]["anonymous"]["enabled"],
    "4.2.2": lambda kubelet: kubelet["authorization"]["mode"] == "Webhook",
    "4.2.3": lambda kubelet: kubelet["authentication"]["x509"]["clientCAFile"],
    "4.2.4": lambda kubelet: not kubelet.get("readOnlyPort"),
    "4.2.5": lambda kubelet: kubelet["streamingConnectionIdleTimeout"] not in {"0", "0s"},
    "4.2.6": lambda kubelet: kubelet.get("makeIPTablesUtilChains", True),
    "4.2.8": lambda kubelet: kubelet.get("eventRecordQPS", 50) > 0,
    "4.2.9": lambda kubelet: kubelet["serverTLSBootstrap"],
    "4.2.10": lambda kubelet: kubelet["rotateCertificates"],
    "4.2.12": lambda kubelet: all("_GCM_" in s or "CHACHA20" in s for s in kubelet["tlsCipherSuites"]),
    "4.2.13": lambda kubelet: kubelet["podPidsLimit"] > 0,
    "4.2.14": lambda kubelet: kubelet["seccompDefault"],
}


def failures(site: Site, node: str, *, control_plane: bool) -> dict[str, str]:
    """Number of each check that does not pass -> what was found."""
    found = dict(_files(site, node, NODE_FILES | (CONTROL_PLANE_FILES if control_plane else {})))
    if control_plane:
        for program, checks in FLAGS.items():
            found |= dict(_flags(site, node, program, checks))
    # By the API server, which trusts no kubelet but with a certificate of the cluster's authority.
    raw = site.kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/configz").stdout
    kubelet = json.loads(raw)["kubeletconfig"]
    found |= {number: raw for number, passes in KUBELET.items() if not passes(kubelet)}
    return {number: what for number, what in found.items() if number not in EXPLAINED}


def _files(site: Site, node: str, files: dict[tuple[str, str], tuple[str, int]]) -> Iterator[tuple[str, str]]:
    paths = [path for path, _ in files.values()]
    lines = site.lab.ssh(node, ["stat", "--format", "%a %U:%G %n", *paths]).stdout.splitlines()
    for ((mode_check, owner_check), (path, widest)), line in zip(files.items(), lines, strict=True):
        mode, owner, name = line.split(" ", 2)
        assert name == path
        if int(mode, 8) & ~widest:
            yield mode_check, line
        if owner != "root:root":
            yield owner_check, line


def _flags(
    site: Site, node: str, program: str, checks: dict[str, tuple[str, Check]]
) -> Iterator[tuple[str, str]]:
    look = ["sh", "-c", f"tr '\\0' '\\n' < /proc/$(pgrep -x {program[:COMM]})/cmdline"]
    values: dict[str, list[str]] = {}
    for word in site.lab.ssh(node, look).stdout.splitlines()[1:]:
        name, _, value = word.removeprefix("--").partition("=")
        values.setdefault(name, []).append(value)
    for number, (flag, passes) in checks.items():
        if not passes(values.get(flag, [])):
            yield number, f"{program} --{flag}: {values.get(flag)}"

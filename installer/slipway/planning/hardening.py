"""What the profile `cis` adds for API servers, their neighbours and kubelets: flags, fields, and files they read.

Whatever a user sets by `extraArgs` or `extraConfig` goes before it. Numbers are those of the CIS Kubernetes Benchmark.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from slipway import yamltext
from slipway.model.kubernetes import PLAIN, Kubernetes
from slipway.model.placeholders import SecretValue
from slipway.planning.digests import digest
from slipway.settings import ENCRYPTION_KEYS

#: Where control planes keep what kubeadm's manifests mount.
FILES: Final = "/etc/kubernetes/slipway"
#: Where API servers write what was asked of them.
AUDIT_LOGS: Final = "/var/log/kubernetes/audit"
#: The authority that signs kubelets' serving certificates, in a pod of a control plane.
KUBELET_CA: Final = "/etc/kubernetes/pki/ca.crt"

#: Suites with forward secrecy and authenticated encryption, by their names in Go; TLS 1.3 has no others.
CIPHERS: Final = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
)
TLS_VERSION: Final = "VersionTLS12"

#: What nobody needs an account for: probes, and what a host that joins reads to know whom to trust.
ANONYMOUS: Final = (
    "/healthz",
    "/livez",
    "/readyz",
    "/api/v1/namespaces/kube-public/configmaps/cluster-info",
)
#: Flags beside which kube-apiserver takes no file that says who is let in.
_AUTHENTICATION: Final = ("anonymous-auth", "authentication-config")
_OIDC: Final = "oidc-"

#: Enabled besides kubeadm's own.
ADMISSION: Final = ("DenyServiceExternalIPs", "EventRateLimit")

_PROGRAMS: Final = ("kube-controller-manager", "kube-proxy", "kube-scheduler")
#: Who did what to which object, without contents; not what programs of the cluster read and renew all the time.
AUDIT_POLICY: Final[dict[str, Any]] = {
    "omitStages": ["RequestReceived"],
    "rules": [
        {
            "level": "None",
            "nonResourceURLs": ["/healthz*", "/livez*", "/readyz*", "/version", "/openapi/*", "/metrics"],
        },
        {"level": "None", "resources": [{"group": "", "resources": ["events"]}, {"group": "events.k8s.io"}]},
        {
            "level": "None",
            "userGroups": ["system:nodes", "system:serviceaccounts"],
            "verbs": ["get", "list", "watch"],
            "resources": [
                {"group": "", "resources": ["nodes", "pods", "services", "endpoints", "namespaces"]},
                {"group": "coordination.k8s.io"},
                {"group": "discovery.k8s.io"},
            ],
        },
        {
            "level": "None",
            "users": [
                "system:kube-controller-manager",
                "system:kube-scheduler",
                "system:kube-proxy",
                "system:apiserver",
            ],
            "verbs": ["get", "list", "watch"],
        },
        {
            "level": "None",
            "verbs": ["update", "patch"],
            "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}],
        },
        {"level": "Metadata"},
    ],
}


def audit_policy(kubernetes: Kubernetes) -> dict[str, Any]:
    """What is logged; empty: nothing."""
    return kubernetes.audit_policy or (AUDIT_POLICY if kubernetes.hardened else {})


def api_files(kubernetes: Kubernetes) -> dict[str, dict[str, Any]]:
    """Flag of kube-apiserver -> `path` and `content` of the file that it names."""
    files = {}
    if policy := audit_policy(kubernetes):
        files["audit-policy-file"] = content_file(
            "audit", {**policy, "apiVersion": "audit.k8s.io/v1", "kind": "Policy"}
        )
    if kubernetes.hardened:
        files["admission-control-config-file"] = content_file("admission", _admission())
        if not any(_lets_in(flag) for flag in kubernetes.api_server.extra_args):
            files["authentication-config"] = content_file("authentication", _authentication())
    return files


def content_file(name: str, document: dict[str, Any]) -> dict[str, Any]:
    """`path` and `content`: another content is another file, which is there before a pod asks for it."""
    return {"path": f"{FILES}/{name}-{digest(document, {})[7:19]}.yaml", "content": document}


def texts(files: Iterable[dict[str, Any]]) -> list[dict[str, str]]:
    """The same with contents as they are written."""
    return [{"path": file["path"], "content": yamltext.dump(file["content"])} for file in files]


def api_flags(kubernetes: Kubernetes, keys: Sequence[str] = ()) -> dict[str, str]:
    """Of kube-apiserver, the files' among them; `keys` are those of Secrets, where it has others than in the end."""
    flags = {flag: file["path"] for flag, file in api_files(kubernetes).items()}
    if audit_policy(kubernetes):
        flags |= {
            "audit-log-path": f"{AUDIT_LOGS}/audit.log",
            "audit-log-maxage": "30",
            "audit-log-maxbackup": "10",
            "audit-log-maxsize": "100",
        }
    if file := encryption_file(keys or (kubernetes.secrets_key,)):
        flags["encryption-provider-config"] = file
    if kubernetes.hardened:
        flags |= _TLS | {
            "profiling": "false",
            "service-account-extend-token-expiration": "false",
            "kubelet-certificate-authority": KUBELET_CA,
        }
    return flags


def encryption_file(keys: Sequence[str]) -> str:
    """Where an API server reads its keys; empty: it has none. Others are another file, and so another pod."""
    return "" if set(keys) <= {PLAIN} else f"{FILES}/encryption-{'-'.join(keys)}.yaml"


def encryption(keys: Sequence[str]) -> dict[str, SecretValue | str]:
    """`PLACE.NAME` -> key: by the first Secrets are written, by all of them read; of PLAIN it is empty."""
    if not encryption_file(keys):
        return {}
    return {f"{place:02}.{name}": key_of(name) for place, name in enumerate(keys, start=1)}


def key_of(name: str) -> SecretValue | str:
    """The key of that name; empty for PLAIN."""
    return "" if name == PLAIN else SecretValue(f"{ENCRYPTION_KEYS}/{name}")


def api_volumes(kubernetes: Kubernetes, keys: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What its pod has to see of the host."""
    found = [mounted(flag, file["path"]) for flag, file in api_files(kubernetes).items()]
    if file := encryption_file(keys or (kubernetes.secrets_key,)):
        found.append(mounted("encryption-provider-config", file))
    if audit_policy(kubernetes):
        logs = {"name": "audit-logs", "hostPath": AUDIT_LOGS, "mountPath": AUDIT_LOGS}
        found.append({**logs, "pathType": "DirectoryOrCreate"})
    return found


def mounted(name: str, path: str) -> dict[str, Any]:
    """A file of the host, where it is, in a pod of kubeadm's."""
    return {"name": name, "hostPath": path, "mountPath": path, "readOnly": True, "pathType": "File"}


def manager_flags(kubernetes: Kubernetes) -> dict[str, str]:
    """Of kube-controller-manager. The benchmark wants a bound on ended pods; kubeadm's is 12,500."""
    return _TLS | {"profiling": "false", "terminated-pod-gc-threshold": "1000"} if kubernetes.hardened else {}


def scheduler_flags(kubernetes: Kubernetes) -> dict[str, str]:
    """Of kube-scheduler."""
    return _TLS | {"profiling": "false"} if kubernetes.hardened else {}


def kubelet_fields(kubernetes: Kubernetes) -> dict[str, Any]:
    """Of every kubelet. What it then asks to be signed is approved by the operator."""
    if not kubernetes.hardened:
        return {}
    return {
        "serverTLSBootstrap": True,
        "tlsMinVersion": TLS_VERSION,
        "tlsCipherSuites": list(CIPHERS),
        "podPidsLimit": 4096,
        "seccompDefault": True,
        "streamingConnectionIdleTimeout": "1h0m0s",
    }


_TLS: Final = {"tls-min-version": TLS_VERSION, "tls-cipher-suites": ",".join(CIPHERS)}


def _lets_in(flag: str) -> bool:
    return flag in _AUTHENTICATION or flag.startswith(_OIDC)


def _authentication() -> dict[str, Any]:
    conditions = [{"path": path} for path in ANONYMOUS]
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "anonymous": {"enabled": True, "conditions": conditions},
    }


def _admission() -> dict[str, Any]:
    """Pods are as `baseline` allows, unless their namespace says otherwise, as modules' do that need more."""
    levels = {"enforce": "baseline", "audit": "restricted", "warn": "restricted"}
    security = {
        "apiVersion": "pod-security.admission.config.k8s.io/v1",
        "kind": "PodSecurityConfiguration",
        "defaults": {key: value for mode, level in levels.items() for key, value in _level(mode, level)},
        "exemptions": {"namespaces": ["kube-system"]},
    }
    limits = [
        {"type": "Namespace", "qps": 50, "burst": 100, "cacheSize": 2000},
        {"type": "User", "qps": 50, "burst": 100},
    ]
    events = {
        "apiVersion": "eventratelimit.admission.k8s.io/v1alpha1",
        "kind": "Configuration",
        "limits": limits,
    }
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [
            {"name": "PodSecurity", "configuration": security},
            {"name": "EventRateLimit", "configuration": events},
        ],
    }


def _level(mode: str, level: str) -> tuple[tuple[str, str], ...]:
    return (mode, level), (f"{mode}-version", "latest")

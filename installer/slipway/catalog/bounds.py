"""Values that Kubernetes takes as they are and that end a cluster all the same. Pure."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from slipway.api.yamlfile import step
from slipway.catalog.options import layers
from slipway.errors import Finding
from slipway.findings import FindingCode

if TYPE_CHECKING:
    from slipway.model.configuration import Configuration
    from slipway.model.kubernetes import Kubernetes

#: Capability of a module that signs what kubelets ask for: kube-controller-manager approves client certificates only.
APPROVER: Final = "kubelet-serving-approver"


class Floor(NamedTuple):
    """The least that a number may be; what is 0 or below is the program's own way to say "no limit" or "as usual"."""

    flag: str
    least: int
    because: str


#: etcd answers nothing but NOSPACE once its file is as large as the quota (etcd.io/docs, maintenance): an idle cluster
#: has some 50 MB, and ten times as much between two compactions. A request holds one object, of 1.5 MiB at most.
_ETCD: Final = (
    Floor("quota-backend-bytes", 512 << 20, "etcd takes no write once its file is that large"),
    Floor("max-request-bytes", 1 << 20, "etcd refuses larger objects, as Helm's records and definitions are"),
)


def bound_findings(configuration: "Configuration", provided: Collection[str]) -> Iterator[Finding]:
    """What no cluster lives with; `provided`: capabilities of the modules that are enabled."""
    kubernetes = configuration.spec.kubernetes
    if kubernetes:
        yield from _floors(kubernetes)
    if APPROVER not in provided:
        yield from _certificates(configuration)
        if kubernetes and kubernetes.hardened:
            yield Finding(
                "spec.kubernetes.profile",
                "is cis, and nobody approves the certificates that kubelets then ask for",
                expected=f"a module that provides {APPROVER}",
                hint="enable the module operator",
                code=FindingCode.NO_APPROVER,
            )


def _floors(kubernetes: "Kubernetes") -> Iterator[Finding]:
    for floor in _ETCD:
        text = kubernetes.etcd.extra_args.get(floor.flag, "0")
        if text.isdecimal() and 0 < int(text) < floor.least:
            path = step("spec.kubernetes.etcd.extraArgs", floor.flag)
            expected = f"{floor.least} or more: {floor.because}"
            yield Finding(
                path,
                f"is {text!r}, in bytes",
                expected=expected,
                hint="leave it out for etcd's own",
                code=FindingCode.TOO_SMALL,
            )


def _certificates(configuration: "Configuration") -> Iterator[Finding]:
    kubernetes, hosts = configuration.spec.kubernetes, configuration.spec.hosts
    places = list(layers(hosts)) if hosts else []
    if kubernetes:
        places.append(("spec.kubernetes.kubelet.extraConfig", kubernetes.kubelet.extra_config))
    for path, fields in places:
        if fields.get("serverTLSBootstrap") is True:
            text = (
                "is true, and nobody approves what kubelets then ask for: logs, exec and metrics would fail"
            )
            expected = f"a module that provides {APPROVER}"
            yield Finding(
                f"{path}.serverTLSBootstrap",
                text,
                expected=expected,
                hint="leave it out",
                code=FindingCode.NO_APPROVER,
            )

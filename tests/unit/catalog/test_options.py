"""What is handed on to Kubernetes: what its version does not know, and what another field sets, is found beforehand."""

from typing import Any

import pytest

from slipway import catalog
from slipway.api import read
from slipway.catalog import owned
from slipway.catalog.bounds import APPROVER
from slipway.errors import Finding

CATALOG = catalog.load()
VERSIONS = CATALOG.versions.kubernetes_versions()
KUBERNETES = {"version": CATALOG.versions.kubernetes, "endpoint": {"address": "api.test.internal"}}
HOST = {"name": "cp-01", "address": "10.0.0.21", "roles": ["control-plane"]}

GOOD: list[dict[str, Any]] = [
    {"apiServer": {"extraArgs": {"profiling": "false", "v": "3", "service-account-issuer": "a\nb"}}},
    {"apiServer": {"admissionPlugins": ["PodTolerationRestriction"]}},
    {"apiServer": {"extraArgs": {"feature-gates": "AllAlpha=false,kube:MutatingAdmissionPolicy=true"}}},
    {"controllerManager": {"extraArgs": {"node-monitor-grace-period": "1m30s"}}},
    {
        "etcd": {
            "extraArgs": {"quota-backend-bytes": "8589934592", "listen-metrics-urls": "http://0.0.0.0:2381"}
        }
    },
    {"etcd": {"extraArgs": {"feature-gates": "InitialCorruptCheck=true", "quota-backend-bytes": "0"}}},
    {"kubelet": {"extraConfig": {"serverTLSBootstrap": False}}},
    {"kubelet": {"extraConfig": {"evictionHard": {"memory.available": "200Mi"}, "failCgroupV1": False}}},
    {
        "kubelet": {
            "extraConfig": {"featureGates": {"GracefulNodeShutdown": True}, "shutdownGracePeriod": "1m"}
        }
    },
    {"kubeProxy": {"extraConfig": {"conntrack": {"maxPerCore": 0}, "clientConnection": {"qps": 5}}}},
    {"scheduler": {"config": {"percentageOfNodesToScore": 50, "profiles": [{"schedulerName": "gpu"}]}}},
]

#: Patch of spec.kubernetes, path below it, code, a part of the words.
BAD: list[tuple[dict[str, Any], str, str, str]] = [
    (
        {"apiServer": {"extraArgs": {"profilng": "false"}}},
        "apiServer.extraArgs.profilng",
        "unknown-flag",
        "did you mean profiling?",
    ),
    (
        {"apiServer": {"extraArgs": {"--v": "3"}}},
        "apiServer.extraArgs.--v",
        "unknown-flag",
        "without the leading dashes",
    ),
    (
        {"apiServer": {"extraArgs": {"profiling": "off"}}},
        "apiServer.extraArgs.profiling",
        "bad-value",
        "true or",
    ),
    (
        {"apiServer": {"extraArgs": {"audit-log-path": "/a\n/b"}}},
        "apiServer.extraArgs.audit-log-path",
        "bad-value",
        "one line",
    ),
    (
        {"apiServer": {"extraArgs": {"service-cluster-ip-range": "10.0.0.0/16"}}},
        "apiServer.extraArgs.service-cluster-ip-range",
        "owned-option",
        "set spec.kubernetes.network.serviceCIDR instead",
    ),
    (
        {"apiServer": {"extraArgs": {"feature-gates": "NoSuchGate=true"}}},
        "apiServer.extraArgs.feature-gates",
        "unknown-gate",
        "no feature gate 'NoSuchGate'",
    ),
    (
        {"apiServer": {"admissionPlugins": ["PodTolerationRestrictions"]}},
        "apiServer.admissionPlugins[0]",
        "unknown-plugin",
        "did you mean PodTolerationRestriction?",
    ),
    (
        {"controllerManager": {"extraArgs": {"terminated-pod-gc-treshold": "1"}}},
        "controllerManager.extraArgs.terminated-pod-gc-treshold",
        "unknown-flag",
        "did you mean terminated-pod-gc-threshold?",
    ),
    (
        {"controllerManager": {"extraArgs": {"terminated-pod-gc-threshold": "many"}}},
        "controllerManager.extraArgs.terminated-pod-gc-threshold",
        "bad-value",
        "a whole number",
    ),
    (
        {"scheduler": {"extraArgs": {"config": "/etc/scheduler.yaml"}}},
        "scheduler.extraArgs.config",
        "owned-option",
        "spec.kubernetes.scheduler.config",
    ),
    (
        {"etcd": {"extraArgs": {"data-dir": "/data"}}},
        "etcd.extraArgs.data-dir",
        "owned-option",
        "set by kubeadm",
    ),
    (
        {"etcd": {"extraArgs": {"snapshot-counts": "1"}}},
        "etcd.extraArgs.snapshot-counts",
        "unknown-flag",
        "count?",
    ),
    (
        {"etcd": {"extraArgs": {"quota-backend-bytes": "1"}}},
        "etcd.extraArgs.quota-backend-bytes",
        "too-small",
        "etcd takes no write",
    ),
    (
        {"etcd": {"extraArgs": {"max-request-bytes": "4096"}}},
        "etcd.extraArgs.max-request-bytes",
        "too-small",
        "1048576 or more",
    ),
    (
        {"kubelet": {"extraConfig": {"serverTLSBootstrap": True}}},
        "kubelet.extraConfig.serverTLSBootstrap",
        "no-approver",
        "nobody approves",
    ),
    (
        {"kubelet": {"extraConfig": {"evictionhard": {}}}},
        "kubelet.extraConfig.evictionhard",
        "unknown-field",
        "did you mean evictionHard?",
    ),
    (
        {"kubelet": {"extraConfig": {"evictionHard": {"memory.available": 200}}}},
        'kubelet.extraConfig.evictionHard["memory.available"]',
        "wrong-type",
        "put it in quotes",
    ),
    (
        {"kubelet": {"extraConfig": {"maxPods": 9}}},
        "kubelet.extraConfig.maxPods",
        "owned-option",
        "kubelet.maxPods",
    ),
    (
        {"kubelet": {"extraConfig": {"authentication": {"x509": {"clientCAFile": "/a"}}}}},
        "kubelet.extraConfig.authentication.x509.clientCAFile",
        "owned-option",
        "kubeadm",
    ),
    (
        {"kubelet": {"extraConfig": {"featureGates": {"NoSuchGate": True}}}},
        "kubelet.extraConfig.featureGates.NoSuchGate",
        "unknown-gate",
        "no feature gate",
    ),
    (
        {"kubeProxy": {"extraConfig": {"mode": "ipvs"}}},
        "kubeProxy.extraConfig.mode",
        "owned-option",
        "kubeProxy.mode",
    ),
    (
        {"kubeProxy": {"extraConfig": {"conntrack": {"maxPerCores": 0}}}},
        "kubeProxy.extraConfig.conntrack.maxPerCores",
        "unknown-field",
        "did you mean maxPerCore?",
    ),
    ({"scheduler": {"config": {"profiles": {}}}}, "scheduler.config.profiles", "wrong-type", "a list"),
    (
        {"scheduler": {"config": {"profiles": [{"pluginsConfig": []}]}}},
        "scheduler.config.profiles[0].pluginsConfig",
        "unknown-field",
        "did you mean pluginConfig?",
    ),
    (
        {
            "scheduler": {
                "config": {
                    "profiles": [
                        {"pluginConfig": [{"name": "NodeResourcesFit", "args": {"scoringStrategie": {}}}]}
                    ]
                }
            }
        },
        "scheduler.config.profiles[0].pluginConfig[0].args.scoringStrategie",
        "unknown-field",
        "did you mean scoringStrategy?",
    ),
]


def found(kubernetes: dict[str, Any], hosts: dict[str, Any] | None = None) -> list[Finding]:
    spec = {"kubernetes": {**KUBERNETES, **kubernetes}, "hosts": {"items": [HOST], **(hosts or {})}}
    return [one for one in CATALOG.check(read.parse_spec(spec, name="t")) if "modules" not in one.path]


@pytest.mark.parametrize("kubernetes", GOOD)
def test_what_the_version_knows_is_accepted(kubernetes: dict[str, Any]) -> None:
    assert found(kubernetes) == []


@pytest.mark.parametrize(("kubernetes", "path", "code", "words"), BAD, ids=[case[1] for case in BAD])
def test_what_it_does_not_know_is_named(kubernetes: dict[str, Any], path: str, code: str, words: str) -> None:
    only = found(kubernetes)
    assert [(one.path, one.code) for one in only] == [(f"spec.kubernetes.{path}", code)]
    assert words in str(only[0])


def test_settings_of_every_layer_are_looked_at_and_one_host_may_differ() -> None:
    wrong, own = {"maxPod": 5}, {"maxPods": 5, "imageGCHighThresholdPercent": 70}
    hosts = {
        "defaults": {"kubelet": wrong},
        "groups": {"gpu": {"kubelet": {"clusterDNS": ["10.0.0.1"]}}},
        "items": [{**HOST, "groups": ["gpu"], "settings": {"kubelet": {**own, "cpuManagerPolicy": 1}}}],
    }
    assert [(one.path, one.code) for one in found({}, hosts)] == [
        ("spec.hosts.defaults.kubelet.maxPod", "unknown-field"),
        ("spec.hosts.groups.gpu.kubelet.clusterDNS", "owned-option"),
        ("spec.hosts.items[0].settings.kubelet.cpuManagerPolicy", "wrong-type"),
    ]


def test_a_version_without_options_is_one_that_is_not_carried() -> None:
    assert [one.code for one in found({"version": "v1.0.0", "etcd": {"extraArgs": {"nothing": "1"}}})] == [
        "unknown-version"
    ]
    assert tuple(CATALOG.options) == VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_owned_exists(version: str) -> None:
    """A table that names what the version does not have would say nothing."""
    options = CATALOG.options[version]
    for program, flags in owned.FLAGS.items():
        assert set(flags) <= set(options.flags[program]), program
    for kind, fields in (
        ("KubeletConfiguration", owned.KUBELETS),
        ("KubeProxyConfiguration", owned.KUBE_PROXY),
        ("KubeSchedulerConfiguration", owned.SCHEDULER),
    ):
        for dotted in fields:
            shape: Any = options.kinds[kind]
            for name in dotted.split("."):
                shape = shape["fields"][name]


def test_serving_certificates_need_somebody_who_approves_them() -> None:
    host = {**HOST, "settings": {"kubelet": {"serverTLSBootstrap": True}}}
    path = "spec.hosts.items[0].settings.kubelet.serverTLSBootstrap"
    assert [(one.path, one.code) for one in found({}, {"items": [host]})] == [(path, "no-approver")]
    spec = {"kubernetes": KUBERNETES, "hosts": {"items": [host]}}
    assert CATALOG.check(read.parse_spec(spec, name="t"), external=(APPROVER,)) == []

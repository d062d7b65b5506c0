"""What kubeadm and the kubelet are told, from the ClusterConfiguration alone."""

import ipaddress
from collections.abc import Sequence
from typing import Any

from slipway.model.configuration import Configuration
from slipway.model.host.items import Host
from slipway.model.kubernetes import Kubernetes
from slipway.planning import hardening
from slipway.planning.sitenames import has_docker, site_prefix
from slipway.settings import ADMISSION_API, ADMISSION_KINDS

KUBEADM_API = "kubeadm.k8s.io/v1beta4"
KUBELET_API = "kubelet.config.k8s.io/v1beta1"
KUBE_PROXY_API = "kubeproxy.config.k8s.io/v1alpha1"
SCHEDULER_API = "kubescheduler.config.k8s.io/v1"

#: Where each container runtime answers the kubelet.
CRI_SOCKETS = {
    "containerd": "unix:///run/containerd/containerd.sock",
    "docker": "unix:///run/cri-dockerd.sock",
}

#: What an API server needs to rewrite image names; off by default in the catalog's Kubernetes.
SERVES_POLICIES = {"feature-gates": f"{ADMISSION_KINDS[0]}=true", "runtime-config": f"{ADMISSION_API}=true"}

#: Where upstream keeps Kubernetes' own images, and CoreDNS's below it.
UPSTREAM, DNS_BELOW = "registry.k8s.io", "coredns"

#: kubeadm enables this one itself; naming others without it would switch it off.
DEFAULT_ADMISSION = "NodeRestriction"


def dns_address(kubernetes: Kubernetes) -> str:
    """Address of the cluster DNS: the one chosen, or the tenth of the service range as kubeadm does it."""
    return kubernetes.network.dns_address or _tenth(kubernetes)


def own_dns_address(kubernetes: Kubernetes) -> str:
    """The chosen address, where kubeadm gives the cluster DNS another one; empty: it does not."""
    chosen = dns_address(kubernetes)
    return chosen if chosen != _tenth(kubernetes) else ""


def _tenth(kubernetes: Kubernetes) -> str:
    return str(ipaddress.ip_network(kubernetes.network.service_cidr)[10])


def _arguments(arguments: dict[str, str]) -> list[dict[str, str]]:
    """As kubeadm lists them: a flag that has several values stands there several times."""
    return [
        {"name": name, "value": line}
        for name, value in sorted(arguments.items())
        for line in value.splitlines() or [""]
    ]


def cluster_configuration(
    configuration: Configuration, kubernetes: Kubernetes, keys: Sequence[str] = ()
) -> dict[str, Any]:
    """The ClusterConfiguration of kubeadm, not ours; `keys` of Secrets, where they are others than in the end."""
    network, api = kubernetes.network, kubernetes.api_server
    ours = {"service-node-port-range": network.node_ports, **hardening.api_flags(kubernetes, keys)}
    api_args = {**ours, **api.extra_args}
    plugins = (*(hardening.ADMISSION if kubernetes.hardened else ()), *api.admission_plugins)
    if plugins:
        api_args["enable-admission-plugins"] = ",".join(dict.fromkeys((DEFAULT_ADMISSION, *plugins)))
    if has_docker(configuration):
        for name, value in SERVES_POLICIES.items():
            api_args[name] = "\n".join(filter(None, (api_args.get(name), value)))
    return {
        "apiVersion": KUBEADM_API,
        "kind": "ClusterConfiguration",
        "clusterName": configuration.name,
        "kubernetesVersion": kubernetes.version,
        **_repositories(configuration),
        "controlPlaneEndpoint": f"{kubernetes.endpoint.address}:{kubernetes.endpoint.port}",
        "networking": {
            "serviceSubnet": network.service_cidr,
            "podSubnet": network.pod_cidr,
            "dnsDomain": network.dns_domain,
        },
        "apiServer": {"extraArgs": _arguments(api_args), **_volumes(kubernetes, keys)},
        "controllerManager": {
            "extraArgs": _arguments(
                {**hardening.manager_flags(kubernetes), **kubernetes.controller_manager.extra_args}
            )
        },
        "scheduler": _scheduler(kubernetes),
        "etcd": {"local": {"dataDir": "/var/lib/etcd", "extraArgs": _arguments(kubernetes.etcd.extra_args)}},
    }


def _repositories(configuration: Configuration) -> dict[str, Any]:
    """Where Docker runs, kubeadm's own images by the site's names: nothing rewrites those of static pods."""
    if not has_docker(configuration):
        return {}
    site = f"{site_prefix(configuration)}{UPSTREAM}"
    return {"imageRepository": site, "dns": {"imageRepository": f"{site}/{DNS_BELOW}"}}


def _volumes(kubernetes: Kubernetes, keys: Sequence[str]) -> dict[str, Any]:
    volumes = hardening.api_volumes(kubernetes, keys)
    return {"extraVolumes": volumes} if volumes else {}


def _scheduler(kubernetes: Kubernetes) -> dict[str, Any]:
    """With its configuration as a file: another content has another name, so that the pod is exchanged."""
    arguments = {**hardening.scheduler_flags(kubernetes), **kubernetes.scheduler.extra_args}
    path = scheduler_file(kubernetes).get("path")
    if not path:
        return {"extraArgs": _arguments(arguments)}
    volume = hardening.mounted("slipway-config", path)
    return {"extraArgs": _arguments({**arguments, "config": path}), "extraVolumes": [volume]}


def scheduler_file(kubernetes: Kubernetes) -> dict[str, Any]:
    """Path and content of KubeSchedulerConfiguration; empty when none is wanted."""
    wanted = kubernetes.scheduler.config
    if not wanted:
        return {}
    connection = {**wanted.get("clientConnection", {}), "kubeconfig": "/etc/kubernetes/scheduler.conf"}
    document = {
        **wanted,
        "apiVersion": SCHEDULER_API,
        "kind": "KubeSchedulerConfiguration",
        "clientConnection": connection,
    }
    return hardening.content_file("scheduler", document)


def kubelet_defaults(kubernetes: Kubernetes) -> dict[str, Any]:
    """KubeletConfiguration that kubeadm keeps for the whole cluster: what must be equal everywhere."""
    return {
        "apiVersion": KUBELET_API,
        "kind": "KubeletConfiguration",
        "clusterDNS": [dns_address(kubernetes)],
        "clusterDomain": kubernetes.network.dns_domain,
    }


def kubelet_drop_in(kubernetes: Kubernetes, host: Host) -> dict[str, Any]:
    """The host's own KubeletConfiguration, laid over the cluster's by the kubelet itself."""
    kubelet = kubernetes.kubelet
    return {
        "apiVersion": KUBELET_API,
        "kind": "KubeletConfiguration",
        "cgroupDriver": host.settings.runtime.cgroup_driver,
        "maxPods": kubelet.max_pods,
        "imageGCHighThresholdPercent": kubelet.image_gc.high,
        "imageGCLowThresholdPercent": kubelet.image_gc.low,
        **runtime_settings(host),
        **hardening.kubelet_fields(kubernetes),
        **({"failSwapOn": False} if host.settings.swap == "keep" else {}),
        **kubelet.extra_config,
        **host.settings.kubelet,
    }


def cri_socket(host: Host) -> str:
    """Where the host's container runtime answers the kubelet."""
    return CRI_SOCKETS[host.settings.runtime.type]


def runtime_settings(host: Host) -> dict[str, Any]:
    """What the kubelet must know of the host's container runtime. Docker rotates logs itself."""
    runtime = host.settings.runtime
    logs = {"containerLogMaxSize": runtime.log.max_size, "containerLogMaxFiles": runtime.log.max_files}
    mine = logs if runtime.type == "containerd" else {}
    return {
        "containerRuntimeEndpoint": cri_socket(host),
        **{name: value for name, value in mine.items() if value is not None},
    }


def kube_proxy(kubernetes: Kubernetes) -> dict[str, Any]:
    """KubeProxyConfiguration.

    By IPVS every node has every Service's address on a device of its own, and would answer for it on the network, where
    one node is to: the announcer of a load balancer's address.
    """
    mode, extra = kubernetes.kube_proxy.mode, kubernetes.kube_proxy.extra_config
    ipvs = {"ipvs": {"strictARP": True, **(extra.get("ipvs") or {})}} if mode == "ipvs" else {}
    return {
        "apiVersion": KUBE_PROXY_API,
        "kind": "KubeProxyConfiguration",
        "mode": mode,
        **extra,
        **ipvs,
    }


def taints(host: Host) -> list[dict[str, str]]:
    """Taints a node has from the start; a control plane that does not work as a worker keeps its own."""
    own = [taint.model_dump() for taint in host.settings.taints]
    if host.control_plane and "worker" not in host.roles:
        own.append({"key": "node-role.kubernetes.io/control-plane", "value": "", "effect": "NoSchedule"})
    return own

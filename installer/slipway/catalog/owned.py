"""Flags and fields of Kubernetes that are not the user's to set as such: who sets them instead.

The value is the field of the ClusterConfiguration, or kubeadm, which knows where the files are that it made.
Whatever can be overridden without breaking what Slipway or kubeadm rely on is not here.
"""

from typing import Final

KUBEADM: Final = "kubeadm"
SLIPWAY: Final = "Slipway"
_NETWORK = "spec.kubernetes.network"
_RUNTIME = "settings.runtime"

#: Program -> flag -> who sets it.
FLAGS: Final[dict[str, dict[str, str]]] = {
    "kube-apiserver": {
        "advertise-address": "spec.hosts.items[].address",
        "client-ca-file": KUBEADM,
        "enable-admission-plugins": "spec.kubernetes.apiServer.admissionPlugins",
        "enable-bootstrap-token-auth": KUBEADM,
        "etcd-cafile": KUBEADM,
        "etcd-certfile": KUBEADM,
        "etcd-keyfile": KUBEADM,
        "etcd-servers": KUBEADM,
        "kubelet-client-certificate": KUBEADM,
        "kubelet-client-key": KUBEADM,
        "proxy-client-cert-file": KUBEADM,
        "proxy-client-key-file": KUBEADM,
        "requestheader-client-ca-file": KUBEADM,
        "secure-port": "spec.kubernetes.endpoint.port",
        "service-account-key-file": KUBEADM,
        "service-account-signing-key-file": KUBEADM,
        "service-cluster-ip-range": f"{_NETWORK}.serviceCIDR",
        "service-node-port-range": f"{_NETWORK}.nodePorts",
        "tls-cert-file": KUBEADM,
        "tls-private-key-file": KUBEADM,
    },
    "kube-controller-manager": {
        "allocate-node-cidrs": KUBEADM,
        "authentication-kubeconfig": KUBEADM,
        "authorization-kubeconfig": KUBEADM,
        "client-ca-file": KUBEADM,
        "cluster-cidr": f"{_NETWORK}.podCIDR",
        "cluster-name": "metadata.name",
        "cluster-signing-cert-file": KUBEADM,
        "cluster-signing-key-file": KUBEADM,
        "kubeconfig": KUBEADM,
        "requestheader-client-ca-file": KUBEADM,
        "root-ca-file": KUBEADM,
        "service-account-private-key-file": KUBEADM,
        "service-cluster-ip-range": f"{_NETWORK}.serviceCIDR",
    },
    "kube-scheduler": {
        "authentication-kubeconfig": KUBEADM,
        "authorization-kubeconfig": KUBEADM,
        "config": "spec.kubernetes.scheduler.config",
        "kubeconfig": KUBEADM,
    },
    "etcd": {
        "advertise-client-urls": KUBEADM,
        "cert-file": KUBEADM,
        "client-cert-auth": KUBEADM,
        "data-dir": KUBEADM,
        "initial-advertise-peer-urls": KUBEADM,
        "initial-cluster": KUBEADM,
        "initial-cluster-state": KUBEADM,
        "key-file": KUBEADM,
        "listen-client-urls": KUBEADM,
        "listen-peer-urls": KUBEADM,
        "name": KUBEADM,
        "peer-cert-file": KUBEADM,
        "peer-client-cert-auth": KUBEADM,
        "peer-key-file": KUBEADM,
        "peer-trusted-ca-file": KUBEADM,
        "trusted-ca-file": KUBEADM,
    },
}

TYPE = {"apiVersion": SLIPWAY, "kind": SLIPWAY}

#: Field of KubeletConfiguration -> who sets it, wherever it is written.
KUBELET: Final = {
    **TYPE,
    "authentication.x509.clientCAFile": KUBEADM,
    "cgroupDriver": f"{_RUNTIME}.cgroupDriver",
    "clusterDNS": f"{_NETWORK}.dnsAddress",
    "clusterDomain": f"{_NETWORK}.dnsDomain",
    "containerRuntimeEndpoint": KUBEADM,
    "failSwapOn": "settings.swap",
    "healthzBindAddress": f"{SLIPWAY}, which asks it there",
    "healthzPort": f"{SLIPWAY}, which asks it there",
    "registerWithTaints": "settings.taints",
    "staticPodPath": KUBEADM,
}

#: The same for those of every kubelet; a single host may differ in them.
KUBELETS: Final = {
    **KUBELET,
    "imageGCHighThresholdPercent": "spec.kubernetes.kubelet.imageGC.high",
    "imageGCLowThresholdPercent": "spec.kubernetes.kubelet.imageGC.low",
    "maxPods": "spec.kubernetes.kubelet.maxPods",
}

#: Field of KubeProxyConfiguration -> who sets it.
KUBE_PROXY: Final = {
    **TYPE,
    "clientConnection.kubeconfig": KUBEADM,
    "clusterCIDR": f"{_NETWORK}.podCIDR",
    "mode": "spec.kubernetes.kubeProxy.mode",
}

#: Field of KubeSchedulerConfiguration -> who sets it.
SCHEDULER: Final = {**TYPE, "clientConnection.kubeconfig": KUBEADM}

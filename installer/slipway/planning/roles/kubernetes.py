"""kubernetes_node, kubernetes_control_plane, kubernetes_worker: what makes a host a node of the cluster."""

from typing import Any

from slipway.model.configuration import Configuration
from slipway.model.host.items import Host
from slipway.model.kubernetes import Kubernetes
from slipway.planning import hardening, kubeadm
from slipway.planning.roles.base import ITEM, SETTINGS, SOME_RUNTIME, Given, Role, registry_access

#: Programs that a node fetches from the site registry.
BINARIES = ("kubelet", "kubeadm", "kubectl", "cni-plugins")
#: Behind all that an API server knows of keys.
ENCRYPTION_FIELD = "spec.kubernetes.encryptSecrets"


def _control_plane(_configuration: Configuration, host: Host) -> bool:
    return host.control_plane


def _worker(_configuration: Configuration, host: Host) -> bool:
    return not host.control_plane


def keeps_services(kubernetes: Kubernetes) -> bool:
    """Whether packets for Services are kept on the node; other networks may carry them off it by ways of their own."""
    return kubernetes.network.cni == "flannel"


def _node_variables(given: Given) -> dict[str, Any]:
    kubernetes, host = given.kubernetes, given.host
    network = kubernetes.network
    return {
        "artifacts": given.binaries(BINARIES),
        "version": kubernetes.version,
        "services": network.service_cidr if keeps_services(kubernetes) else "",
        "address": host.node_address,
        "kubelet_config": kubeadm.kubelet_drop_in(kubernetes, host),
        "registry": registry_access(given.configuration, host),
    }


def _member(given: Given) -> dict[str, Any]:
    """What kubeadm needs of a host, whatever it becomes."""
    return {
        "name": given.host.name,
        "address": given.host.address,
        "init_host": given.configuration.control_planes[0].name,
        "cri_socket": kubeadm.cri_socket(given.host),
        "ignore_preflight_errors": list(given.kubernetes.ignore_preflight_errors),
    }


def _control_plane_variables(given: Given) -> dict[str, Any]:
    kubernetes = given.kubernetes
    dns = kubeadm.own_dns_address(kubernetes)
    keys = given.facts.keys or (kubernetes.secrets_key,)
    return {
        **_member(given),
        # Unsaid where it is kubeadm's, as records of earlier releases have it.
        **({"dns_address": dns} if dns else {}),
        "cluster": kubeadm.cluster_configuration(given.configuration, kubernetes, keys),
        "kubelet": kubeadm.kubelet_defaults(kubernetes),
        "kube_proxy": kubeadm.kube_proxy(kubernetes),
        "scheduler": kubeadm.scheduler_file(kubernetes),
        # Unsaid where there is nothing, as in records of earlier releases.
        **(
            {"api_files": files}
            if (files := hardening.texts(hardening.api_files(kubernetes).values()))
            else {}
        ),
        **({"audit_logs": hardening.AUDIT_LOGS} if hardening.audit_policy(kubernetes) else {}),
        **(
            {"encryption": hardening.encryption(keys), "encryption_file": file}
            if (file := hardening.encryption_file(keys))
            else {}
        ),
        "taints": kubeadm.taints(given.host),
    }


def _worker_variables(given: Given) -> dict[str, Any]:
    endpoint = given.kubernetes.endpoint
    return {**_member(given), "endpoint": f"{endpoint.address}:{endpoint.port}"}


NODE = Role(
    name="kubernetes_node",
    variables=_node_variables,
    rolling=True,
    fields={
        "artifacts": "bundle: Kubernetes programs",
        "version": "spec.kubernetes.version",
        "services": "spec.kubernetes.network",
        "address": f"{ITEM}.address, {ITEM}.addresses.business",
        "kubelet_config": f"spec.kubernetes.kubelet or profile, {SETTINGS}.kubelet, runtime or swap",
        "registry": "spec.registry",
    },
)

CONTROL_PLANE = Role(
    name="kubernetes_control_plane",
    wanted=_control_plane,
    variables=_control_plane_variables,
    rolling=True,
    fields={
        "cluster.apiServer": f"spec.kubernetes.apiServer, profile, auditPolicy or encryptSecrets, or {SOME_RUNTIME}",
        "cluster.clusterName": "metadata.name",
        "cluster.controlPlaneEndpoint": "spec.kubernetes.endpoint",
        "cluster.controllerManager": "spec.kubernetes.controllerManager or profile",
        "cluster.dns": SOME_RUNTIME,
        "cluster.etcd": "spec.kubernetes.etcd",
        "cluster.imageRepository": SOME_RUNTIME,
        "cluster.kubernetesVersion": "spec.kubernetes.version",
        "cluster.networking": "spec.kubernetes.network",
        "cluster.scheduler": "spec.kubernetes.scheduler or profile",
        "address": f"{ITEM}.address",
        "api_files": "spec.kubernetes.profile or auditPolicy",
        "audit_logs": "spec.kubernetes.profile or auditPolicy",
        "dns_address": "spec.kubernetes.network.dnsAddress",
        "encryption": ENCRYPTION_FIELD,
        "encryption_file": ENCRYPTION_FIELD,
        "ignore_preflight_errors": "spec.kubernetes.ignorePreflightErrors",
        "kubelet": "spec.kubernetes.network",
        "kube_proxy": "spec.kubernetes.kubeProxy",
        "scheduler": "spec.kubernetes.scheduler.config",
        "taints": f"{SETTINGS}.taints",
        "cri_socket": f"{SETTINGS}.runtime.type",
        "init_host": "spec.hosts.items",
    },
)

WORKER = Role(
    name="kubernetes_worker",
    wanted=_worker,
    variables=_worker_variables,
    fields={
        "address": f"{ITEM}.address",
        "ignore_preflight_errors": "spec.kubernetes.ignorePreflightErrors",
        "init_host": "spec.hosts.items",
        "endpoint": "spec.kubernetes.endpoint",
        "cri_socket": f"{SETTINGS}.runtime.type",
    },
)

"""Which field of the ClusterConfiguration stands behind each input of a step: the `why` of a plan."""

from slipway.model.configuration import Host

_SETTINGS = "spec.hosts…settings"

#: Role variable -> field path. `{host}` is replaced by the host's name.
FIELDS = {
    "registry_name": "spec.registry.name",
    "registry_address": "spec.hosts.items[{host}].address",
    "registry_port": "spec.registry.port",
    "registry_push_port": "spec.registry.pushPort",
    "registry_data_root": "spec.registry.dataRoot",
    "registry_artifact": "bundle: registry",
    "registry_tls_certificate": "secret slipway-registry/tls.crt",
    "registry_tls_key": "secret slipway-registry/tls.key",
    "registry_pull_htpasswd": "secret slipway-registry/pull.htpasswd",
    "registry_push_htpasswd": "secret slipway-registry/push.htpasswd",
    "node_prepare_hostname": "spec.hosts.items[{host}].name",
    "node_prepare_hosts_entries": f"{_SETTINGS}.extraHosts, spec.kubernetes.endpoint, spec.registry",
    "node_prepare_dns": f"{_SETTINGS}.dns",
    "node_prepare_kernel_modules": f"{_SETTINGS}.kernelModules",
    "node_prepare_sysctl": f"{_SETTINGS}.sysctl",
    "node_prepare_packages": f"{_SETTINGS}.packages",
    "node_prepare_repositories": "bundle: packages",
    "node_prepare_registry": "spec.registry",
    "load_balancer_name": "spec.hosts.items[{host}].name",
    "load_balancer_address": "spec.hosts.items[{host}].address",
    "load_balancer_port": "spec.kubernetes.endpoint.port",
    "load_balancer_vip": "spec.kubernetes.endpoint.vip",
    "load_balancer_virtual_router_id": "spec.kubernetes.endpoint.virtualRouterID",
    "load_balancer_priority": "spec.hosts.items",
    "load_balancer_peers": "spec.hosts.items",
    "container_runtime_artifacts": "bundle: container runtime",
    "container_runtime_data_root": f"{_SETTINGS}.runtime.dataRoot",
    "container_runtime_cgroup_driver": f"{_SETTINGS}.runtime.cgroupDriver",
    "container_runtime_restrict_oom_score_adj": f"{_SETTINGS}.runtime.restrictOOMScoreAdj",
    "container_runtime_limit_nofile": f"{_SETTINGS}.runtime.limitNOFILE",
    "container_runtime_sandbox_image": "bundle: registry.k8s.io/pause",
    "container_runtime_mirrors": "bundle: image names",
    "container_runtime_registry": "spec.registry",
    "kubernetes_node_artifacts": "bundle: Kubernetes programs",
    "kubernetes_node_version": "spec.kubernetes.version",
    "kubernetes_node_address": "spec.hosts.items[{host}].address",
    "kubernetes_node_kubelet_config": f"spec.kubernetes.kubelet, {_SETTINGS}.kubelet",
    "kubernetes_node_registry": "spec.registry",
    "kubernetes_control_plane_cluster.apiServer": "spec.kubernetes.apiServer",
    "kubernetes_control_plane_cluster.clusterName": "metadata.name",
    "kubernetes_control_plane_cluster.controlPlaneEndpoint": "spec.kubernetes.endpoint",
    "kubernetes_control_plane_cluster.controllerManager": "spec.kubernetes.controllerManager",
    "kubernetes_control_plane_cluster.etcd": "spec.kubernetes.etcd",
    "kubernetes_control_plane_cluster.kubernetesVersion": "spec.kubernetes.version",
    "kubernetes_control_plane_cluster.networking": "spec.kubernetes.network",
    "kubernetes_control_plane_cluster.scheduler": "spec.kubernetes.scheduler",
    "kubernetes_control_plane_address": "spec.hosts.items[{host}].address",
    "kubernetes_control_plane_ignore_preflight_errors": "spec.kubernetes.ignorePreflightErrors",
    "kubernetes_control_plane_kubelet": "spec.kubernetes.network",
    "kubernetes_control_plane_kube_proxy": "spec.kubernetes.kubeProxy",
    "kubernetes_control_plane_taints": f"{_SETTINGS}.taints",
    "kubernetes_control_plane_init_host": "spec.hosts.items",
    "kubernetes_worker_address": "spec.hosts.items[{host}].address",
    "kubernetes_worker_ignore_preflight_errors": "spec.kubernetes.ignorePreflightErrors",
    "kubernetes_worker_init_host": "spec.hosts.items",
    "kubernetes_worker_endpoint": "spec.kubernetes.endpoint",
    "labels": f"{_SETTINGS}.labels",
    "taints": f"{_SETTINGS}.taints",
    "records": "host records",
    "crds": "this release's CustomResourceDefinitions",
    "secrets": "secrets",
}


def field_of(part: str, target: str | Host) -> str:
    """Field path behind a part; a part without one stands for itself."""
    host = target.name if isinstance(target, Host) else target
    return FIELDS.get(part, part).replace("{host}", host).replace("…", f".items[{host}].")

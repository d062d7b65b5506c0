"""What a module's values may know of the cluster. Not its hosts: adding a host must change no module."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slipway.model.configuration import Configuration, Registry, Spec
    from slipway.model.kubernetes import Kubernetes


def cluster_facts(configuration: "Configuration") -> dict[str, Any]:
    """Facts of the cluster for values templates: JSON-shaped, and the same for every module, whoever owns it."""
    from slipway.model.kubernetes import Network

    configuration = configuration.site
    kubernetes = configuration.spec.kubernetes
    network = kubernetes.network if kubernetes else Network()
    return {
        "clusterName": configuration.name,
        "namespace": configuration.namespace,
        "kubernetesVersion": kubernetes.version if kubernetes else "",
        "endpoint": _endpoint(kubernetes),
        "podCIDR": network.pod_cidr,
        "serviceCIDR": network.service_cidr,
        "businessCIDR": _business(configuration.spec),
        "dnsDomain": network.dns_domain,
        "registry": _registry(configuration.spec.registry),
        "proxyMode": kubernetes.kube_proxy.mode if kubernetes else "iptables",
    }


def _business(spec: "Spec") -> str:
    """Range of the network of nodes and pods; empty: it is that of the hosts' addresses."""
    network = spec.hosts.networks.business if spec.hosts else None
    return network.cidr if network else ""


def _endpoint(kubernetes: "Kubernetes | None") -> str:
    return f"{kubernetes.endpoint.address}:{kubernetes.endpoint.port}" if kubernetes else ""


def _registry(registry: "Registry") -> str:
    """Host and port of the site registry."""
    if registry.mode == "external":
        return (registry.endpoint or "").partition("://")[2]
    return f"{registry.name}:{registry.port}"

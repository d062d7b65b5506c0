"""Where a kind lives in the REST API. The ones that every run reads are known; others are asked for once."""

from typing import NamedTuple
from urllib.parse import quote

from slipway.settings import API_VERSION


class Resource(NamedTuple):
    """A kind's plural, and whether its objects are in namespaces."""

    plural: str
    namespaced: bool
    has_status: bool = False
    """Whether controllers write its status apart from the rest; not asked of the kinds that are known."""


#: Known without asking: so a plan that finds nothing to do costs no discovery.
KNOWN: dict[tuple[str, str], Resource] = {
    ("v1", "ConfigMap"): Resource("configmaps", True),
    ("v1", "Event"): Resource("events", True),
    ("v1", "Namespace"): Resource("namespaces", False),
    ("v1", "Node"): Resource("nodes", False),
    ("v1", "PersistentVolumeClaim"): Resource("persistentvolumeclaims", True),
    ("v1", "Pod"): Resource("pods", True),
    ("v1", "Secret"): Resource("secrets", True),
    ("v1", "Service"): Resource("services", True),
    ("v1", "ServiceAccount"): Resource("serviceaccounts", True),
    ("apps/v1", "DaemonSet"): Resource("daemonsets", True),
    ("apps/v1", "Deployment"): Resource("deployments", True),
    ("apps/v1", "StatefulSet"): Resource("statefulsets", True),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"): Resource("customresourcedefinitions", False),
    ("coordination.k8s.io/v1", "Lease"): Resource("leases", True),
    (API_VERSION, "ClusterConfiguration"): Resource("clusterconfigurations", True),
}


def group_path(api_version: str) -> str:
    """`/api/v1` or `/apis/apps/v1`."""
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def object_path(
    api_version: str, resource: Resource, namespace: str, name: str, subresource: str = ""
) -> str:
    """URL path of a collection, an object or its subresource."""
    parts = [group_path(api_version)]
    if resource.namespaced and namespace:
        parts += ["namespaces", quote(namespace)]
    parts.append(resource.plural)
    parts += [quote(part, safe="") for part in (name, subresource) if part]
    return "/".join(parts)

"""A role's variables for one host: the inputs of its digest, of the inventory plugin and of the run."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict
from typing import Any

from slipway.errors import BundleError
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest
from slipway.model.configuration import Configuration, Host, Kubernetes, SecretRef
from slipway.planning import kubeadm
from slipway.planning.digests import secret

#: In the order in which a host takes them.
ROLES = (
    "registry",
    "node_prepare",
    "node_system",
    "load_balancer",
    "container_runtime",
    "kubernetes_node",
    "kubernetes_control_plane",
    "kubernetes_worker",
)

#: Packages of the site's repository that the role needs; node_prepare installs them.
LOAD_BALANCER_PACKAGES = ("curl", "keepalived")

#: Programs that each role fetches from the site registry.
RUNTIME_BINARIES = ("containerd",)
NODE_BINARIES = ("kubelet", "kubeadm", "kubectl", "cni-plugins")

#: Of VRRP, which goes to 254; what is taken off for an API server that does not answer must exceed any difference.
HIGHEST_PRIORITY = 200

REGISTRY_SECRETS = "slipway-registry"


#: Roles that a host may lose: once more they run, without what they were for, and clean up.
OPTIONAL = frozenset({"load_balancer", "node_system"})


def roles_of(configuration: Configuration, host: Host, begun: Collection[str] = ()) -> tuple[str, ...]:
    """The roles that this host has, in order.

    `begun` are those that its records or intents name: an optional one that it has no more cleans up after itself.
    """
    wanted = {"node_prepare", "container_runtime", "kubernetes_node"}
    wanted.add("kubernetes_control_plane" if host.control_plane else "kubernetes_worker")
    if configuration.registry_host == host:
        wanted.add("registry")
    if any(_system_settings(host).values()):
        wanted.add("node_system")
    if _balances(configuration, host):
        wanted.add("load_balancer")
    wanted |= OPTIONAL.intersection(begun)
    return tuple(role for role in ROLES if role in wanted)


def _balances(configuration: Configuration, host: Host) -> bool:
    kubernetes = configuration.spec.kubernetes
    return host.control_plane and kubernetes is not None and kubernetes.endpoint.load_balancer == "keepalived"


def role_variables(
    configuration: Configuration, bundle: BundleManifest, host: Host, role: str
) -> dict[str, Any]:
    """All variables of the role, each prefixed with the role's name. Secrets are placeholders.

    Raises:
        BundleError: the bundle lacks something that the role needs.
    """
    kubernetes = configuration.spec.kubernetes
    if kubernetes is None:
        raise BundleError("hosts without kubernetes have no roles", where=f"host/{host.name}")
    builders: dict[str, Callable[[], dict[str, Any]]] = {
        "registry": lambda: _registry(configuration, bundle, host),
        "node_prepare": lambda: _node_prepare(configuration, bundle, host),
        "node_system": lambda: _node_system(bundle, host),
        "load_balancer": lambda: _load_balancer(configuration, host, kubernetes),
        "container_runtime": lambda: _container_runtime(configuration, bundle, host),
        "kubernetes_node": lambda: _kubernetes_node(configuration, bundle, host, kubernetes),
        "kubernetes_control_plane": lambda: _control_plane(configuration, host, kubernetes),
        "kubernetes_worker": lambda: _worker(configuration, host, kubernetes),
    }
    return {f"{role}_{name}": value for name, value in builders[role]().items()}


def registry_access(configuration: Configuration) -> dict[str, Any]:
    """How a node reaches the site registry for pulls."""
    registry = configuration.spec.registry
    if registry.mode == "builtin":
        host = configuration.registry_host
        return {
            "name": registry.name,
            "address": host.address if host else "",
            "url": f"https://{registry.name}:{registry.port}",
            "ca": secret(f"{REGISTRY_SECRETS}/ca.crt"),
            "credentials": secret(f"{REGISTRY_SECRETS}/pull"),
        }
    endpoint = registry.endpoint or ""
    access: dict[str, Any] = {"name": endpoint.split("//")[-1].rsplit(":", 1)[0], "url": endpoint}
    for key, reference in (("ca", registry.ca_ref), ("credentials", registry.pull_ref)):
        if reference:
            access[key] = secret(_path(reference))
    return access


def mirrored_names(bundle: BundleManifest) -> list[str]:
    """Every upstream registry whose images the bundle carries under their own names."""
    images = (artifact.name for artifact in bundle.artifacts if artifact.kind is ArtifactKind.IMAGE)
    return sorted({image.split("/", 1)[0] for image in images})


def _path(reference: SecretRef) -> str:
    return f"{reference.name}/{reference.key}"


def _artifact(artifact: Artifact) -> dict[str, Any]:
    fields = asdict(artifact) | {"repository": artifact.repository}
    return {name: fields[name] for name in ("name", "version", "digest", "repository", "size")}


def _binaries(bundle: BundleManifest, names: Iterable[str], host: Host) -> list[dict[str, Any]]:
    return [_artifact(_required(bundle, ArtifactKind.BINARY, name, host)) for name in names]


def _required(bundle: BundleManifest, kind: ArtifactKind, name: str, host: Host) -> Artifact:
    found = bundle.find(kind, name)
    if found is None:
        raise BundleError(
            f"the bundle has no {kind} {name}",
            where=f"host/{host.name}",
            hint="build it for this ClusterConfiguration: slipway bundle build -f cluster.yaml -o DIR",
        )
    return found


def _registry(configuration: Configuration, bundle: BundleManifest, host: Host) -> dict[str, Any]:
    registry = configuration.spec.registry
    return {
        "name": registry.name,
        "address": host.address,
        "port": registry.port,
        "push_port": registry.push_port,
        "data_root": registry.data_root,
        "artifact": _artifact(_required(bundle, ArtifactKind.BINARY, "registry", host)),
        "tls_certificate": secret(f"{REGISTRY_SECRETS}/tls.crt"),
        "tls_key": secret(f"{REGISTRY_SECRETS}/tls.key"),
        "pull_htpasswd": secret(f"{REGISTRY_SECRETS}/pull.htpasswd"),
        "push_htpasswd": secret(f"{REGISTRY_SECRETS}/push.htpasswd"),
    }


def _hosts_entries(configuration: Configuration, host: Host, kubernetes: Kubernetes) -> list[dict[str, Any]]:
    """Endpoint, registry, the host itself, and what the user adds: never the list of all hosts."""
    entries = [{"address": host.address, "names": [host.name]}]
    endpoint = kubernetes.endpoint
    if not endpoint.address.replace(".", "").isdigit():
        target = endpoint.vip or configuration.control_planes[0].address
        entries.append({"address": target, "names": [endpoint.address]})
    if configuration.registry_host:
        entries.append(
            {"address": configuration.registry_host.address, "names": [configuration.spec.registry.name]}
        )
    entries += [{"address": e.address, "names": list(e.names)} for e in host.settings.extra_hosts]
    return entries


def _node_prepare(configuration: Configuration, bundle: BundleManifest, host: Host) -> dict[str, Any]:
    settings, kubernetes = host.settings, configuration.spec.kubernetes
    assert kubernetes is not None  # noqa: S101 - role_variables refused it
    return {
        "hostname": host.name,
        "hosts_entries": _hosts_entries(configuration, host, kubernetes),
        "dns": {"servers": list(settings.dns.servers), "search": list(settings.dns.search)},
        "kernel_modules": list(settings.kernel_modules),
        "sysctl": dict(settings.sysctl),
        "packages": [
            *settings.packages,
            *(LOAD_BALANCER_PACKAGES if _balances(configuration, host) else ()),
        ],
        "repositories": _repositories(bundle),
        "registry": registry_access(configuration),
    }


def _repositories(bundle: BundleManifest) -> dict[str, Any]:
    """Package repositories by system."""
    packages = (artifact for artifact in bundle.artifacts if artifact.kind is ArtifactKind.PACKAGES)
    return {artifact.name: _artifact(artifact) for artifact in packages}


def _system_settings(host: Host) -> dict[str, Any]:
    """What is set of the host's time, limits and journal; what is not set is not there."""
    settings = host.settings
    return {
        "time_servers": list(settings.time.servers),
        "limits": settings.limits.model_dump(exclude_none=True),
        "journald": settings.journald.model_dump(exclude_none=True),
    }


def _node_system(bundle: BundleManifest, host: Host) -> dict[str, Any]:
    """Packages count only where chrony comes from them: another bundle is no reason to look at limits again."""
    wanted = _system_settings(host)
    return {**wanted, "repositories": _repositories(bundle) if wanted["time_servers"] else {}}


def _load_balancer(configuration: Configuration, host: Host, kubernetes: Kubernetes) -> dict[str, Any]:
    """The first control plane has the address as long as its API server answers, then the next one."""
    planes, endpoint = configuration.control_planes, kubernetes.endpoint
    if not _balances(configuration, host):
        return {"name": host.name, "address": host.address}
    return {
        "name": host.name,
        "address": host.address,
        "port": endpoint.port,
        "vip": endpoint.vip,
        "virtual_router_id": endpoint.virtual_router_id,
        "priority": HIGHEST_PRIORITY - planes.index(host),
        "peers": [plane.address for plane in planes if plane != host],
    }


def _container_runtime(configuration: Configuration, bundle: BundleManifest, host: Host) -> dict[str, Any]:
    runtime = host.settings.runtime
    pause = _required(bundle, ArtifactKind.IMAGE, "registry.k8s.io/pause", host)
    return {
        "artifacts": _binaries(bundle, RUNTIME_BINARIES, host),
        "data_root": runtime.data_root,
        "cgroup_driver": runtime.cgroup_driver,
        "restrict_oom_score_adj": runtime.restrict_oom_score_adj,
        "limit_nofile": runtime.limit_no_file,
        "sandbox_image": pause.reference,
        "mirrors": mirrored_names(bundle),
        "registry": registry_access(configuration),
    }


def _kubernetes_node(
    configuration: Configuration, bundle: BundleManifest, host: Host, kubernetes: Kubernetes
) -> dict[str, Any]:
    return {
        "artifacts": _binaries(bundle, NODE_BINARIES, host),
        "version": kubernetes.version,
        "address": host.address,
        "kubelet_config": kubeadm.kubelet_drop_in(kubernetes, host),
        "registry": registry_access(configuration),
    }


def _control_plane(configuration: Configuration, host: Host, kubernetes: Kubernetes) -> dict[str, Any]:
    return {
        "name": host.name,
        "address": host.address,
        "init_host": configuration.control_planes[0].name,
        "cluster": kubeadm.cluster_configuration(configuration, kubernetes),
        "kubelet": kubeadm.kubelet_defaults(kubernetes),
        "kube_proxy": kubeadm.kube_proxy(kubernetes),
        "taints": kubeadm.taints(host),
        "ignore_preflight_errors": list(kubernetes.ignore_preflight_errors),
    }


def _worker(configuration: Configuration, host: Host, kubernetes: Kubernetes) -> dict[str, Any]:
    return {
        "name": host.name,
        "address": host.address,
        "init_host": configuration.control_planes[0].name,
        "endpoint": f"{kubernetes.endpoint.address}:{kubernetes.endpoint.port}",
        "ignore_preflight_errors": list(kubernetes.ignore_preflight_errors),
    }

"""container_runtime: what runs containers, where it keeps them, where it pulls from."""

from typing import Any
from urllib.parse import urlsplit

from slipway.errors import BundleError
from slipway.model.bundle import ArtifactKind
from slipway.model.configuration import Configuration
from slipway.model.host.items import Host
from slipway.model.host.runtime import Runtime, RuntimeRegistry
from slipway.model.observed import Drift
from slipway.model.placeholders import SecretValue
from slipway.planning.roles.base import SETTINGS, SOME_RUNTIME, Given, Role, registry_access, secret_path
from slipway.planning.sitenames import has_docker, mirrored_names, signed_images

#: Programs that it fetches from the site registry.
BINARIES = {"containerd": ("containerd",), "docker": ("cri-dockerd",)}
#: Debian's, which bring containerd and runc with them.
PACKAGES = {"containerd": (), "docker": ("docker.io",)}
DOCKER_SETTINGS = "/etc/docker/daemon.json"
#: What a proxy never has to reach.
LOCAL = ("localhost", "127.0.0.1")
#: Variables that are settings of dockerd.
RESTARTING = frozenset(
    {
        "live_restore",
        "limit_nofile",
        "log",
        "max_concurrent_downloads",
        "proxy",
        "registries",
        "restrict_oom_score_adj",
    }
)
#: Where both runtimes have data root and cgroup driver.
SETTINGS_FILES = ("/etc/containerd/config.toml", DOCKER_SETTINGS)
#: What dockerd is restarted for.
DOCKER_FILES = (DOCKER_SETTINGS, "/etc/systemd/system/docker.service")
_UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}


def api_root(url: str) -> str:
    """Where the registry API of a URL begins: a path stands behind /v2, as proxies of other registries have it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/v2{parts.path.rstrip('/')}"


def size_in_bytes(quantity: str) -> int:
    """Bytes of 10Mi."""
    return int(quantity[:-2]) * _UNITS[quantity[-2:]]


def _artifacts(given: Given, kind: str) -> list[dict[str, Any]]:
    """Programs of the runtime.

    Raises:
        BundleError: the bundle has none; for Docker that is said in words of its own.
    """
    platform = given.host.platform
    if kind == "docker" and given.bundle.find(ArtifactKind.BINARY, "cri-dockerd", platform=platform) is None:
        raise BundleError(
            "the bundle has no binary cri-dockerd, without which the kubelet cannot use Docker",
            where=f"host/{given.host.name}",
            hint="pin cri-dockerd in images/versions.yaml and build the bundle again, or set runtime.type: containerd",
        )
    return given.binaries(BINARIES[kind])


def _upstream(name: str) -> str:
    return "https://registry-1.docker.io" if name == "docker.io" else f"https://{name}"


def _registry(found: RuntimeRegistry) -> dict[str, Any]:
    """One registry: where its API begins, and how it is trusted. With mirrors and no endpoint nobody else is asked."""
    *mirrors, server = [*found.mirrors, *([found.endpoint] if found.endpoint else [])] or [
        _upstream(found.name)
    ]
    entry: dict[str, Any] = {
        "name": found.name,
        "server": api_root(server),
        "mirrors": [api_root(url) for url in mirrors],
        "mirror_urls": [url.rstrip("/") for url in found.mirrors],
        "insecure": found.insecure,
    }
    for key, reference in (("ca", found.ca_ref), ("credentials", found.credentials_ref)):
        if reference:
            entry[key] = SecretValue(secret_path(reference))
    return entry


def _proxy(given: Given, runtime: Runtime) -> dict[str, Any]:
    """The proxy and what is reached without it; nothing where there is none."""
    proxy = runtime.proxy
    if not (proxy.http or proxy.https):
        return {}
    network, endpoint = given.kubernetes.network, given.kubernetes.endpoint
    access = registry_access(given.configuration, given.host)
    without = [*LOCAL, given.host.address, network.service_cidr, network.pod_cidr]
    without += [".svc", f".{network.dns_domain}", endpoint.address, endpoint.vip or ""]
    without += [access["name"], access.get("address", ""), access.get("replica", ""), *proxy.no_proxy]
    return {
        "http": proxy.http or "",
        "https": proxy.https or "",
        "no_proxy": [name for name in dict.fromkeys(without) if name],
    }


def _log(runtime: Runtime) -> dict[str, Any]:
    """Docker's own log options; under containerd the kubelet rotates."""
    if runtime.type != "docker":
        return {}
    size, files = runtime.log.max_size, runtime.log.max_files
    options = {"max-size": str(size_in_bytes(size)) if size else "", "max-file": str(files) if files else ""}
    return {name: value for name, value in options.items() if value}


def _variables(given: Given) -> dict[str, Any]:
    runtime = given.host.settings.runtime
    images = signed_images(given.configuration, given.bundle, given.host)
    own = {found.name for found in runtime.registries}
    return {
        "type": runtime.type,
        "artifacts": _artifacts(given, runtime.type),
        "data_root": runtime.root,
        "remove_old_data_root": runtime.remove_old_data_root or "",
        "cgroup_driver": runtime.cgroup_driver,
        "restrict_oom_score_adj": runtime.restrict_oom_score_adj,
        "limit_nofile": runtime.limit_no_file,
        "live_restore": runtime.live_restore,
        "sandbox_image": given.required(ArtifactKind.IMAGE, "registry.k8s.io/pause").reference,
        "mirrors": [name for name in mirrored_names(given.bundle) if name not in own],
        # Unsaid where it is off, as records of earlier releases have it.
        **({"site_names": True} if has_docker(given.configuration) else {}),
        **({"images": images} if images else {}),
        "registries": [_registry(found) for found in runtime.registries],
        "max_concurrent_downloads": runtime.max_concurrent_downloads or 0,
        "log": _log(runtime),
        "proxy": _proxy(given, runtime),
        "registry": registry_access(given.configuration, given.host),
    }


def _packages(_configuration: Configuration, host: Host) -> tuple[str, ...]:
    return PACKAGES[host.settings.runtime.type]


def ends_containers(host: Host) -> bool:
    """Whether a restart of the runtime takes its containers with it: dockerd does where it may not leave them."""
    runtime = host.settings.runtime
    return runtime.type == "docker" and not runtime.live_restore


def _restarts(host: Host) -> frozenset[str]:
    return RESTARTING if ends_containers(host) else frozenset()


def _drift_restarts(host: Host, drift: Drift) -> bool:
    """Data root and cgroup driver stand in the runtime's own settings; dockerd may take its containers with it."""
    settings = drift.what.startswith(SETTINGS_FILES)
    return settings or (ends_containers(host) and drift.what.startswith(DOCKER_FILES))


ROLE = Role(
    name="container_runtime",
    variables=_variables,
    packages=_packages,
    rolling=True,
    disruptive=frozenset({"type", "data_root", "cgroup_driver"}),
    disruptive_on=_restarts,
    disruptive_drift=_drift_restarts,
    destructive=frozenset({"remove_old_data_root"}),
    fields={
        "type": f"{SETTINGS}.runtime.type",
        "artifacts": "bundle: container runtime",
        "data_root": f"{SETTINGS}.runtime.dataRoot",
        "remove_old_data_root": f"{SETTINGS}.runtime.removeOldDataRoot",
        "cgroup_driver": f"{SETTINGS}.runtime.cgroupDriver",
        "restrict_oom_score_adj": f"{SETTINGS}.runtime.restrictOOMScoreAdj",
        "limit_nofile": f"{SETTINGS}.runtime.limitNOFILE",
        "live_restore": f"{SETTINGS}.runtime.liveRestore",
        "sandbox_image": "bundle: registry.k8s.io/pause",
        "mirrors": "bundle: image names",
        "site_names": SOME_RUNTIME,
        "images": "spec.bundle.trustedKeys, bundle",
        "registries": f"{SETTINGS}.runtime.registries",
        "max_concurrent_downloads": f"{SETTINGS}.runtime.maxConcurrentDownloads",
        "log": f"{SETTINGS}.runtime.log",
        "proxy": f"{SETTINGS}.runtime.proxy",
        "registry": "spec.registry",
    },
)

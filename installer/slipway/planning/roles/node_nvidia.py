"""node_nvidia: what gives a host's NVIDIA GPUs to containers."""

from typing import Any

from slipway.model.host.items import Host
from slipway.model.observed import Drift
from slipway.planning.roles.base import SETTINGS, Given, Role, by_sight, registry_access
from slipway.planning.roles.container_runtime import DOCKER_SETTINGS, ends_containers
from slipway.planning.roles.facts import NVIDIA, Facts

#: The toolkit, which it fetches from the site registry.
BINARIES = ("nvidia-container-toolkit",)
#: Where the GPU operator's pods put the driver.
OPERATOR_DRIVER = "/run/nvidia/driver"


def enabled(host: Host, facts: Facts) -> bool:
    """Whether the host's containers shall get GPUs."""
    wanted = host.settings.nvidia.enabled
    return facts.gpus if wanted == "auto" else bool(wanted)


def _variables(given: Given) -> dict[str, Any]:
    settings, runtime = given.host.settings.nvidia, given.host.settings.runtime
    if not enabled(given.host, given.facts):
        return {"enabled": False, "runtime": runtime.type}
    own_driver = settings.driver == "host"
    return {
        "enabled": True,
        "artifacts": given.binaries(BINARIES),
        "registry": registry_access(given.configuration, given.host),
        "runtime": runtime.type,
        "default_runtime": settings.default_runtime,
        "cgroup_driver": runtime.cgroup_driver,
        "driver_root": "/" if own_driver else OPERATOR_DRIVER,
        "persistence": settings.persistence and own_driver,
    }


def _restarts(host: Host) -> frozenset[str]:
    return frozenset({"enabled", "runtime", "default_runtime"}) if ends_containers(host) else frozenset()


def _drift_restarts(host: Host, drift: Drift) -> bool:
    return ends_containers(host) and drift.what.startswith(DOCKER_SETTINGS)


ROLE = Role(
    name=NVIDIA,
    wanted=by_sight,
    wanted_as_seen=enabled,
    variables=_variables,
    optional=True,
    rolling=True,
    disruptive_on=_restarts,
    disruptive_drift=_drift_restarts,
    fields={
        "enabled": f"{SETTINGS}.nvidia.enabled, or what GPUs the host has,",
        "artifacts": "bundle: nvidia-container-toolkit",
        "registry": "spec.registry",
        "runtime": f"{SETTINGS}.runtime.type",
        "default_runtime": f"{SETTINGS}.nvidia.defaultRuntime",
        "cgroup_driver": f"{SETTINGS}.runtime.cgroupDriver",
        "driver_root": f"{SETTINGS}.nvidia.driver",
        "persistence": f"{SETTINGS}.nvidia.persistence",
    },
)

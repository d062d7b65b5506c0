"""container_runtime: what runs containers, where it keeps them, where it pulls from."""

from typing import Any

from slipway.model.bundle import ArtifactKind, BundleManifest
from slipway.planning.roles.base import SETTINGS, Role, Scope, registry_access

#: Programs that it fetches from the site registry.
BINARIES = ("containerd",)


def mirrored_names(bundle: BundleManifest) -> list[str]:
    """Every upstream registry whose images the bundle carries under their own names."""
    images = (found.name for found in bundle.artifacts if found.kind is ArtifactKind.IMAGE)
    return sorted({image.split("/", 1)[0] for image in images})


def _variables(scope: Scope) -> dict[str, Any]:
    runtime = scope.host.settings.runtime
    return {
        "artifacts": scope.binaries(BINARIES),
        "data_root": runtime.data_root,
        "cgroup_driver": runtime.cgroup_driver,
        "restrict_oom_score_adj": runtime.restrict_oom_score_adj,
        "limit_nofile": runtime.limit_no_file,
        "sandbox_image": scope.required(ArtifactKind.IMAGE, "registry.k8s.io/pause").reference,
        "mirrors": mirrored_names(scope.bundle),
        "registry": registry_access(scope.configuration),
    }


ROLE = Role(
    name="container_runtime",
    variables=_variables,
    rolling=True,
    disruptive=frozenset({"data_root", "cgroup_driver"}),
    fields={
        "artifacts": "bundle: container runtime",
        "data_root": f"{SETTINGS}.runtime.dataRoot",
        "cgroup_driver": f"{SETTINGS}.runtime.cgroupDriver",
        "restrict_oom_score_adj": f"{SETTINGS}.runtime.restrictOOMScoreAdj",
        "limit_nofile": f"{SETTINGS}.runtime.limitNOFILE",
        "sandbox_image": "bundle: registry.k8s.io/pause",
        "mirrors": "bundle: image names",
        "registry": "spec.registry",
    },
)

"""Groups of Kubernetes' API: which are its own, and which come with modules."""

from typing import Final

#: Groups with a dot that every API server has, whatever is installed; those without one are all Kubernetes' own.
KUBERNETES_GROUPS: Final = frozenset(
    f"{name}.k8s.io"
    for name in (
        "admissionregistration",
        "apiextensions",
        "apiregistration",
        "authentication",
        "authorization",
        "certificates",
        "coordination",
        "discovery",
        "events",
        "flowcontrol.apiserver",
        "internal.apiserver",
        "networking",
        "node",
        "rbac.authorization",
        "resource",
        "scheduling",
        "storage",
        "storagemigration",
    )
)


def api_group(api_version: str) -> str:
    """`apps` of `apps/v1`; empty for the core's `v1`."""
    return api_version.rpartition("/")[0]


def is_custom(group: str) -> bool:
    """Whether the kinds of a group are defined by somebody else: custom resources."""
    return "." in group and group not in KUBERNETES_GROUPS

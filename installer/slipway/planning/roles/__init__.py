"""A host's roles, one file for each matter: the inputs of their digests, of the inventory plugin and of the run."""

from typing import Any, Final

from slipway.model.bundle import BundleManifest
from slipway.model.configuration import Configuration
from slipway.model.host.items import Host
from slipway.planning.roles import (
    container_runtime,
    kubernetes,
    load_balancer,
    node_directories,
    node_disks,
    node_firewall,
    node_mounts,
    node_nvidia,
    node_prepare,
    node_routes,
    node_system,
    registry,
)
from slipway.planning.roles.base import Given, Role
from slipway.planning.roles.facts import UNSEEN, Facts


def _packages(configuration: Configuration, host: Host) -> tuple[str, ...]:
    return tuple(name for role in ROLES for name in role.packages(configuration, host))


#: In the order in which a host takes them.
ROLES: Final[tuple[Role, ...]] = (
    node_disks.ROLE,
    registry.ROLE,
    node_routes.ROLE,
    node_prepare.role(_packages),
    node_firewall.ROLE,
    node_system.ROLE,
    node_mounts.ROLE,
    node_directories.ROLE,
    load_balancer.ROLE,
    container_runtime.ROLE,
    node_nvidia.ROLE,
    kubernetes.NODE,
    kubernetes.CONTROL_PLANE,
    kubernetes.WORKER,
)

BY_NAME: Final = {role.name: role for role in ROLES}

#: Every variable, with its role's name before it -> field path.
FIELDS: Final = {f"{role.name}_{name}": path for role in ROLES for name, path in role.fields.items()}


def roles_of(configuration: Configuration, host: Host, facts: Facts = UNSEEN) -> tuple[str, ...]:
    """The roles that this host has, in order.

    An optional one that was begun there and is wanted no more is among them: it cleans up after itself.
    """
    return tuple(
        role.name
        for role in ROLES
        if role.wanted(configuration, host)
        or role.wanted_as_seen(host, facts)
        or (role.optional and role.name in facts.begun)
    )


def packages_of(configuration: Configuration) -> tuple[str, ...]:
    """Packages that some host needs besides those that every bundle has; sorted."""
    own = (name for host in configuration.hosts for name in host.settings.packages)
    roles = (name for host in configuration.hosts for name in _packages(configuration, host))
    return tuple(sorted({*own, *roles}))


def role_variables(
    configuration: Configuration, bundle: BundleManifest, host: Host, role: str, facts: Facts = UNSEEN
) -> dict[str, Any]:
    """All variables of the role, each prefixed with the role's name. Secrets are placeholders.

    Raises:
        BundleError: the bundle lacks something that the role needs.
    """
    values = BY_NAME[role].variables(Given(configuration, bundle, host, facts))
    return {f"{role}_{name}": value for name, value in values.items()}

"""registry: the site registry on the host that the ClusterConfiguration names, and its replica on a second one."""

from typing import Any

from slipway.model.bundle import ArtifactKind
from slipway.model.configuration import Configuration
from slipway.model.host.items import Host
from slipway.model.placeholders import SecretValue
from slipway.planning.roles.base import ITEM, REGISTRY_SECRETS, Given, Role, artifact


def _wanted(configuration: Configuration, host: Host) -> bool:
    return host in configuration.registry_hosts


def _variables(given: Given) -> dict[str, Any]:
    registry = given.configuration.spec.registry
    if given.host not in given.configuration.registry_hosts:
        return {"state": "absent", "data_root": registry.data_root}
    return {
        "name": registry.name,
        "address": given.host.address,
        "port": registry.port,
        "push_port": registry.push_port,
        "data_root": registry.data_root,
        "artifact": artifact(given.required(ArtifactKind.BINARY, "registry")),
        "tls_certificate": SecretValue(f"{REGISTRY_SECRETS}/tls.crt"),
        "tls_key": SecretValue(f"{REGISTRY_SECRETS}/tls.key"),
        "pull_htpasswd": SecretValue(f"{REGISTRY_SECRETS}/pull.htpasswd"),
        "push_htpasswd": SecretValue(f"{REGISTRY_SECRETS}/push.htpasswd"),
    }


ROLE = Role(
    name="registry",
    wanted=_wanted,
    variables=_variables,
    optional=True,
    fields={
        "state": "spec.registry.replica",
        "name": "spec.registry.name",
        "address": f"{ITEM}.address",
        "port": "spec.registry.port",
        "push_port": "spec.registry.pushPort",
        "data_root": "spec.registry.dataRoot",
        "artifact": "bundle: registry",
        "tls_certificate": "secret slipway-registry/tls.crt",
        "tls_key": "secret slipway-registry/tls.key",
        "pull_htpasswd": "secret slipway-registry/pull.htpasswd",
        "push_htpasswd": "secret slipway-registry/push.htpasswd",
    },
)

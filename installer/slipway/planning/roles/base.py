"""What a role of a host is to planning, and what several roles take from the configuration and the bundle."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from slipway.errors import BundleError
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest
from slipway.model.configuration import Configuration
from slipway.model.fields import SecretRef
from slipway.model.host.items import Host
from slipway.model.kubernetes import Kubernetes
from slipway.model.observed import Drift, HostObserved
from slipway.model.placeholders import SecretValue
from slipway.model.plan import Consequence
from slipway.planning.roles.facts import UNSEEN, Facts

REGISTRY_SECRETS = "slipway-registry"

#: Stands for the path of a host's settings in a plan; `{host}` for its name.
SETTINGS = "spec.hosts…settings"
ITEM = "spec.hosts.items[{host}]"
#: Of no particular one: what one host has is felt by all.
SOME_RUNTIME = "runtime.type of some host"


@dataclass(frozen=True, slots=True)
class Given:
    """What a role's variables are made from."""

    configuration: Configuration
    bundle: BundleManifest
    host: Host
    facts: Facts = UNSEEN

    @property
    def kubernetes(self) -> Kubernetes:
        """The cluster.

        Raises:
            BundleError: there is none, so that hosts have no roles.
        """
        if self.configuration.spec.kubernetes is None:
            raise BundleError("hosts without kubernetes have no roles", where=f"host/{self.host.name}")
        return self.configuration.spec.kubernetes

    def binaries(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """Programs that the host fetches from the site registry."""
        return [artifact(self.required(ArtifactKind.BINARY, name)) for name in names]

    def required(self, kind: ArtifactKind, name: str) -> Artifact:
        """What the bundle has under this name for the host's platform.

        Raises:
            BundleError: it has nothing.
        """
        platform = self.host.platform
        found = self.bundle.find(kind, name, platform=platform)
        if found is None:
            raise BundleError(
                f"the bundle has no {kind} {name} for {platform.name}",
                where=f"host/{self.host.name}",
                hint="build it for this ClusterConfiguration: slipway bundle build -f cluster.yaml -o DIR",
            )
        return found

    def repositories(self) -> dict[str, Any]:
        """Package repositories by system, for the host's platform."""
        packages = (found for found in self.bundle.artifacts if found.kind is ArtifactKind.PACKAGES)
        return {found.name: artifact(found) for found in packages if found.serves(self.host.platform)}


def always(_configuration: Configuration, _host: Host) -> bool:
    """Every host has the role."""
    return True


def never(_host: Host, _facts: Facts) -> bool:
    """Nothing that is seen on a host gives it the role."""
    return False


def by_sight(_configuration: Configuration, _host: Host) -> bool:
    """The configuration alone gives the role to nobody."""
    return False


def no_packages(_configuration: Configuration, _host: Host) -> tuple[str, ...]:
    """The role needs none."""
    return ()


def no_consequences(_host: Host, _seen: HostObserved) -> tuple[Consequence, ...]:
    """Nothing that a plan has to tell beforehand."""
    return ()


def no_disruption(_host: Host, _drift: Drift) -> bool:
    """None of its files and units."""
    return False


def no_variables(_host: Host) -> frozenset[str]:
    """None."""
    return frozenset()


@dataclass(frozen=True, slots=True)
class Role:
    """One role: who has it, what it is given, and which field stands behind each variable."""

    name: str
    variables: Callable[[Given], dict[str, Any]]
    """Its variables without the prefix; secrets are placeholders."""
    fields: Mapping[str, str]
    """Variable -> field path: the `why` of a plan."""
    wanted: Callable[[Configuration, Host], bool] = always
    """Whether the configuration gives it to the host."""
    wanted_as_seen: Callable[[Host, Facts], bool] = never
    """Whether the host gets it for what was seen there."""
    packages: Callable[[Configuration, Host], tuple[str, ...]] = no_packages
    """Packages of the site's repository that it needs; node_prepare installs them."""
    optional: bool = False
    """A host may lose it: once more it runs, without what it was for, and cleans up."""
    rolling: bool = False
    """A change goes host by host."""
    consequences: Callable[[Host, HostObserved], Iterable[Consequence]] = no_consequences
    """What its step will do to a host that was read."""
    disruptive: frozenset[str] = field(default_factory=frozenset)
    """Variables whose change on a running host stops workloads."""
    disruptive_on: Callable[[Host], frozenset[str]] = no_variables
    """Further ones, on hosts with certain settings."""
    disruptive_drift: Callable[[Host, Drift], bool] = no_disruption
    """Whether mending a file or unit of it on a running host stops workloads."""
    destructive: frozenset[str] = field(default_factory=frozenset)
    """Variables that, set to something, delete data."""


def registry_access(configuration: Configuration, reader: Host) -> dict[str, Any]:
    """How a host reaches the site registry for pulls."""
    registry = configuration.spec.registry
    if registry.mode == "builtin":
        host, replica = configuration.registry_host, configuration.registry_replica
        return {
            "name": registry.name,
            "address": host.address_for(reader) if host else "",
            # Unsaid where there is none, as records of earlier releases have it.
            **({"replica": replica.address_for(reader)} if replica else {}),
            "url": f"https://{registry.name}:{registry.port}",
            "ca": SecretValue(f"{REGISTRY_SECRETS}/ca.crt"),
            "credentials": SecretValue(f"{REGISTRY_SECRETS}/pull"),
        }
    endpoint = registry.endpoint or ""
    access: dict[str, Any] = {"name": endpoint.split("//")[-1].rsplit(":", 1)[0], "url": endpoint}
    if registry.project:
        access["project"] = registry.project
    for key, reference in (("ca", registry.ca_ref), ("credentials", registry.pull_ref)):
        if reference:
            access[key] = SecretValue(secret_path(reference))
    return access


def secret_path(reference: SecretRef) -> str:
    """`NAME/KEY`."""
    return f"{reference.name}/{reference.key}"


def artifact(found: Artifact) -> dict[str, Any]:
    """What a host must know of something that it fetches."""
    fields = asdict(found) | {"repository": found.repository}
    return {name: fields[name] for name in ("name", "version", "digest", "repository", "size")}

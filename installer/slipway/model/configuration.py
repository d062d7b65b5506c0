"""The ClusterConfiguration's spec as typed data, and what it resolves to.

This class and those that it has are the one home of every field: `api` reads user input into them and generates the
CRD from them; planning reads the resolved `Configuration`.
"""

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from slipway.model.fields import (
    IMMUTABLE,
    LIVE,
    MAX_MODULES,
    AbsolutePath,
    DNSName,
    HostName,
    Model,
    Name,
    Port,
    SecretRef,
    ServerURL,
)
from slipway.model.host.items import Host, Hosts
from slipway.model.host.ssh import SSH
from slipway.model.kubernetes import Kubernetes
from slipway.model.modulesecrets import EntryName, ModuleSecret, given_references
from slipway.model.modulesources import ModuleSource
from slipway.model.platforms import AMD64, PLATFORMS, Platform
from slipway.settings import NAMESPACE

#: A path of a registry's repositories, as the distribution protocol allows it.
PROJECT = r"^[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*$"


class Registry(Model):
    """The site registry: the only source of images, charts, binaries and packages."""

    mode: Literal["builtin", "external"] = Field(default="builtin", json_schema_extra=IMMUTABLE)
    """`builtin`: Slipway runs it on a host of the site; `external`: it is there already."""
    host: HostName | None = Field(default=None, json_schema_extra=IMMUTABLE)
    """builtin: the host that runs it; unset: the first control plane."""
    replica: HostName | None = Field(default=None, json_schema_extra=LIVE)
    """builtin: a second host that holds the same, and answers under the same name where the first does not."""
    name: DNSName = Field(default="registry.slipway.internal", json_schema_extra=IMMUTABLE)
    """builtin: its name, in every host's hosts entries and in its certificate."""
    data_root: AbsolutePath = Field(default="/var/lib/slipway-registry", json_schema_extra=IMMUTABLE)
    """builtin: where it keeps its blobs."""
    port: Port = Field(default=5000, json_schema_extra=IMMUTABLE)
    """Port for pulls."""
    push_port: Port = Field(default=5001, json_schema_extra=IMMUTABLE)
    """builtin: port for pushes; only the push account may use it, and the pull port is read-only."""
    endpoint: ServerURL | None = Field(default=None, json_schema_extra=LIVE)
    """external: its URL."""
    project: str | None = Field(default=None, max_length=128, pattern=PROJECT, json_schema_extra=LIVE)
    """external: where in it everything lies, as platform in Harbor: quay.io/x/y is platform/quay.io/x/y there, and
    still quay.io/x/y for whoever pulls. Unset: at its top."""
    ca_ref: SecretRef | None = Field(default=None, json_schema_extra=LIVE)
    """external: certificate authority; unset: the system's."""
    pull_ref: SecretRef | None = Field(default=None, json_schema_extra=LIVE)
    """external: `user:password` for pulls; unset: anonymous."""
    push_ref: SecretRef | None = Field(default=None, json_schema_extra=LIVE)
    """external: `user:password` for pushes; unset: anonymous."""


#: A public key of Ed25519 in OpenSSH's form, with or without a comment.
PUBLIC_KEY = r"^ssh-ed25519 [A-Za-z0-9+/]{68}( [^\n]*)?$"


class Bundle(Model):
    """What is asked of bundles."""

    trusted_keys: list[Annotated[str, Field(max_length=256, pattern=PUBLIC_KEY)]] = Field(
        default_factory=list, max_length=8, json_schema_extra=LIVE
    )
    """Public keys, as `slipway bundle keygen` prints them: a bundle that none of them signed is refused, and containerd
    pulls nothing else under the names of its images; empty: any is taken."""


class ModuleSpec(Model):
    """What is wanted of one module."""

    enabled: bool | None = Field(default=None, json_schema_extra=LIVE)
    """true, false, or unset: enabled when something requires it."""
    settings: dict[str, Any] = Field(default_factory=dict, json_schema_extra=LIVE)
    """Typed settings, checked against the module's schema."""
    values: dict[str, Any] = Field(default_factory=dict, json_schema_extra=LIVE)
    """Raw Helm values over those that settings make."""
    secrets: dict[EntryName, ModuleSecret] = Field(
        default_factory=dict, max_length=16, json_schema_extra=LIVE
    )
    """What the site says of the secrets that the module declares; one that is not here is made."""


class Upgrade(Model):
    """How rolling changes go."""

    max_unavailable: int = Field(default=1, ge=1, json_schema_extra=LIVE)
    """Hosts changed at once where pods would notice."""
    drain_timeout: str = Field(default="10m", max_length=16, pattern=r"^[0-9]+[smh]$", json_schema_extra=LIVE)
    """How long a drain may take."""


class Spec(Model):
    """Spec of a ClusterConfiguration."""

    kubernetes: Kubernetes | None = None
    """The cluster; with hosts: both or neither."""
    hosts: Hosts | None = None
    """The servers; one ClusterConfiguration of a cluster has them, others own modules only."""
    registry: Registry = Field(default_factory=Registry)
    """The site registry."""
    bundle: Bundle = Field(default_factory=Bundle)
    """What is asked of bundles before anything is taken from one."""
    modules: dict[Name, ModuleSpec] = Field(
        default_factory=dict, max_length=MAX_MODULES, json_schema_extra=LIVE
    )
    """The platform's modules by name; a key removed means disabled."""
    module_sources: dict[Name, ModuleSource] = Field(
        default_factory=dict, max_length=16, json_schema_extra=LIVE
    )
    """Modules of the site's own by the name of where they come from, beside those of the release."""
    upgrade: Upgrade = Field(default_factory=Upgrade)
    """How rolling changes go."""


class _Places(NamedTuple):
    """Hosts by what they are."""

    hosts: tuple[Host, ...]
    planes: tuple[Host, ...]
    named: dict[str, Host]
    runtimes: frozenset[str]


class Configuration(Model):
    """A validated, defaulted, resolved ClusterConfiguration: all that planning knows of the user's wish."""

    name: str
    namespace: str
    generation: int = 0
    spec: Spec
    hosts: tuple[Host, ...] = ()
    cluster: "Configuration | None" = None
    """Of one that owns modules only: that of the cluster's hosts, whose registry and network it uses as they are."""
    elsewhere: dict[str, str] = Field(default_factory=dict)
    """Modules that other ClusterConfigurations of the cluster have, and whose (NAMESPACE/NAME) they are."""

    @property
    def _places(self) -> "_Places":
        """Looked up once: planning asks for each host. A copy with other hosts has places of its own."""
        known = self.__dict__.get("_places_of_hosts")
        if not isinstance(known, _Places) or known.hosts is not self.hosts:
            planes = tuple(host for host in self.hosts if host.control_plane)
            named = {host.name: host for host in reversed(self.hosts)}
            runtimes = frozenset(host.settings.runtime.type for host in self.hosts)
            known = _Places(self.hosts, planes, named, runtimes)
            self.__dict__["_places_of_hosts"] = known
        return known

    @property
    def site(self) -> "Configuration":
        """The one that says how the cluster and its registry are."""
        return self.cluster or self

    def ssh_of(self, host: Host) -> SSH:
        """How a host is reached: as all are, or by its own login. The configuration has hosts."""
        if self.spec.hosts is None:
            raise ValueError("a configuration without hosts reaches none")
        return self.spec.hosts.ssh.by(host.settings.ssh)

    @property
    def login_references(self) -> frozenset[str]:
        """NAME/KEY of every secret that reaching the hosts takes, those included that leave."""
        if self.spec.hosts is None:
            return frozenset()
        own = (self.ssh_of(host).references for host in self.hosts)
        return self.spec.hosts.ssh.references.union(*own)

    @property
    def module_references(self) -> frozenset[str]:
        """NAME/KEY of every secret that the site gives to modules, in Secrets of this namespace."""
        return frozenset().union(*(given_references(one.secrets) for one in self.spec.modules.values()))

    @property
    def lease(self) -> str:
        """What its Lease is called behind the prefix: a team's namesake has another, and holds up nobody else."""
        return self.name if self.namespace == NAMESPACE else f"{self.namespace}.{self.name}"

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """Those of the hosts; without hosts the one that everything is for where nothing is said."""
        used = {host.platform for host in self.hosts} or {AMD64}
        return tuple(platform for platform in PLATFORMS if platform in used)

    @property
    def control_planes(self) -> tuple[Host, ...]:
        """Control planes in the order given; the first is where kubeadm init runs."""
        return self._places.planes

    @property
    def runtimes(self) -> frozenset[str]:
        """Container runtimes that some host has."""
        return self._places.runtimes

    @property
    def registry_host(self) -> Host | None:
        """The host of the built-in registry; None when it is external or there are no hosts."""
        if self.spec.registry.mode != "builtin" or not self.hosts:
            return None
        return self._places.named[self.spec.registry.host or self.control_planes[0].name]

    @property
    def registry_replica(self) -> Host | None:
        """The host of the built-in registry's replica, if there is one."""
        wanted = self.spec.registry.replica if self.registry_host else None
        return self._places.named.get(wanted) if wanted else None

    @property
    def registry_hosts(self) -> tuple[Host, ...]:
        """Hosts of the built-in registry, the one that is asked first before its replica."""
        return tuple(host for host in (self.registry_host, self.registry_replica) if host)

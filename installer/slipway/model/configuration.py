"""The ClusterConfiguration's spec as typed data, and what it resolves to.

The classes here are the one home of every field: `api` reads user input into them and generates the CRD from
them; planning reads the resolved `Configuration`. Each field carries how a change of it takes effect:

* live: applied at once, nothing restarts that serves users;
* rolling: applied host by host behind a health gate;
* immutable: refused on a live cluster, with the way out.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError


class Effect(StrEnum):
    """How an edit of a field reaches a live cluster."""

    LIVE = "live"
    ROLLING = "rolling"
    IMMUTABLE = "immutable"


LIVE: dict[str, Any] = {"x-slipway-effect": Effect.LIVE}
ROLLING: dict[str, Any] = {"x-slipway-effect": Effect.ROLLING}
IMMUTABLE: dict[str, Any] = {"x-slipway-effect": Effect.IMMUTABLE}

DNS_LABEL = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
DNS_NAME = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
IPV4 = rf"^(?:{_OCTET}\.){{3}}{_OCTET}$"
CIDR4 = rf"^(?:{_OCTET}\.){{3}}{_OCTET}/(?:3[0-2]|[12]?[0-9])$"
PORT_RANGE = r"^[0-9]{1,5}-[0-9]{1,5}$"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
#: The last label begins with a letter: what looks like an address and is none is no name either.
SERVER = rf"^(?:(?:{_OCTET}\.){{3}}{_OCTET}|(?:{_LABEL}\.)*[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?)$"
DISK_SIZE = r"^[1-9][0-9]{0,5}[MGT]$"
UNLIMITED = r"^unlimited$"
RETENTION = r"^[1-9][0-9]{0,4}[hdw]$"

# Bounds of length keep the API server's cost estimate of our CEL rules within its budget.
Name = Annotated[str, Field(max_length=63, pattern=DNS_LABEL)]
DNSName = Annotated[str, Field(max_length=253, pattern=DNS_NAME)]
Address = Annotated[str, Field(max_length=15, pattern=IPV4)]
Server = Annotated[str, Field(max_length=253, pattern=SERVER)]
Range = Annotated[str, Field(max_length=18, pattern=CIDR4)]
Port = Annotated[int, Field(ge=1, le=65535)]
AbsolutePath = Annotated[str, Field(max_length=1024, pattern=r"^/[^\s]*$")]

#: Servers of one cluster; CEL's cost budget and the size of an object in etcd leave room for no more.
MAX_HOSTS = 1000
MAX_GROUPS = 64
MAX_MODULES = 256


#: What the kernel allows any process without being told otherwise (fs.nr_open): more, and no login and no unit starts.
MAX_OPEN_FILES = 1 << 20
#: Ids that the kernel can tell apart (PID_MAX_LIMIT).
MAX_PROCESSES = 1 << 22
MIN_LOCKED, MAX_LOCKED = 64, 1 << 40


def _locked_memory(value: object) -> object:
    """One answer for what is either a word or a number; a union of two types would give two."""
    number = isinstance(value, int) and not isinstance(value, bool) and MIN_LOCKED <= value <= MAX_LOCKED
    if number or value in (None, "unlimited"):
        return value
    raise PydanticCustomError("locked_memory", "unlimited, or a whole number of KiB from 64 on")


LockedMemory = Annotated[
    int | Literal["unlimited"] | None,
    PlainValidator(_locked_memory),
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "pattern": UNLIMITED,
            "minimum": MIN_LOCKED,
            "maximum": MAX_LOCKED,
        }
    ),
]


class Model(BaseModel):
    """Closed, immutable, camelCase outside and snake_case inside."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )


class SecretRef(Model):
    """Points at a secret: file `secrets/NAME/KEY`, or a Secret in slipway-system once there is a cluster."""

    name: Name
    """Name of the Secret (or directory)."""
    key: str = Field(max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")
    """Key inside it (or file)."""


class Endpoint(Model):
    """The one name under which the Kubernetes API is reached by nodes."""

    address: DNSName = Field(json_schema_extra=IMMUTABLE)
    """DNS name or address of the API; a name is written into every host's hosts entries."""
    port: Port = Field(default=6443, json_schema_extra=IMMUTABLE)
    """TCP port of the API server."""
    load_balancer: Literal["none", "external", "keepalived"] = Field(
        default="none", json_schema_extra=ROLLING
    )
    """`none`: the name means the first control plane; `external`: it means `vip`, balanced by others; `keepalived`:
    it means `vip`, which is always on a control plane whose API server answers."""
    vip: Address | None = Field(default=None, json_schema_extra=ROLLING)
    """Address behind the name when loadBalancer is external or keepalived; for keepalived one that is free."""
    virtual_router_id: int = Field(
        default=51, ge=1, le=255, alias="virtualRouterID", json_schema_extra=ROLLING
    )
    """keepalived: number of its virtual router (VRRP); no other may have it in the same network."""


class Network(Model):
    """Address ranges and the network provider."""

    service_cidr: Range = Field(default="10.96.0.0/16", alias="serviceCIDR", json_schema_extra=IMMUTABLE)
    """Range of Service addresses."""
    pod_cidr: Range = Field(default="10.244.0.0/16", alias="podCIDR", json_schema_extra=IMMUTABLE)
    """Range of pod addresses; every node gets a /24 of it."""
    dns_domain: DNSName = Field(default="cluster.local", json_schema_extra=IMMUTABLE)
    """Domain of Services."""
    dns_address: Address | None = Field(default=None, json_schema_extra=IMMUTABLE)
    """Address of the cluster DNS; inside serviceCIDR; unset: its tenth address."""
    node_ports: str = Field(
        default="30000-32767", max_length=11, pattern=PORT_RANGE, json_schema_extra=ROLLING
    )
    """Range of node ports, FIRST-LAST."""
    cni: Name = Field(default="flannel", json_schema_extra=IMMUTABLE)
    """Module that provides the capability `cni`."""


class APIServer(Model):
    """Flags of kube-apiserver."""

    extra_args: dict[str, str] = Field(default_factory=dict, json_schema_extra=ROLLING)
    """Any flag of kube-apiserver, without the leading dashes."""
    admission_plugins: tuple[str, ...] = Field(default=(), json_schema_extra=ROLLING)
    """Admission plugins to enable besides the default ones."""


class ComponentArgs(Model):
    """Flags of one control plane program."""

    extra_args: dict[str, str] = Field(default_factory=dict, json_schema_extra=ROLLING)
    """Any flag, without the leading dashes."""


class ImageGC(Model):
    """Disk use in percent at which the kubelet removes unused images, and to which it removes them."""

    high: int = Field(default=85, ge=1, le=100, json_schema_extra=ROLLING)
    """Start above this percentage."""
    low: int = Field(default=80, ge=0, le=99, json_schema_extra=ROLLING)
    """Stop below this percentage."""


class Kubelet(Model):
    """Settings of every kubelet."""

    max_pods: int = Field(default=110, ge=1, le=1000, json_schema_extra=ROLLING)
    """Pods a node takes."""
    image_gc: ImageGC = Field(default_factory=ImageGC, alias="imageGC", json_schema_extra=ROLLING)
    """Removal of unused images."""
    extra_config: dict[str, Any] = Field(default_factory=dict, json_schema_extra=ROLLING)
    """Any field of KubeletConfiguration (kubelet.config.k8s.io/v1beta1)."""


class KubeProxy(Model):
    """Settings of kube-proxy."""

    mode: Literal["iptables", "nftables", "ipvs"] = Field(default="iptables", json_schema_extra=ROLLING)
    """How Services reach pods."""
    extra_config: dict[str, Any] = Field(default_factory=dict, json_schema_extra=ROLLING)
    """Any field of KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1)."""


class Kubernetes(Model):
    """The Kubernetes that kubeadm installs."""

    version: str = Field(max_length=32, pattern=r"^v[0-9]+\.[0-9]+\.[0-9]+$", json_schema_extra=ROLLING)
    """Version, as v1.35.4; one that the catalog carries."""
    endpoint: Endpoint
    """Where the API is reached."""
    network: Network = Field(default_factory=Network)
    """Ranges and network provider."""
    api_server: APIServer = Field(default_factory=APIServer)
    """kube-apiserver."""
    controller_manager: ComponentArgs = Field(default_factory=ComponentArgs)
    """kube-controller-manager."""
    scheduler: ComponentArgs = Field(default_factory=ComponentArgs)
    """kube-scheduler."""
    etcd: ComponentArgs = Field(default_factory=ComponentArgs)
    """etcd on the control planes."""
    kubelet: Kubelet = Field(default_factory=Kubelet)
    """Every kubelet."""
    kube_proxy: KubeProxy = Field(default_factory=KubeProxy)
    """Every kube-proxy."""
    ignore_preflight_errors: tuple[str, ...] = Field(default=(), json_schema_extra=LIVE)
    """Names of kubeadm checks that may fail, as SystemVerification on cgroup v1."""


class Runtime(Model):
    """The container runtime of a host."""

    type: Literal["containerd"] = Field(default="containerd", json_schema_extra=IMMUTABLE)
    """Which runtime."""
    data_root: AbsolutePath = Field(default="/var/lib/containerd", json_schema_extra=ROLLING)
    """Where images and containers live: best on the big disk."""
    cgroup_driver: Literal["systemd", "cgroupfs"] = Field(default="systemd", json_schema_extra=ROLLING)
    """Must equal the kubelet's; Slipway sets both from here."""
    restrict_oom_score_adj: bool = Field(
        default=False, alias="restrictOOMScoreAdj", json_schema_extra=ROLLING
    )
    """For hosts that are containers themselves and may not lower oom_score_adj."""
    limit_no_file: int = Field(default=1048576, ge=1024, alias="limitNOFILE", json_schema_extra=ROLLING)
    """Open files containerd may have."""


class DNS(Model):
    """Resolver of a host; pods on the host network inherit it."""

    servers: tuple[Address, ...] = Field(default=(), json_schema_extra=LIVE)
    """Name servers; empty: the host's own setting stays."""
    search: tuple[DNSName, ...] = Field(default=(), json_schema_extra=LIVE)
    """Search domains."""


class HostsEntry(Model):
    """One line of /etc/hosts."""

    address: Address
    """Address."""
    names: tuple[DNSName, ...] = Field(min_length=1)
    """Names that mean it."""


class Taint(Model):
    """One taint of a node."""

    key: str = Field(min_length=1, max_length=317)
    """Key."""
    value: str = ""
    """Value."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]
    """What it does to pods that do not tolerate it."""


class Time(Model):
    """The clock of a host."""

    servers: tuple[Server, ...] = Field(default=(), max_length=16, json_schema_extra=LIVE)
    """Time servers, which chrony asks and no others; empty: the host keeps its time as it did."""


class Limits(Model):
    """Resources of every login and of every service that sets none itself; unset: the host's own."""

    nofile: int | None = Field(default=None, ge=1024, le=MAX_OPEN_FILES, json_schema_extra=LIVE)
    """Open files of a process. Services take it at their next start, as all of these."""
    nproc: int | None = Field(default=None, ge=1024, le=MAX_PROCESSES, json_schema_extra=LIVE)
    """Processes and threads of a user; root is free of it."""
    memlock: LockedMemory = Field(default=None, json_schema_extra=LIVE)
    """Memory that a process may lock: KiB, or `unlimited`, as RDMA wants it."""


class Journald(Model):
    """The journal of a host; unset: the host's own setting."""

    max_use: str | None = Field(default=None, max_length=7, pattern=DISK_SIZE, json_schema_extra=LIVE)
    """Space that it takes at most, as 2G."""
    max_retention: str | None = Field(default=None, max_length=6, pattern=RETENTION, json_schema_extra=LIVE)
    """Age at which entries go, as 14d."""
    persistent: bool | None = Field(default=None, json_schema_extra=LIVE)
    """Whether it is kept on disk, or in memory until the next boot."""


class HostSettings(Model):
    """What a host is made into. Maps merge over defaults, groups and host; lists replace."""

    runtime: Runtime = Field(default_factory=Runtime)
    """Container runtime."""
    dns: DNS = Field(default_factory=DNS)
    """Resolver."""
    extra_hosts: tuple[HostsEntry, ...] = Field(default=(), json_schema_extra=LIVE)
    """More lines for /etc/hosts."""
    kernel_modules: tuple[str, ...] = Field(default=("overlay", "br_netfilter"), json_schema_extra=LIVE)
    """Kernel modules loaded now and at boot (one that is built in counts as loaded)."""
    sysctl: dict[str, str] = Field(default_factory=dict, json_schema_extra=LIVE)
    """Kernel parameters besides those Kubernetes needs."""
    packages: tuple[str, ...] = Field(default=(), json_schema_extra=LIVE)
    """Packages of the site's own repository besides those the roles need."""
    time: Time = Field(default_factory=Time)
    """Clock."""
    limits: Limits = Field(default_factory=Limits)
    """Resource limits."""
    journald: Journald = Field(default_factory=Journald)
    """Journal."""
    labels: dict[str, str] = Field(default_factory=dict, json_schema_extra=LIVE)
    """Node labels; one that is removed here is removed from the node."""
    taints: tuple[Taint, ...] = Field(default=(), json_schema_extra=LIVE)
    """Node taints."""
    kubelet: dict[str, Any] = Field(default_factory=dict, json_schema_extra=ROLLING)
    """Fields of KubeletConfiguration for this host only."""


class Become(Model):
    """How root is reached when the SSH user is not root."""

    method: Literal["sudo"] = "sudo"
    """Program."""
    secret_ref: SecretRef | None = None
    """The user's password for it; unset: none is asked for."""


class SSH(Model):
    """How hosts are reached."""

    user: str = Field(default="root", max_length=32, pattern=r"^[a-z_][a-z0-9_-]*$", json_schema_extra=LIVE)
    """Login name."""
    port: Port = Field(default=22, json_schema_extra=LIVE)
    """TCP port."""
    secret_ref: SecretRef = Field(
        default_factory=lambda: SecretRef(name="ssh", key="id_ed25519"), json_schema_extra=LIVE
    )
    """Private key."""
    become: Become | None = Field(default=None, json_schema_extra=LIVE)
    """Unset: `sudo` without password when user is not root."""
    host_keys: tuple[str, ...] = Field(default=(), json_schema_extra=LIVE)
    """Pinned keys, as known_hosts lines; empty: recorded on first contact and shown."""


Role = Literal["control-plane", "worker"]


class HostItem(Model):
    """One server."""

    name: Name = Field(json_schema_extra=IMMUTABLE)
    """Host name and node name."""
    address: Address = Field(json_schema_extra=IMMUTABLE)
    """Address for SSH and for the node."""
    roles: tuple[Role, ...] = Field(min_length=1, max_length=2, json_schema_extra=IMMUTABLE)
    """What it does; a control plane that is also a worker carries no taint."""
    groups: tuple[Name, ...] = Field(default=(), max_length=16, json_schema_extra=LIVE)
    """Groups whose settings it takes, later ones over earlier ones."""
    settings: HostSettings = Field(default_factory=HostSettings)
    """Its own settings, over those of its groups."""


class Hosts(Model):
    """All servers."""

    ssh: SSH = Field(default_factory=SSH)
    """How they are reached."""
    defaults: HostSettings = Field(default_factory=HostSettings)
    """Settings of every host."""
    groups: dict[Name, HostSettings] = Field(default_factory=dict, max_length=MAX_GROUPS)
    """Settings of hosts that name the group."""
    items: tuple[HostItem, ...] = Field(min_length=1, max_length=MAX_HOSTS, json_schema_extra=LIVE)
    """The servers."""


class Registry(Model):
    """The site registry: the only source of images, charts, binaries and packages."""

    mode: Literal["builtin", "external"] = Field(default="builtin", json_schema_extra=IMMUTABLE)
    """`builtin`: Slipway runs it on a host of the site; `external`: it is there already."""
    host: Name | None = Field(default=None, json_schema_extra=IMMUTABLE)
    """builtin: the host that runs it; unset: the first control plane."""
    name: DNSName = Field(default="registry.slipway.internal", json_schema_extra=IMMUTABLE)
    """builtin: its name, in every host's hosts entries and in its certificate."""
    data_root: AbsolutePath = Field(default="/var/lib/slipway-registry", json_schema_extra=IMMUTABLE)
    """builtin: where it keeps its blobs."""
    port: Port = Field(default=5000, json_schema_extra=IMMUTABLE)
    """Port for pulls."""
    push_port: Port = Field(default=5001, json_schema_extra=IMMUTABLE)
    """builtin: port for pushes; only the push account may use it, and the pull port is read-only."""
    endpoint: str | None = Field(
        default=None, max_length=512, pattern=r"^https?://[^\s/]+$", json_schema_extra=LIVE
    )
    """external: its URL."""
    ca_ref: SecretRef | None = Field(default=None, json_schema_extra=LIVE)
    """external: certificate authority; unset: the system's."""
    pull_ref: SecretRef | None = Field(default=None, json_schema_extra=LIVE)
    """external: `user:password` for pulls; unset: anonymous."""
    push_ref: SecretRef | None = Field(default=None, json_schema_extra=LIVE)
    """external: `user:password` for pushes; unset: anonymous."""


class ModuleSpec(Model):
    """What is wanted of one module."""

    enabled: bool | None = Field(default=None, json_schema_extra=LIVE)
    """true, false, or unset: enabled when something requires it."""
    settings: dict[str, Any] = Field(default_factory=dict, json_schema_extra=LIVE)
    """Typed settings, checked against the module's schema."""
    values: dict[str, Any] = Field(default_factory=dict, json_schema_extra=LIVE)
    """Raw Helm values over those that settings make."""


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
    modules: dict[Name, ModuleSpec] = Field(
        default_factory=dict, max_length=MAX_MODULES, json_schema_extra=LIVE
    )
    """The platform's modules by name; a key removed means disabled."""
    upgrade: Upgrade = Field(default_factory=Upgrade)
    """How rolling changes go."""


class Host(Model):
    """A server with all its settings resolved (defaults <- groups <- host)."""

    name: str
    address: str
    roles: tuple[Role, ...]
    groups: tuple[str, ...] = ()
    settings: HostSettings

    @property
    def control_plane(self) -> bool:
        """Whether it runs the Kubernetes API."""
        return "control-plane" in self.roles


class Configuration(Model):
    """A validated, defaulted, resolved ClusterConfiguration: all that planning knows of the user's wish."""

    name: str
    namespace: str
    generation: int = 0
    spec: Spec
    hosts: tuple[Host, ...] = ()

    @property
    def control_planes(self) -> tuple[Host, ...]:
        """Control planes in the order given; the first is where kubeadm init runs."""
        return tuple(host for host in self.hosts if host.control_plane)

    @property
    def registry_host(self) -> Host | None:
        """The host of the built-in registry; None when it is external or there are no hosts."""
        if self.spec.registry.mode != "builtin" or not self.hosts:
            return None
        wanted = self.spec.registry.host or self.control_planes[0].name
        return next(host for host in self.hosts if host.name == wanted)

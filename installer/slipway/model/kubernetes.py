"""spec.kubernetes: the cluster that kubeadm makes."""

from typing import Any, Literal

from pydantic import Field

from slipway.model.fields import (
    IMMUTABLE,
    LIVE,
    PORT_RANGE,
    ROLLING,
    Address,
    DNSName,
    Model,
    Name,
    Port,
    Range,
    Server,
    ServiceAddress,
)


class Endpoint(Model):
    """The one name under which the Kubernetes API is reached by nodes."""

    address: Server = Field(json_schema_extra=IMMUTABLE)
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
    dns_address: ServiceAddress | None = Field(default=None, json_schema_extra=IMMUTABLE)
    """Address of the cluster DNS; inside serviceCIDR; unset: its tenth address."""
    node_ports: str = Field(
        default="30000-32767", max_length=11, pattern=PORT_RANGE, json_schema_extra=ROLLING
    )
    """Range of node ports, FIRST-LAST."""
    cni: Name = Field(default="flannel", json_schema_extra=IMMUTABLE)
    """Module that provides the capability `cni`."""


#: In place of a key's name: Secrets are in etcd as they are.
PLAIN = "plain"

#: kube-controller-manager's own, where no flag says otherwise.
NODE_PREFIX = 24


class APIServer(Model):
    """Flags of kube-apiserver."""

    extra_args: dict[str, str] = Field(default_factory=dict, json_schema_extra=ROLLING)
    """Any flag of kube-apiserver, without the leading dashes; one that may be given several times has one value a
    line."""
    admission_plugins: tuple[str, ...] = Field(default=(), json_schema_extra=ROLLING)
    """Admission plugins to enable besides the default ones."""


class ComponentArgs(Model):
    """Flags of one control plane program."""

    extra_args: dict[str, str] = Field(default_factory=dict, json_schema_extra=ROLLING)
    """Any flag, without the leading dashes; one that may be given several times has one value a line."""


class Scheduler(Model):
    """kube-scheduler."""

    extra_args: dict[str, str] = Field(default_factory=dict, json_schema_extra=ROLLING)
    """Any flag, without the leading dashes; one that may be given several times has one value a line."""
    config: dict[str, Any] = Field(default_factory=dict, json_schema_extra=ROLLING)
    """Any field of KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1), as profiles that pack GPUs."""


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

    version: str = Field(max_length=32, pattern=r"^v[0-9]+\.[0-9]+\.[0-9]+$", json_schema_extra=IMMUTABLE)
    """Version, as v1.35.4; one that the catalog carries. A cluster that runs cannot be upgraded yet."""
    profile: Literal["default", "cis"] = Field(default="default", json_schema_extra=ROLLING)
    """`cis`: hardened as the CIS Kubernetes Benchmark asks (docs/how-to/harden.md); `default`: as kubeadm does it."""
    audit_policy: dict[str, Any] = Field(default_factory=dict, json_schema_extra=ROLLING)
    """What API servers write into their audit log: any field of audit.k8s.io/v1 Policy. Empty: nothing, or with the
    profile `cis` who did what to which object, without contents."""
    encrypt_secrets: bool = Field(default=False, json_schema_extra=ROLLING)
    """Whether etcd has Secrets encrypted, by a key that Slipway makes in `secrets/` and gives to control planes."""
    encryption_key: int = Field(default=1, ge=1, le=999, json_schema_extra=ROLLING)
    """Number of that key; with another one all Secrets are written anew. `slipway secrets rotate-key` adds one."""
    endpoint: Endpoint
    """Where the API is reached."""
    network: Network = Field(default_factory=Network)
    """Ranges and network provider."""
    api_server: APIServer = Field(default_factory=APIServer)
    """kube-apiserver."""
    controller_manager: ComponentArgs = Field(default_factory=ComponentArgs)
    """kube-controller-manager."""
    scheduler: Scheduler = Field(default_factory=Scheduler)
    """kube-scheduler."""
    etcd: ComponentArgs = Field(default_factory=ComponentArgs)
    """etcd on the control planes."""
    kubelet: Kubelet = Field(default_factory=Kubelet)
    """Every kubelet."""
    kube_proxy: KubeProxy = Field(default_factory=KubeProxy)
    """Every kube-proxy."""
    ignore_preflight_errors: tuple[str, ...] = Field(default=(), json_schema_extra=LIVE)
    """Names of kubeadm checks that may fail, as SystemVerification on cgroup v1."""

    @property
    def hardened(self) -> bool:
        """Whether the benchmark is followed."""
        return self.profile == "cis"

    @property
    def secrets_key(self) -> str:
        """The name of the key by which Secrets are written; `plain`: by none."""
        return f"key{self.encryption_key}" if self.encrypt_secrets else PLAIN

    @property
    def node_prefix(self) -> int:
        """Length of the prefix of each node's range of pod addresses."""
        flags = self.controller_manager.extra_args
        told = (flags.get(name, "") for name in ("node-cidr-mask-size", "node-cidr-mask-size-ipv4"))
        return next((int(value) for value in told if value.isdecimal() and int(value)), NODE_PREFIX)

    @property
    def room(self) -> int:
        """Nodes for which the pod range has addresses."""
        return 1 << max(0, self.node_prefix - int(self.network.pod_cidr.partition("/")[2]))

"""The container runtime of a host: which, where its data is, and where it pulls from."""

from typing import Annotated, Literal

from pydantic import Field

from slipway.model.fields import LIVE, ROLLING, AbsolutePath, Lies, Model, SecretRef

#: Where each runtime keeps its data unless told otherwise.
DATA_ROOTS = {"containerd": "/var/lib/containerd", "docker": "/var/lib/docker"}

#: In lower case only: a runtime compares it with image names letter by letter.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
REGISTRY_NAME = rf"^{_LABEL}(?:\.{_LABEL})*(?::[0-9]{{1,5}})?$"
#: With a path, as a registry that holds others' names below one of its own has it; without a password.
REGISTRY_URL = r"^https?://[^\s/@\"\\?#]+(?:/[^\s@\"\\?#]*)?$"
PROXY_URL = r"^https?://[^\s/@\"\\%]+/?$"
NO_PROXY = r"^[^\s,\"\\%]+$"
LOG_SIZE = r"^[1-9][0-9]{0,5}[KMG]i$"

RegistryURL = Annotated[str, Field(max_length=512, pattern=REGISTRY_URL), Lies.NEAR]
ProxyURL = Annotated[str, Field(max_length=512, pattern=PROXY_URL), Lies.NEAR]
RegistryName = Annotated[str, Field(max_length=253, pattern=REGISTRY_NAME), Lies.NEAR]


class RuntimeRegistry(Model):
    """A registry besides the site registry: how the runtime trusts it, and what answers for it."""

    name: RegistryName
    """What image names begin with, as `harbor.example.org:8443`, or `docker.io`."""
    endpoint: RegistryURL | None = None
    """Where it answers; unset: at its mirrors alone, and without any at `https://NAME`. containerd only."""
    mirrors: tuple[RegistryURL, ...] = Field(default=(), max_length=8)
    """Asked before the endpoint, in this order. Docker: of docker.io only, and Docker Hub is asked last."""
    insecure: bool = False
    """Take its certificate without looking at it; Docker also speaks HTTP with it."""
    ca_ref: SecretRef | None = None
    """Authority that signed the certificates of it and of its mirrors; unset: the system's."""
    credentials_ref: SecretRef | None = None
    """`user:password` for pulls."""


class RuntimeLog(Model):
    """Logs of containers: when a file is rotated, and how many are kept; unset: the runtime's own."""

    max_size: str | None = Field(default=None, max_length=8, pattern=LOG_SIZE, json_schema_extra=ROLLING)
    """Size of a file, as 10Mi."""
    max_files: int | None = Field(default=None, ge=2, le=100, json_schema_extra=ROLLING)
    """Files of a container."""


class RuntimeProxy(Model):
    """HTTP proxy through which the runtime reaches registries outside the site; unset: none."""

    http: ProxyURL | None = Field(default=None, json_schema_extra=ROLLING)
    """For http URLs."""
    https: ProxyURL | None = Field(default=None, json_schema_extra=ROLLING)
    """For https URLs."""
    no_proxy: tuple[Annotated[str, Field(max_length=253, pattern=NO_PROXY)], ...] = Field(
        default=(), max_length=256, json_schema_extra=ROLLING
    )
    """Names, domains and ranges reached without it; the cluster's own and the site registry are among them anyway."""


class Runtime(Model):
    """The container runtime of a host."""

    type: Literal["containerd", "docker"] = Field(default="containerd", json_schema_extra=ROLLING)
    """Which runtime; `docker` is Debian's Docker with cri-dockerd. A host that changes is drained first."""
    data_root: AbsolutePath | None = Field(default=None, json_schema_extra=ROLLING)
    """Where images and containers live: best on the big disk. Unset: /var/lib/containerd or /var/lib/docker. What an
    earlier data root holds is copied to a new one, and kept."""
    remove_old_data_root: AbsolutePath | None = Field(default=None, json_schema_extra=LIVE)
    """An earlier data root that may be deleted, by its path; only one that was moved away from."""
    cgroup_driver: Literal["systemd", "cgroupfs"] = Field(default="systemd", json_schema_extra=ROLLING)
    """Must equal the kubelet's; Slipway sets both from here."""
    restrict_oom_score_adj: bool = Field(
        default=False, alias="restrictOOMScoreAdj", json_schema_extra=ROLLING
    )
    """For hosts that are containers themselves and may not lower oom_score_adj."""
    limit_no_file: int = Field(default=1048576, ge=1024, alias="limitNOFILE", json_schema_extra=ROLLING)
    """Open files the runtime may have."""
    registries: tuple[RuntimeRegistry, ...] = Field(default=(), max_length=64, json_schema_extra=LIVE)
    """Registries besides the site registry. One named here is no more answered by the site registry."""
    max_concurrent_downloads: int | None = Field(default=None, ge=1, le=64, json_schema_extra=ROLLING)
    """Layers of one image that are fetched side by side; unset: 3."""
    log: RuntimeLog = Field(default_factory=RuntimeLog)
    """Logs of containers."""
    proxy: RuntimeProxy = Field(default_factory=RuntimeProxy)
    """HTTP proxy."""
    live_restore: bool = Field(default=True, json_schema_extra=ROLLING)
    """docker: containers outlive a restart of dockerd, as they do with containerd."""

    @property
    def root(self) -> str:
        """The data root, said or usual."""
        return self.data_root or DATA_ROOTS[self.type]

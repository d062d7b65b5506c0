"""What preflight looks at on a host besides its facts: how fit it is, not what it is."""

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Listener:
    """A TCP port that something listens on; `program` is empty where the host does not say."""

    port: int
    program: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface: its hardware address, and the largest packet it takes (bytes)."""

    name: str
    mac: str = ""
    mtu: int = 0
    addresses: tuple[str, ...] = ()


class ReachVerdict(StrEnum):
    """What a connection came to, as reach.sh says it."""

    OPEN = "open"
    REFUSED = "refused"
    """Nobody listens, and that was said by the other host: packets get there."""
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    TOO_BIG = "too-big"
    """A packet of the link's full size does not get through whole."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Reach:
    """What came of a connection to another host, or to a mount's server by its address.

    `port` 0 is a packet of the link's full size that may not be split; its verdict is OPEN, or TOO_BIG.
    A closed UDP port says REFUSED as well; one that says nothing is a TIMEOUT.
    """

    host: str
    port: int
    verdict: ReachVerdict

    @property
    def arrived(self) -> bool:
        """Whether packets get there."""
        return self.verdict in {ReachVerdict.OPEN, ReachVerdict.REFUSED}


@dataclass(frozen=True, slots=True)
class BlockDisk:
    """A data disk that the ClusterConfiguration names, as the host has it. `device` empty: it has none of that id."""

    id: str
    device: str = ""
    serial: str = ""
    size: int = 0
    """Bytes."""
    signatures: tuple[str, ...] = ()
    """What wipefs finds on the disk and its partitions, as `/dev/sdb1 ext4`."""
    labels: tuple[str, ...] = ()
    """Name of each partition; empty where it has none."""
    uses: tuple[str, ...] = ()
    """Where it is mounted, and what lies on it, as a volume group."""


@dataclass(frozen=True, slots=True)
class NvidiaDriver:
    """NVIDIA's driver of a host: versions, each empty where there is none."""

    module: str = ""
    """Of the kernel module that is loaded."""
    library: str = ""
    """Of libnvidia-ml, which must be the same."""
    fabric_manager: str = ""
    """Of the program that GPUs behind an NVSwitch need, of the same version too."""
    models: tuple[str, ...] = ()
    """Names of the GPUs, where the module tells them."""


@dataclass(frozen=True, slots=True)
class CloudInit:
    """What cloud-init does to names at every boot."""

    hosts: str = ""
    """File whose setting has it write /etc/hosts anew; empty: it leaves that alone."""
    hostname: bool = False
    """Whether it may set the host's name."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate of a host. `expires` in seconds since the epoch."""

    path: str
    expires: float


@dataclass(frozen=True, slots=True)
class Survey:
    """State of a host. An empty field means that the host did not say, which is no finding."""

    cgroup: int = 0
    """Version of control groups: 1 or 2."""
    container: str = ""
    """Kind of container the host itself is; empty: none."""
    filesystems: tuple[str, ...] = ()
    """What the kernel can mount, without the modules it could load."""
    loadable: tuple[str, ...] = ()
    """Of the kernel modules asked for, those that are built in, loaded, or can be."""
    swaps: tuple[str, ...] = ()
    """Devices and files in use as swap."""
    clock: tuple[str, ...] = ()
    """Services that keep the clock and run."""
    skew: float = 0.0
    """Seconds that its clock is ahead of this machine's."""
    skew_error: float = 0.0
    """Half of the round trip in which it was read (seconds)."""
    nameservers: tuple[str, ...] = ()
    selinux: str = ""
    """enforcing, permissive, or empty."""
    services: tuple[str, ...] = ()
    """Active units that get in the way: firewalls, other runtimes, other Kubernetes distributions."""
    listeners: tuple[Listener, ...] = ()
    links: tuple[Link, ...] = ()
    peer: str = ""
    """Where this machine's connection comes from, as the host sees it: maybe a bastion, or NAT."""
    fsync: float = 0.0
    """Milliseconds until a small write is durable where etcd will be, on average; 0: not measured."""
    gpus: tuple[str, ...] = ()
    """NVIDIA devices as slot, device id: `0000:3b:00.0 10de:20b2`."""
    nouveau: bool = False
    """Whether the driver that keeps NVIDIA's out is loaded."""
    disks: tuple[BlockDisk, ...] = ()
    """Data disks that were asked for."""
    nvswitches: tuple[str, ...] = ()
    """NVIDIA's switches between GPUs, as `gpus`."""
    driver: NvidiaDriver = field(default_factory=NvidiaDriver)
    reach: tuple[Reach, ...] = field(default=())
    cloud_init: CloudInit = field(default_factory=CloudInit)

    resolver_lost: str = ""
    """Where /etc/resolv.conf leads to when nothing is there, or `missing`; empty: it can be read."""
    immutable: tuple[str, ...] = ()
    """Of the files with a host's names, those that nobody can replace (chattr +i)."""
    tables: tuple[str, ...] = ()
    """Tables of the kernel's packet filter, as `inet slipway`."""
    cni: tuple[str, ...] = ()
    """Files in /etc/cni/net.d, in the order in which a runtime takes the first."""
    manifests: tuple[str, ...] = ()
    """Files from which the kubelet makes static pods."""
    product: str = ""
    """UUID of the machine, or of the virtual one."""
    host_keys: tuple[str, ...] = ()
    """Fingerprints of its SSH host keys, as ssh-keygen shows them."""
    certificates: tuple[Certificate, ...] = ()
    mounted: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Options of each mount, by its path."""

    def mount_of(self, path: str) -> tuple[str, tuple[str, ...]]:
        """The mount on which a path lies or would lie, and its options; nothing where the host did not say."""
        over = [place for place in self.mounted if f"{path}/".startswith(f"{place.rstrip('/')}/")]
        place = max(over, key=len, default="")
        return place, self.mounted.get(place, ())

    def disk(self, identity: str) -> BlockDisk | None:
        """The data disk of that id or serial number; None: the host was not asked."""
        return next((disk for disk in self.disks if disk.id == identity), None)

    def link_of(self, address: str) -> Link | None:
        """The interface that has an address."""
        return next((link for link in self.links if address in link.addresses), None)

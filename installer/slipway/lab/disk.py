"""A node's own disk: the upper layer over its rootfs, and volumes that must not lie on an overlay.

`disk/up` and `disk/work` are the overlay's; `disk/volumes/*` are plain directories bound over the paths
where container runtimes keep layers of their own, because the kernel stacks no overlay on an overlay of its
own kind.
"""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from slipway.lab import keys
from slipway.lab.machine import LabError, free_disk, run
from slipway.lab.state import PREFIX, LabNode, Site

#: `/data` stands for a server's big disk: a container runtime may be given its data root there.
VOLUMES: Final = ("/var/lib/containerd", "/var/lib/kubelet", "/data")

#: nspawn names a node's link host0.
INTERFACES: Final = """\
auto lo
iface lo inet loopback

auto host0
iface host0 inet static
  address {node.address}/{site.prefix}
  gateway {site.gateway}
"""

FURTHER: Final = """\

auto {network.name}
iface {network.name} inet static
  address {address}/{prefix}
"""

MIB: Final = 1 << 20
#: Below this nothing of a node works any more: its journal, its packages, sshd's own files.
LEAST_FREE: Final = 256 * MIB
#: What a node with Kubernetes and images takes, as preflight demands of every host.
NODE_SIZE: Final = 2048 * MIB


def scarce(site: Site, nodes: int) -> str:
    """What to say when so many nodes may fill this machine's disk; empty where there is room."""
    free = free_disk(site.directory)
    if free >= nodes * NODE_SIZE:
        return ""
    needed = f"{nodes} nodes with Kubernetes take about {nodes * NODE_SIZE // MIB} MiB"
    return f"{free // MIB} MiB are free in {site.directory.parent}: {needed}"


def is_full(site: Site) -> bool:
    """Whether so little is free below the lab that its nodes fail."""
    return free_disk(site.directory) < LEAST_FREE


def refuse_full(site: Site) -> None:
    """Refuse a disk on which nodes would fail one by one, each for a reason of its own."""
    if is_full(site):
        free = free_disk(site.directory)
        raise LabError(
            "the disk below the lab is full",
            where=str(site.directory.parent),
            why=f"{free // MIB} MiB are free, a lab needs {LEAST_FREE // MIB} and {NODE_SIZE // MIB} for each node",
            hint="free space there (`slipway lab down` of labs that are done), or name another place: SLIPWAY_CACHE",
        )


def prepare(site: Site, node: LabNode) -> None:
    """Lay out a fresh disk unless the node has one."""
    disk = site.node_directory(node) / "disk"
    if disk.is_dir():
        return
    draft = disk.with_name("disk.new")
    wipe(draft)
    for path in (draft / "up", draft / "work", *(volume for _, volume in volumes(draft))):
        path.mkdir(parents=True)
        path.chmod(0o755)
    for name, text, mode in _files(site, node):
        _write(draft / "up", name, text, mode)
    (draft / "up/root").chmod(0o700)
    (draft / "up/root/.ssh").chmod(0o700)
    draft.rename(disk)


def wipe(path: Path) -> None:
    """Remove a disk."""
    if path.exists():
        shutil.rmtree(path)


def volumes(disk: Path) -> Iterator[tuple[str, Path]]:
    """Paths inside the node, and the directories behind them."""
    for inside in VOLUMES:
        yield inside, disk / "volumes" / inside.strip("/").replace("/", "-")


def mount(site: Site, node: LabNode, lower: Path) -> Path:
    """Mount the node's root in the caller's mount namespace."""
    directory = site.node_directory(node)
    root = directory / "root"
    root.mkdir(exist_ok=True)
    disk = directory / "disk"
    options = f"lowerdir={lower},upperdir={disk / 'up'},workdir={disk / 'work'}"
    try:
        run("mount", "-t", "overlay", "overlay", "-o", options, str(root))
    except LabError as exc:
        raise LabError(
            "this file system cannot carry a node's disk",
            where=str(disk),
            why=exc.why,
            hint="set SLIPWAY_CACHE to a directory on ext4 or xfs",
        ) from exc
    return root


def host_key(site: Site, node: LabNode) -> str:
    """The node's public host key, made on first use; it outlives a reset unless it is renewed."""
    return keys.ensure(_host_key_file(site, node), node.name)


def forget_host_key(site: Site, node: LabNode) -> None:
    """The next disk gets another identity, as a replaced server has."""
    _host_key_file(site, node).unlink(missing_ok=True)


def _host_key_file(site: Site, node: LabNode) -> Path:
    return site.node_directory(node) / "ssh_host_ed25519_key"


def _files(site: Site, node: LabNode) -> Iterator[tuple[str, str, int]]:
    """What the installer of Debian asks and writes: name, address, resolver; and the keys."""
    public = host_key(site, node)
    yield "etc/hostname", f"{node.name}\n", 0o644
    yield "etc/hosts", f"127.0.0.1\tlocalhost\n127.0.1.1\t{node.name}\n", 0o644
    yield "etc/machine-id", f"{uuid.uuid4().hex}\n", 0o444
    yield "etc/resolv.conf", f"nameserver {site.gateway}\n", 0o644
    interfaces = INTERFACES.format(site=site, node=node)
    for network in site.networks:
        address = site.address_on(network, node)
        interfaces += FURTHER.format(network=network, address=address, prefix=PREFIX)
    yield "etc/network/interfaces", interfaces, 0o644
    yield "etc/ssh/ssh_host_ed25519_key", _host_key_file(site, node).read_text(encoding="utf-8"), 0o600
    yield "etc/ssh/ssh_host_ed25519_key.pub", f"{public}\n", 0o644
    yield "root/.ssh/authorized_keys", f"{keys.ensure(site.private_key, f'lab {site.name}')}\n", 0o600


def _write(top: Path, name: str, text: str, mode: int) -> None:
    """Write a file; its directories get the mode of a server's, because the upper layer's counts."""
    path = top / name
    for parent in reversed(path.relative_to(top).parents):
        directory = top / parent
        directory.mkdir(exist_ok=True)
        directory.chmod(0o755)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)

"""One process per node: mounts its disk, boots it, and boots it again when it reboots itself.

Started by `Lab` as `python -m slipway.lab.supervisor LAB NODE` inside a mount namespace of its own, so that
the mounts go when it goes, however it ends. It decides nothing else: `Lab` ends it through its control
group.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from slipway.lab import cgroups, disk, network, rootfs, state
from slipway.lab.machine import LabError
from slipway.lab.state import LabNode, Site

#: systemd-nspawn's exit status when the system inside asked for a reboot and there is no unit to restart.
REBOOTED: Final = 133
DEVICES: Final = ("/dev/kmsg", "/dev/fuse", "/dev/loop-control")
#: nspawn would hide these behind read-only mounts and a filter; a kubelet needs them as a server has them.
ENVIRONMENT: Final = {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1", "SYSTEMD_SECCOMP": "0"}


def start(site: Site, node: LabNode) -> None:
    """Start the node's supervisor and leave it to itself."""
    argv = ["unshare", "--mount", "--propagation", "private"]
    argv += [sys.executable, "-m", "slipway.lab.supervisor", site.name, node.name]
    log = site.node_directory(node) / "console.log"
    cgroups.start(cgroups.helper_group(site.ident, node.name), argv, log)


def main(lab: str, name: str) -> int:
    """Run the node until it is powered off."""
    site = state.load(lab)
    if site is None:
        raise LabError(f"no lab {lab!r}")
    node = site.node(name)
    root = disk.mount(site, node, rootfs.ensure(node.os))
    group = cgroups.node_group(site.ident, node.name)
    status = REBOOTED
    while status == REBOOTED:
        network.clear_link(site, node)
        status = _boot(_command(site, node, root), group, lambda: network.connect(site, node))
        cgroups.remove(group)
    return status


def _boot(argv: list[str], group: str, connect: Callable[[], None]) -> int:
    """Run nspawn inside the node's own groups; its exit status. `connect` waits for its links."""
    directories = cgroups.create(group, everywhere=True)
    environment = {
        **os.environ,
        **ENVIRONMENT,
        "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": str(int(not cgroups.legacy())),
    }
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        env=environment,
        preexec_fn=lambda: cgroups.enter(directories),  # noqa: PLW1509 - this process has one thread
    ) as process:
        connect()
        return process.wait()


def _command(site: Site, node: LabNode, root: Path) -> list[str]:
    """The nspawn command line: a machine with all capabilities and one link to the site's bridge."""
    binds = [f"--bind={path}" for path in DEVICES if Path(path).exists()]
    binds += [f"--bind={path}:{inside}" for inside, path in disk.volumes(site.node_directory(node) / "disk")]
    if Path("/lib/modules").is_dir():  # a server has the modules of its kernel, which is this machine's here
        binds += ["--bind-ro=/lib/modules"]
    # Without controllers in the unified hierarchy systemd must be told to use v1; 257 and later insist on
    # the second.
    v1 = ["systemd.unified_cgroup_hierarchy=0", "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"]
    return [
        "systemd-nspawn",
        "--quiet",
        "--boot",
        "--settings=no",
        f"--directory={root}",
        f"--machine={site.machine(node)}",
        f"--hostname={node.name}",
        "--register=no",
        "--keep-unit",
        "--link-journal=no",
        "--resolv-conf=off",
        "--timezone=off",
        f"--network-bridge={site.bridge}",
        *(f"--network-veth-extra={site.link_of(net, node)}:{net.name}" for net in site.networks),
        "--capability=all",
        *binds,
        *(v1 if cgroups.legacy() else []),
    ]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

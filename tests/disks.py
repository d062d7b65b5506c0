"""Data disks for lab nodes: sparse files as loop devices of this machine, made known to one node.

A node shares this machine's kernel and has a udev of its own, but no devtmpfs: a rule of ours makes the device nodes
that the kernel would, and gives each disk the serial number and the name under /dev/disk/by-id that a real one has.
For want of a devtmpfs systemd does not listen to udev either; a unit of ours makes it look again, early in the boot.
This machine's kernel may read no partition tables; then `partx`, by which the role tells it, is all it hears. After a
power cut the loop device and its partitions are still there, as a disk's are.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from slipway.lab import Lab

RULES = "/etc/udev/rules.d"
NODES = """\
SUBSYSTEM=="block", KERNEL=="{kernel}*", ACTION!="remove", \
PROGRAM="/bin/sh -c 'rm -f /dev/.%k; mknod /dev/.%k b %M %m; mv -f /dev/.%k /dev/%k'"
"""
NAMES = """\
SUBSYSTEM=="block", KERNEL=="{kernel}", ENV{{ID_SERIAL}}="Lab_Disk_{serial}", ENV{{ID_SERIAL_SHORT}}="{serial}", \
SYMLINK+="disk/by-id/lab-{serial}"
"""
LISTEN = """\
[Unit]
DefaultDependencies=no
After=systemd-udev-trigger.service systemd-udevd.service
Wants=systemd-udev-trigger.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=udevadm settle
ExecStart=systemctl daemon-reexec
[Install]
WantedBy=sysinit.target
"""


@dataclass(frozen=True, slots=True)
class DataDisk:
    """A disk of a node: its file here, its device (the same here and there) and its serial number."""

    file: Path
    device: str
    serial: str

    @property
    def id(self) -> str:
        """Its name under /dev/disk/by-id."""
        return f"lab-{self.serial}"

    @property
    def partition(self) -> str:
        """Its first partition."""
        return f"{self.device}p1"


@contextmanager
def data_disk(lab: Lab, node: str, file: Path, serial: str, mebibytes: int = 400) -> Iterator[DataDisk]:
    """A disk in a node until the end of the block."""
    with file.open("wb") as stream:
        stream.truncate(mebibytes << 20)
    device = _run("losetup", "--find", "--partscan", "--show", str(file))
    disk = DataDisk(file, device, serial)
    try:
        plug(lab, node, disk)
        yield disk
    finally:
        unplug(lab, node, disk)
        _run("losetup", "--detach", device)
        file.unlink()


def plug(lab: Lab, node: str, disk: DataDisk) -> None:
    """Make the node see the disk: again after it was taken from it."""
    kernel = disk.device.rpartition("/")[2]
    for number, rule in (("00", NODES), ("55", NAMES)):
        path = f"{RULES}/{number}-{disk.serial}.rules"
        lab.ssh(node, ["tee", path], stdin=rule.format(kernel=kernel, serial=disk.serial))
    lab.ssh(node, ["tee", "/etc/systemd/system/lab-disks.service"], stdin=LISTEN)
    script = f"""
        udevadm control --reload; udevadm trigger --settle /sys/class/block/{kernel}
        systemctl --quiet enable lab-disks.service; systemctl start --no-block lab-disks.service
        until systemctl --quiet is-active lab-disks.service; do sleep 0.2; done
    """
    lab.ssh(node, ["sh", "-c", script])


def unplug(lab: Lab, node: str, disk: DataDisk) -> None:
    """Take the disk from the node, which must not have it mounted for that to matter to the disk."""
    kernel = disk.device.rpartition("/")[2]
    script = f"""
        umount --all-targets --lazy {disk.device} {disk.partition} 2>/dev/null
        rm -f {RULES}/??-{disk.serial}.rules
        udevadm control --reload; udevadm trigger --settle /sys/class/block/{kernel}
        rm -f {disk.device} {disk.device}p*
    """
    lab.ssh(node, ["sh", "-c", script], check=False)


def _run(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()

"""GPUs for nodes that have none: the one place where a card is mocked, as no lab node can have one.

Files of sysfs and procfs as a host with a card shows them, mounted over the node's own; all that reads them is real.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from slipway.lab import Lab

PCI = "/sys/bus/pci/devices"
DRIVER = "/proc/driver"
#: What sysfs of an A100 server has: a bridge of Intel, a card of ASPEED, two GPUs, their audio and an NVSwitch.
DEVICES = {
    "0000:00:00.0": ("0x8086", "0x060000", "0x09a2"),
    "0000:02:00.0": ("0x1a03", "0x030000", "0x2000"),
    "0000:3b:00.0": ("0x10de", "0x030200", "0x20b2"),
    "0000:3b:00.1": ("0x10de", "0x040300", "0x10ef"),
    "0000:86:00.0": ("0x10de", "0x030200", "0x20b2"),
    "0000:c1:00.0": ("0x10de", "0x068000", "0x1af1"),
}
VERSION = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\n"
INFORMATION = "Model: \t\t NVIDIA A100-SXM4-80GB\nIRQ:   \t\t 16\nBus Location: \t 0000:3b:00.0\n"


@contextmanager
def cards(lab: Lab, node: str) -> Iterator[None]:
    """A node whose PCI bus has these devices, and no driver for them."""
    with _mounted(lab, node, PCI, _bus()):
        yield


@contextmanager
def driver(lab: Lab, node: str) -> Iterator[None]:
    """A node whose kernel says that NVIDIA's driver is loaded. Nothing behind it answers."""
    files = {"nvidia/version": VERSION, "nvidia/gpus/0000:3b:00.0/information": INFORMATION}
    with _mounted(lab, node, DRIVER, files):
        yield


def _bus() -> dict[str, str]:
    names = ("vendor", "class", "device")
    return {
        f"{slot}/{name}": f"{value}\n"
        for slot, values in DEVICES.items()
        for name, value in zip(names, values, strict=True)
    }


@contextmanager
def _mounted(lab: Lab, node: str, place: str, files: dict[str, str]) -> Iterator[None]:
    lab.ssh(node, ["mount", "-t", "tmpfs", "mock", place])
    try:
        for name, text in files.items():
            lab.ssh(node, ["install", "-D", "-m", "444", "/dev/stdin", f"{place}/{name}"], stdin=text)
        yield
    finally:
        lab.ssh(node, ["umount", place])

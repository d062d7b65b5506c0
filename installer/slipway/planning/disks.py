"""What will become of data disks. A forecast: the host judges again when it acts."""

from collections.abc import Iterator

from slipway.model.host.items import Host
from slipway.model.observed import HostObserved
from slipway.model.plan import Consequence
from slipway.model.survey import BlockDisk

#: Names of our partitions: plugins/module_utils/slipway_disks.py gives them.
FINISHED, UNFINISHED = "slipway-{}", "slipway-{}.new"
_GIB = 1 << 30


def disk_consequences(host: Host, seen: HostObserved) -> Iterator[Consequence]:
    """What is formatted, and what of it loses something."""
    for name, disk in sorted(host.settings.disks.items()):
        found = seen.survey.disk(disk.id or "")
        if found is None or not found.device or is_ours(name, found):
            continue
        on = f" on {disk.lvm.volume_group}/{disk.lvm.logical_volume}" if disk.lvm else ""
        what = f"disk {name} ({about_disk(found)}) as {disk.filesystem}{on} for {disk.path}"
        consent = disk.wipe == found.serial and not found.uses
        if is_foreign(name, found):
            if consent:  # without it preflight refuses the plan
                yield Consequence(f"wipes and formats {what}; lost: {contents_of(found)}", destructive=True)
        else:
            why = "a killed run left it unfinished" if found.labels else "it is empty"
            yield Consequence(f"formats {what}: {why}")


def is_ours(name: str, found: BlockDisk) -> bool:
    """Whether it is partitioned as the disk of that name, and finished."""
    return found.labels == (FINISHED.format(name),)


def is_foreign(name: str, found: BlockDisk) -> bool:
    """Whether it holds something that is not of our making."""
    mine = is_ours(name, found) or found.labels == (UNFINISHED.format(name),)
    return not mine and bool(found.signatures or found.labels or found.uses)


def about_disk(found: BlockDisk) -> str:
    """Device, size and serial number, for people."""
    serial = f", serial {found.serial}" if found.serial else ""
    return f"{found.device}, {found.size / _GIB:.1f} GiB{serial}"


def contents_of(found: BlockDisk) -> str:
    """What is on it, for people."""
    return ", ".join(dict.fromkeys(found.signatures)) or "partitions"

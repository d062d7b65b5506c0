"""What will become of data disks, and what stands in their way. A forecast: the host judges again when it acts."""

from collections.abc import Iterator

from slipway.errors import Finding
from slipway.model.host.disks import Disk
from slipway.model.host.items import Host
from slipway.model.observed import HostObserved
from slipway.model.plan import Consequence
from slipway.model.survey import BlockDisk

#: Names of our partitions: plugins/module_utils/slipway_disks.py gives them.
FINISHED, UNFINISHED = "slipway-{}", "slipway-{}.new"
_GIB = 1 << 30


def disk_findings(host: Host, seen: HostObserved) -> Iterator[Finding]:
    """Disks that are not there, or hold what nobody agreed to lose."""
    for name, disk in sorted(host.settings.disks.items()):
        found = seen.survey.disk(disk.id or "")
        path = f"host/{host.name}"
        if found is None:
            continue
        if not found.device:
            text = f"has no disk with the id or serial number {disk.id}"
            hint = "lsblk -o NAME,SIZE,SERIAL and ls -l /dev/disk/by-id there show them"
            yield Finding(path, text, expected=f"disk {name}", hint=hint, code="disk-missing")
        elif _foreign(name, found):
            yield from _refusal(path, name, disk, found)
        elif _ours(name, found) and not _holds(found, _kind(disk)):
            text = f"has disk {name} ({_about(found)}) formatted with something else: {_contents(found)}"
            hint = "set filesystem and lvm to what it has: what may hold data is not formatted again"
            yield Finding(path, text, expected=_kind(disk), hint=hint, code="disk-filesystem")


def _refusal(path: str, name: str, disk: Disk, found: BlockDisk) -> Iterator[Finding]:
    text = f"has disk {name} ({_about(found)}) that is not empty: {_contents(found)}"
    if found.uses:
        hint = "another id, or unmount it and take it out of what uses it"
        yield Finding(
            path,
            f"{text}; in use: {', '.join(found.uses)}",
            expected="a free disk",
            hint=hint,
            code="disk-in-use",
        )
    elif not disk.wipe:
        hint = f"if nothing of it is needed, consent: disks.{name}.wipe: {found.serial or 'SERIAL'}"
        yield Finding(path, text, expected="an empty disk", hint=hint, code="disk-not-empty")
    elif disk.wipe != found.serial:
        text += f"; wipe names {disk.wipe}"
        yield Finding(
            path,
            text,
            expected=f"its own, {found.serial}",
            hint="look which disk you mean",
            code="disk-serial",
        )


def disk_consequences(host: Host, seen: HostObserved) -> Iterator[Consequence]:
    """What is formatted, and what of it loses something."""
    for name, disk in sorted(host.settings.disks.items()):
        found = seen.survey.disk(disk.id or "")
        if found is None or not found.device or _ours(name, found):
            continue
        on = f" on {disk.lvm.volume_group}/{disk.lvm.logical_volume}" if disk.lvm else ""
        what = f"disk {name} ({_about(found)}) as {disk.filesystem}{on} for {disk.path}"
        consent = disk.wipe == found.serial and not found.uses
        if _foreign(name, found):
            if consent:  # without it preflight refuses the plan
                yield Consequence(f"wipes and formats {what}; lost: {_contents(found)}", destructive=True)
        else:
            why = "a killed run left it unfinished" if found.labels else "it is empty"
            yield Consequence(f"formats {what}: {why}")


def _ours(name: str, found: BlockDisk) -> bool:
    return found.labels == (FINISHED.format(name),)


def _foreign(name: str, found: BlockDisk) -> bool:
    mine = _ours(name, found) or found.labels == (UNFINISHED.format(name),)
    return not mine and bool(found.signatures or found.labels or found.uses)


def _kind(disk: Disk) -> str:
    """What wipefs finds on its partition."""
    return "LVM2_member" if disk.lvm else disk.filesystem


def _holds(found: BlockDisk, kind: str) -> bool:
    return any(signature.endswith(f" {kind}") for signature in found.signatures)


def _about(found: BlockDisk) -> str:
    serial = f", serial {found.serial}" if found.serial else ""
    return f"{found.device}, {found.size / _GIB:.1f} GiB{serial}"


def _contents(found: BlockDisk) -> str:
    return ", ".join(dict.fromkeys(found.signatures)) or "partitions"

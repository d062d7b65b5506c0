"""What stands in the way of data disks."""

from collections.abc import Iterator

from slipway.errors import Finding
from slipway.findings import FindingCode
from slipway.model.host.disks import Disk
from slipway.model.host.items import Host
from slipway.model.observed import HostObserved
from slipway.model.survey import BlockDisk
from slipway.planning.disks import about_disk, contents_of, is_foreign, is_ours


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
            yield Finding(path, text, expected=f"disk {name}", hint=hint, code=FindingCode.DISK_MISSING)
        elif is_foreign(name, found):
            yield from _refusal(path, name, disk, found)
        elif is_ours(name, found) and not _holds(found, _kind(disk)):
            text = (
                f"has disk {name} ({about_disk(found)}) formatted with something else: {contents_of(found)}"
            )
            hint = "set filesystem and lvm to what it has: what may hold data is not formatted again"
            yield Finding(path, text, expected=_kind(disk), hint=hint, code=FindingCode.DISK_FILESYSTEM)


def _refusal(path: str, name: str, disk: Disk, found: BlockDisk) -> Iterator[Finding]:
    text = f"has disk {name} ({about_disk(found)}) that is not empty: {contents_of(found)}"
    if found.uses:
        hint = "another id, or unmount it and take it out of what uses it"
        yield Finding(
            path,
            f"{text}; in use: {', '.join(found.uses)}",
            expected="a free disk",
            hint=hint,
            code=FindingCode.DISK_IN_USE,
        )
    elif not disk.wipe:
        hint = f"if nothing of it is needed, consent: disks.{name}.wipe: {found.serial or 'SERIAL'}"
        yield Finding(path, text, expected="an empty disk", hint=hint, code=FindingCode.DISK_NOT_EMPTY)
    elif disk.wipe != found.serial:
        text += f"; wipe names {disk.wipe}"
        yield Finding(
            path,
            text,
            expected=f"its own, {found.serial}",
            hint="look which disk you mean",
            code=FindingCode.DISK_SERIAL,
        )


def _kind(disk: Disk) -> str:
    """What wipefs finds on its partition."""
    return "LVM2_member" if disk.lvm else disk.filesystem


def _holds(found: BlockDisk, kind: str) -> bool:
    return any(signature.endswith(f" {kind}") for signature in found.signatures)

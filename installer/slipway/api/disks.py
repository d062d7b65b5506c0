"""Rules of data disks: an entry may be written in pieces over several layers, so each host is judged as a whole."""

from collections.abc import Iterator, Sequence

from slipway.errors import Finding
from slipway.findings import FindingCode
from slipway.model.host.items import Host


def data_disk_findings(resolved: Sequence[Host]) -> Iterator[Finding]:
    """Entries without a disk or a place, and two that share one; hosts in the order of `spec.hosts.items`."""
    for index, host in enumerate(resolved):
        yield from _complete(f"spec.hosts.items[{index}].settings.disks", host)
        yield from _shared(f"spec.hosts.items[{index}].settings.disks", host)


def _complete(path: str, host: Host) -> Iterator[Finding]:
    for name, disk in host.settings.disks.items():
        for field, value, what in (("id", disk.id, "which disk it is"), ("path", disk.path, "a directory")):
            if value is None:
                yield Finding(
                    f"{path}.{name}.{field}",
                    f"is missing on host {host.name}",
                    expected=f"{what}, here, in defaults or in a group",
                    hint="",
                    code=FindingCode(f"disk-without-{field}"),
                )


def _shared(path: str, host: Host) -> Iterator[Finding]:
    seen: dict[tuple[str, str], str] = {}
    for name, disk in host.settings.disks.items():
        group = disk.lvm.volume_group if disk.lvm else None
        for field, value in (("id", disk.id), ("path", disk.path), ("lvm.volumeGroup", group)):
            first = seen.setdefault((field, value or name), name)
            if first != name:
                text = f"is {value!r} on host {host.name}, as that of {first}"
                code = FindingCode(f"duplicate-disk-{'group' if field == 'lvm.volumeGroup' else field}")
                yield Finding(f"{path}.{name}.{field}", text, expected="one of its own", code=code)

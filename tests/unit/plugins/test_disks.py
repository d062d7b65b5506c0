"""What may be done with a disk: decisions of the module that runs on the host, without a disk."""

import importlib
from typing import Any

import ansible.module_utils
import pytest

from slipway.settings import data_dir

ansible.module_utils.__path__.append(str(data_dir() / "plugins/module_utils"))
disks: Any = importlib.import_module("ansible.module_utils.slipway_disks")
host: Any = importlib.import_module("ansible.module_utils.slipway_host")

ENTRY = {
    "name": "data",
    "path": "/data",
    "filesystem": "xfs",
    "wipe": "",
    "options": ["noatime"],
    "lvm": None,
    "units": [],
}


def seen(*labels: str, signatures: tuple[str, ...] = (), filesystem: str = "", **more: Any) -> dict[str, Any]:
    parts = [
        {"node": f"/dev/sdb{number}", "label": label, "filesystem": filesystem, "uuid": ""}
        for number, label in enumerate(labels, 1)
    ]
    table = ("gpt", "PMBR") if labels else ()
    found = {"device": "/dev/sdb", "serial": "S1", "size": 1 << 30, "uses": []}
    return {**found, "signatures": [*signatures, *table], "partitions": parts, **more}


@pytest.mark.parametrize(
    ("found", "begun", "verbs"),
    [
        (seen(), False, ["partition", "format"]),
        (seen("slipway-data.new"), False, ["format"]),
        (seen("slipway-data.new", filesystem="ext4"), False, ["format"]),
        (seen("slipway-data", filesystem="xfs"), False, []),
        (seen("slipway-data", filesystem="xfs", uses=["/dev/sdb1 at /data"]), False, []),
        (seen(signatures=("gpt",)), True, ["partition", "format"]),
    ],
)
def test_what_is_empty_or_ours(found: dict[str, Any], begun: bool, verbs: list[str]) -> None:
    assert disks.decide(ENTRY, found, begun=begun) == verbs
    assert disks.decide({**ENTRY, "wipe": "S1"}, found, begun=begun) == verbs


VOLUME = {**ENTRY, "lvm": {"volume_group": "data", "logical_volume": "first", "size": ""}}


def test_a_volume_of_a_killed_run_is_no_user_and_a_partition_is_no_volume() -> None:
    unfinished = seen("slipway-data.new", uses=["/dev/mapper/data-first (lvm)"])
    assert disks.decide(VOLUME, unfinished) == ["format"]
    for entry, uses in ((ENTRY, unfinished["uses"]), (VOLUME, [*unfinished["uses"], "/dev/sdb1 at /data"])):
        with pytest.raises(host.HostError, match="is in use"):
            disks.decide(entry, {**unfinished, "uses": uses})
    assert disks.decide(VOLUME, seen("slipway-data", filesystem="LVM2_member")) == []
    for entry, have in ((ENTRY, "LVM2_member"), (VOLUME, "xfs")):
        with pytest.raises(host.HostError, match="never formatted again"):
            disks.decide(entry, seen("slipway-data", filesystem=have))


STRANGERS = [
    seen(signatures=("ext4",)),
    seen(signatures=("gpt",)),
    seen(""),
    seen("slipway-data", "home"),
    seen("slipway-other"),
    seen("slipway-data.new", "slipway-data"),
]


@pytest.mark.parametrize("found", STRANGERS)
def test_anything_else_needs_its_own_serial_number(found: dict[str, Any]) -> None:
    for wipe in ("", "S2"):
        with pytest.raises(host.HostError, match="is not empty and stays as it is"):
            disks.decide({**ENTRY, "wipe": wipe}, found)
    assert disks.decide({**ENTRY, "wipe": "S1"}, found) == ["wipe", "partition", "format"]


def test_a_disk_without_a_serial_number_is_never_wiped() -> None:
    with pytest.raises(host.HostError, match="without a serial number"):
        disks.decide(ENTRY, seen(signatures=("ext4",), serial=""))


@pytest.mark.parametrize("found", [*STRANGERS, seen(), seen("slipway-data.new")])
def test_what_is_in_use_stays_even_with_consent(found: dict[str, Any]) -> None:
    with pytest.raises(host.HostError, match="is in use"):
        disks.decide({**ENTRY, "wipe": "S1"}, {**found, "uses": ["/dev/sdb at /home"]})


@pytest.mark.parametrize("have", ["ext4", ""])
def test_ours_is_never_formatted_again(have: str) -> None:
    for wipe in ("", "S1"):
        with pytest.raises(host.HostError, match="never formatted again"):
            disks.decide({**ENTRY, "wipe": wipe}, seen("slipway-data", filesystem=have))


def test_a_note_makes_no_others_disk_ours() -> None:
    for found in STRANGERS[:1] + STRANGERS[2:]:
        with pytest.raises(host.HostError):
            disks.decide(ENTRY, found, begun=True)


def test_the_unit_lets_the_host_boot_and_holds_back_what_lies_there() -> None:
    text = disks.unit_text({**ENTRY, "units": ["containerd.service"]}, "f00d")
    assert "What=/dev/disk/by-uuid/f00d\nWhere=/data\nType=xfs\nOptions=nofail,noatime\n" in text
    assert "WantedBy=multi-user.target\nRequiredBy=containerd.service\n" in text
    assert "RequiredBy" not in disks.unit_text(ENTRY, "f00d")

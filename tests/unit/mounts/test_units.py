"""What a mount's units say, when it is mounted anew, and what /proc tells; names against systemd's own."""

import subprocess
from typing import Any

import pytest

from plugins.module_utils import slipway_mounts as units

NFS: dict[str, Any] = {
    "name": "data",
    "type": "nfs",
    "source": "10.0.0.9:/export/data",
    "path": "/mnt/data",
    "options": ["vers=4.2"],
    "read_only": False,
    "automount": False,
    "required": False,
    "user": "",
    "secret": "",
}
CEPH = {**NFS, "type": "cephfs", "source": "10.0.0.5,10.0.0.6:3300:/a", "user": "home", "options": []}
UNIT = f"{units.UNITS}/mnt-data.mount"
MOUNTED = "40 1 0:50 / /mnt/data rw shared:9 - nfs4 10.0.0.9:/export/data rw\n"
WAITS = "39 1 0:49 / /mnt/data rw shared:8 - autofs systemd-1 rw\n"


@pytest.mark.parametrize(
    "path", ["/mnt/data", "/mnt/my-data", "/a.b/.c", "/.hidden", "/x_y:z", "/mnt/数据", "/a@b/c%d", "/a//b/"]
)
def test_a_unit_is_named_as_systemd_names_it(path: str) -> None:
    said = subprocess.run(["systemd-escape", "--path", path], capture_output=True, text=True, check=True)
    assert units.escape(path) == said.stdout.strip()


def lines(mount: dict[str, Any]) -> list[str]:
    text = units.plain_files(mount)[UNIT]
    return text.splitlines()


def test_no_boot_waits_and_runtimes_come_after() -> None:
    text = lines(NFS)
    assert "Options=nofail,_netdev,vers=4.2" in text
    assert "Before=containerd.service docker.service kubelet.service" in text
    assert "TimeoutSec=60" in text
    assert "WantedBy=multi-user.target" in text


def test_a_disk_is_no_network() -> None:
    text = lines(
        {**NFS, "type": "ext4", "source": "/dev/disk/by-label/50%", "options": [], "read_only": True}
    )
    assert {"What=/dev/disk/by-label/50%%", "Type=ext4", "Options=nofail,ro"} <= set(text)


def test_lustre_is_mounted_by_its_own_program() -> None:
    """No Lustre runs here: what the unit says is all that can be looked at."""
    text = lines({**NFS, "type": "lustre", "source": "10.0.0.9@tcp:/scratch", "options": ["flock"]})
    assert {"What=10.0.0.9@tcp:/scratch", "Type=lustre", "Options=nofail,_netdev,flock"} <= set(text)


@pytest.mark.parametrize("secret", ["AQBx==", "AQBx==\n", "[client.home]\n\tkey = AQBx==\n\tcaps mon = x\n"])
def test_a_key_is_in_a_file_and_nowhere_else(secret: str) -> None:
    for kind, path, text in (
        ("cephfs", "/etc/slipway-mounts/data.secret", "AQBx==\n"),
        ("ceph-fuse", "/etc/slipway-mounts/data.keyring", "[client.home]\n\tkey = AQBx==\n"),
    ):
        mount = {**CEPH, "type": kind, "secret": secret}
        assert units.secret_files(mount) == {path: text}
        assert "AQBx" not in str(units.plain_files(mount))


def test_ceph_fuse_has_settings_of_its_own() -> None:
    found = units.plain_files({**CEPH, "type": "ceph-fuse", "secret": "k"})
    assert "Options=nofail,_netdev,ceph.id=home,ceph.conf=/etc/slipway-mounts/data.conf" in found[UNIT]
    settings = found["/etc/slipway-mounts/data.conf"]
    assert "mon host = 10.0.0.5,10.0.0.6:3300\n" in settings
    assert "client mountpoint = /a\n" in settings


def test_what_is_required_holds_runtimes_and_kubelet_back() -> None:
    found = units.shared_files([NFS, {**NFS, "path": "/mnt/my-home", "required": True}])
    for unit in ("containerd.service", "docker.service", "kubelet.service"):
        text = found[f"{units.UNITS}/{unit}.d/60-slipway-mounts.conf"]
        assert "AssertPathIsMountPoint=/mnt/my-home\n" in text
        assert "After=mnt-my\\x2dhome.mount\n" in text
    assert "start mnt-data.mount 'mnt-my\\x2dhome.mount'" in found[units.AGAIN_SCRIPT]


def test_nothing_required_holds_nothing_back() -> None:
    assert set(units.shared_files([NFS])) == {f"{units.UNITS}/slipway-mounts.service", units.AGAIN_SCRIPT}
    assert units.shared_files([{**NFS, "automount": True}]) == {}


def decided(
    mount: dict[str, Any], mountinfo: str = MOUNTED, before: dict[str, Any] | None = NFS
) -> list[str]:
    text = units.plain_files(before)[UNIT] if before else None
    automatic = bool(before and before["automount"])
    return units.decide(mount, text, automatic, units.mount_table(mountinfo))


@pytest.mark.parametrize(
    "change",
    [{}, {"required": True}, {"secret": "other"}, {"name": "other"}],
    ids=["nothing", "required", "secret", "name"],
)
def test_what_does_not_touch_the_mount_leaves_it(change: dict[str, Any]) -> None:
    assert decided({**NFS, **change}) == []


@pytest.mark.parametrize(
    "change",
    [
        {"source": "10.0.0.8:/export/data"},
        {"read_only": True},
        {"options": ["vers=3"]},
        {"type": "nfs4"},
        {"automount": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_the_kernel_is_told_needs_another_mount(change: dict[str, Any]) -> None:
    assert decided({**NFS, **change}) == ["unmount", "mount"]
    assert decided({**NFS, **change}, mountinfo="") == ["mount"]


def test_a_mount_that_is_not_there_is_made() -> None:
    assert decided(NFS, mountinfo="") == ["mount"]
    assert decided(NFS, mountinfo="", before=None) == ["mount"]


def test_one_that_waits_to_be_looked_at_is_there() -> None:
    automatic = {**NFS, "automount": True}
    assert decided(automatic, WAITS, automatic) == []
    assert decided(automatic, WAITS + MOUNTED, automatic) == []
    assert decided(NFS, WAITS, automatic) == ["unmount", "mount"]


def test_what_is_mounted_by_hand_already_stays() -> None:
    entry = units.mounted_at(units.mount_table(MOUNTED), "/mnt/data")
    assert entry is not None
    assert decided(NFS, before=None) == []
    assert units.same_source(NFS, entry)
    assert not units.same_source({**NFS, "source": "10.0.0.8:/export/data"}, entry)
    assert not units.same_source({**NFS, "type": "ext4"}, entry)


def test_blanks_of_other_mounts_are_read() -> None:
    line = "41 1 8:1 / /media/my\\040disk\\134x rw - ext4 /dev/sda1 rw\n"
    (entry,) = units.mount_table(line)
    assert (entry["path"], entry["follows"]) == ("/media/my disk\\x", False)


def test_a_unit_of_ours_says_so() -> None:
    text = units.plain_files({**NFS, "required": True, "path": "/mnt/50%"})[
        f"{units.UNITS}/mnt-50\\x25.mount"
    ]
    assert (units.name_in(text), units.required_in(text), units.where_in(text)) == ("data", True, "/mnt/50%")
    assert units.name_in("[Mount]\nWhere=/mnt/data\n") == ""

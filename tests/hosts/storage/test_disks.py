"""Data disks on real nodes: formatted, mounted, kept over reboots and resets, and never taken from anybody.

The tests build on each other, in the order written. node-1 has the site registry, whose data lies on its disk; node-2
takes its packages from there. Logical volumes are in test_lvm.py, as they need another kernel.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from slipway.bundle.ground.archive import file_digest
from slipway.model.host.ssh import SSH
from slipway.runner import RunnerResult, connection_variables
from tests.bare import Site, bare_site
from tests.disks import DataDisk, data_disk, plug, unplug

SYSTEMS = ("debian-12", "debian-13")
NAMES = ("node-1", "node-2")
PATH, UNIT = "/srv/data", "/etc/systemd/system/srv-data.mount"
REGISTRY_ROOT = f"{PATH}/registry"
#: What somebody may have on a disk, and how it got there.
STRANGERS = {
    "file system": "mkfs.ext4 -q {0}",
    "swap": "mkswap -q {0}",
    "old table": "echo 'label: dos\n,1M' | sfdisk -q {0}",
    "table of others": "echo 'label: gpt\nname=\"home\"' | sfdisk -q {0}",
    "end of a table": "echo 'label: gpt' | sfdisk -q {0}; dd if=/dev/zero of={0} bs=512 count=34",
    "our name for another entry": "echo 'label: gpt\nname=\"slipway-other\"' | sfdisk -q {0}",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("disks")
    spec = {"registry": {"dataRoot": REGISTRY_ROOT}}
    with bare_site(directory, "dsk", "10.182.1.0/24", SYSTEMS, ("xfsprogs",), spec) as found:
        yield found


@pytest.fixture(scope="module")
def disks(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, DataDisk]]:
    """A disk for each node; on the machine's own disk, as the lab's are."""
    place = tmp_path_factory.mktemp("devices")
    with ExitStack() as stack:
        yield {
            node: stack.enter_context(data_disk(site.lab, node, place / node, f"DSK{number}"))
            for number, node in enumerate(NAMES)
        }


@pytest.fixture
def spare(site: Site, tmp_path: Path) -> Iterator[DataDisk]:
    """One more disk of node-2."""
    with data_disk(site.lab, "node-2", tmp_path / "spare", "SPARE1") as found:
        yield found


def own(disks: dict[str, DataDisk]) -> dict[str, dict[str, Any]]:
    """node-1 names its disk by id, node-2 by serial number."""
    names = {"node-1": disks["node-1"].id, "node-2": disks["node-2"].serial}
    kinds = {"node-1": "xfs", "node-2": "ext4"}
    entry = {"path": PATH, "options": ["noatime"]}
    return {
        node: {"disks": {"data": {**entry, "id": name, "filesystem": kinds[node]}}}
        for node, name in names.items()
    }


def extra(spare: DataDisk, **more: Any) -> dict[str, dict[str, Any]]:
    """The spare disk as the only one of node-2."""
    return {
        "node-2": {"disks": {"extra": {"id": spare.id, "path": "/srv/extra", "filesystem": "xfs", **more}}}
    }


def several(
    spare: DataDisk, strangers: list[DataDisk], wipe: Callable[[DataDisk], str]
) -> dict[str, dict[str, Any]]:
    """All of them on node-2."""
    entries = {
        f"d{number}": {"id": disk.id, "path": f"/srv/d{number}", "filesystem": "ext4", "wipe": wipe(disk)}
        for number, disk in enumerate(strangers)
    }
    return {"node-2": {"disks": {**entries, **extra(spare)["node-2"]["disks"]}}}


def refused(site: Site, own: dict[str, dict[str, Any]]) -> str:
    """The words with which node-2 refuses."""
    result: RunnerResult = site.attempt("install.yml", site.planned("node_disks", only=["node-2"], own=own))
    (failure,) = result.failures
    return f"{failure.message}\n{failure.why}"


def mounted(site: Site, node: str, path: str = PATH) -> list[str]:
    """File system, source and options of a mount point; nothing when there is none."""
    return site.sh(node, f"findmnt --noheadings --output FSTYPE,SOURCE,OPTIONS --mountpoint {path}").split()


def reboot(site: Site, node: str) -> None:
    """A power cut."""
    site.lab.kill(node)
    site.lab.start(node)


def test_check_mode_on_bare_hosts_predicts_and_changes_nothing(
    site: Site, disks: dict[str, DataDisk]
) -> None:
    before = {node: file_digest(disk.file) for node, disk in disks.items()}
    result = site.play("node_disks", check=True, only=["node-2"], own=own(disks))
    assert result.stats["node-2"]["changed"] > 0
    assert {node: file_digest(disk.file) for node, disk in disks.items()} == before
    assert mounted(site, "node-2") == []


def test_the_registry_comes_to_lie_on_its_disk(site: Site, disks: dict[str, DataDisk]) -> None:
    site.play("node_disks", "registry", only=["node-1"], own=own(disks))
    kind, source, options = mounted(site, "node-1")
    assert (kind, source) == ("xfs", disks["node-1"].partition)
    assert "noatime" in options
    site.push()
    assert site.sh("node-1", f"ls {REGISTRY_ROOT}").split()


def test_other_hosts_take_their_packages_from_it(site: Site, disks: dict[str, DataDisk]) -> None:
    site.play("node_disks", "node_prepare", own=own(disks))
    assert mounted(site, "node-2")[:2] == ["ext4", disks["node-2"].partition]
    assert "UUID=" not in site.sh("node-2", f"cat {UNIT}")
    for node in NAMES:
        assert "What=/dev/disk/by-uuid/" in site.sh(node, f"cat {UNIT}")
        assert site.sh(node, "systemctl is-enabled srv-data.mount") == "enabled\n"


@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
def test_second_run_changes_nothing(site: Site, disks: dict[str, DataDisk], check: bool) -> None:
    result = site.play("node_disks", "registry", "node_prepare", check=check, own=own(disks))
    assert site.changed(result) == {"node-1": 0, "node-2": 0}


def test_a_power_cut_keeps_data_and_order(site: Site, disks: dict[str, DataDisk]) -> None:
    for node in NAMES:
        site.lab.ssh(node, ["sh", "-c", f"echo {node} > {PATH}/kept; sync"])
        reboot(site, node)
        assert mounted(site, node)[1] == disks[node].partition
        assert site.sh(node, f"cat {PATH}/kept") == f"{node}\n"
    assert site.sh("node-1", "systemctl is-active slipway-registry.service") == "active\n"
    after = site.sh("node-1", "systemctl show --property=After --value slipway-registry.service")
    assert "srv-data.mount" in after.split()


def test_without_its_disk_a_host_boots_and_nothing_starts_that_lies_there(
    site: Site, disks: dict[str, DataDisk]
) -> None:
    """The registry would begin anew, on the root disk."""
    quick = "mkdir -p /etc/systemd/system.conf.d; printf '[Manager]\nDefaultDeviceTimeoutSec=5\n' >"
    site.lab.ssh("node-1", ["sh", "-c", f"{quick} /etc/systemd/system.conf.d/50-test.conf"])
    unplug(site.lab, "node-1", disks["node-1"])
    reboot(site, "node-1")
    assert mounted(site, "node-1") == []
    assert site.sh("node-1", "systemctl is-active slipway-registry.service") == "inactive\n"
    assert site.sh("node-1", f"ls -A {PATH}") == ""
    plug(site.lab, "node-1", disks["node-1"])
    site.play("node_disks", "registry", only=["node-1"], own=own(disks))
    assert site.sh("node-1", f"cat {PATH}/kept") == "node-1\n"
    assert site.sh("node-1", "systemctl is-active slipway-registry.service") == "active\n"


def test_what_is_on_a_disk_stays_unless_its_serial_number_consents(
    site: Site, tmp_path: Path, spare: DataDisk
) -> None:
    """One disk for each kind of content, and an empty one, which is not touched either while others are refused."""
    with ExitStack() as stack:
        strangers = [
            stack.enter_context(data_disk(site.lab, "node-2", tmp_path / f"s{number}", f"OLD{number}"))
            for number in range(len(STRANGERS))
        ]
        made = [made.format(disk.device) for made, disk in zip(STRANGERS.values(), strangers, strict=True)]
        site.lab.ssh("node-2", ["sh", "-c", "; ".join([*made, "udevadm settle"])])
        before = [file_digest(disk.file) for disk in (spare, *strangers)]
        words = refused(site, several(spare, strangers, lambda disk: "SPARE1"))
        for disk in strangers:
            assert f"serial {disk.serial}) is not empty and stays as it is" in words
            assert f"wipe: {disk.serial}" in words
        assert [file_digest(disk.file) for disk in (spare, *strangers)] == before
        consent = several(spare, strangers, lambda disk: disk.serial)
        site.play("node_disks", only=["node-2"], own=consent)
        for number, disk in enumerate(strangers):
            assert mounted(site, "node-2", f"/srv/d{number}")[:2] == ["ext4", disk.partition]
        site.lab.ssh("node-2", ["touch", "/srv/d0/kept"])
        site.play("node_disks", only=["node-2"], own=consent)
        assert "kept" in site.sh("node-2", "ls /srv/d0").split()
        site.play("node_disks", only=["node-2"])
        assert mounted(site, "node-2", "/srv/d0") == []


def test_a_disk_in_use_is_not_wiped_even_with_consent(site: Site, spare: DataDisk) -> None:
    site.lab.ssh("node-2", ["sh", "-c", f"mkfs.ext4 -q {spare.device}; mount {spare.device} /mnt"])
    assert "is in use" in refused(site, extra(spare, wipe="SPARE1"))
    site.lab.ssh("node-2", ["umount", "/mnt"])


@pytest.mark.parametrize("formats", [False, True], ids=["before mkfs", "after mkfs"])
def test_a_killed_format_is_finished(site: Site, spare: DataDisk, formats: bool) -> None:
    """mkfs is replaced by one that ends the module that called it, as a power cut would."""
    first = '/usr/sbin/mkfs.xfs "$@"' if formats else "true"
    script = f"#!/bin/sh\n{first}\nkill -9 $PPID\n"
    site.lab.ssh("node-2", ["install", "-m", "755", "/dev/stdin", "/usr/local/sbin/mkfs.xfs"], stdin=script)
    site.attempt("install.yml", site.planned("node_disks", only=["node-2"], own=extra(spare)))
    site.lab.ssh("node-2", ["rm", "/usr/local/sbin/mkfs.xfs"])
    assert "slipway-extra.new" in site.sh("node-2", f"sfdisk --json {spare.device}")
    assert mounted(site, "node-2", "/srv/extra") == []
    site.play("node_disks", only=["node-2"], own=extra(spare))
    assert mounted(site, "node-2", "/srv/extra")[:2] == ["xfs", spare.partition]


def test_a_table_that_was_half_written_is_ours_only_by_our_note(site: Site, spare: DataDisk) -> None:
    site.lab.ssh("node-2", ["sh", "-c", STRANGERS["end of a table"].format(spare.device)])
    assert "not empty" in refused(site, extra(spare))
    note = '{"format": 1, "begun": {"extra": "SPARE1"}}'
    site.lab.ssh("node-2", ["tee", "/var/lib/slipway/disks.json"], stdin=note)
    site.play("node_disks", only=["node-2"], own=extra(spare))
    assert mounted(site, "node-2", "/srv/extra")[:2] == ["xfs", spare.partition]
    assert site.sh("node-2", "cat /var/lib/slipway/disks.json") == '{"begun": {}, "format": 1}\n'


def test_a_volume_is_refused_where_the_kernel_has_no_device_mapper(site: Site, spare: DataDisk) -> None:
    """Before the disk is touched; with such a kernel it is in test_lvm.py."""
    before = file_digest(spare.file)
    wanted = extra(spare, lvm={"volumeGroup": "data", "logicalVolume": "first"})
    variables = site.planned("node_disks", only=["node-2"], own=wanted, given={"node_disks_packages": []})
    (failure,) = site.attempt("install.yml", variables).failures
    assert "has no device mapper" in failure.message
    assert file_digest(spare.file) == before


def test_a_mount_that_would_hide_files_is_refused(site: Site, spare: DataDisk) -> None:
    site.lab.ssh("node-2", ["sh", "-c", "mkdir -p /srv/full; touch /srv/full/precious"])
    assert "would hide" in refused(site, extra(spare, path="/srv/full"))
    assert site.sh("node-2", "ls /srv/full") == "precious\n"


def test_no_disk_of_that_name_is_told_with_those_that_are_there(site: Site) -> None:
    words = refused(site, {"node-2": {"disks": {"extra": {"id": "none", "path": "/srv/extra"}}}})
    assert "no disk has the id or the serial number none" in words
    assert "DSK1" in words


def test_another_file_system_is_refused_for_a_disk_that_has_one(
    site: Site, disks: dict[str, DataDisk]
) -> None:
    """Its entry was left out by tests before; it comes back with all that is on it."""
    site.play("node_disks", only=["node-2"], own=own(disks))
    changed = own(disks)
    changed["node-2"]["disks"]["data"]["filesystem"] = "xfs"
    assert "is formatted with ext4" in refused(site, changed)
    assert site.sh("node-2", f"cat {PATH}/kept") == "node-2\n"


def test_an_entry_that_goes_waits_for_its_users_and_keeps_its_data(
    site: Site, disks: dict[str, DataDisk]
) -> None:
    use = ["systemd-run", "--unit=user-of-data", f"--working-directory={PATH}", "sleep", "infinity"]
    site.lab.ssh("node-2", use)
    assert "sleep (pid" in refused(site, {})
    assert mounted(site, "node-2") != []
    site.lab.ssh("node-2", ["systemctl", "stop", "user-of-data.service"])
    site.play("node_disks", only=["node-2"])
    assert mounted(site, "node-2") == []
    assert site.sh("node-2", f"ls {UNIT} 2>/dev/null") == ""
    partition = disks["node-2"].partition
    assert site.sh("node-2", f"mount {partition} /mnt && cat /mnt/kept; umount /mnt") == "node-2\n"


def test_a_reset_keeps_the_data_and_the_next_installation_finds_it(
    site: Site, disks: dict[str, DataDisk]
) -> None:
    """A directory that was made on the disk is empty, and goes while the disk is still mounted."""
    made = [{"path": f"{PATH}/made/empty"}]
    site.play("node_disks", "node_directories", own=own(disks), directories=made)
    hosts = {node.name: connection_variables(SSH(), node.address) for node in site.lab.nodes}
    policy = {"node_reset_registry": "delete", "node_reset_registry_data_root": REGISTRY_ROOT}
    site.run("reset.yml", {name: {**variables, **policy} for name, variables in hosts.items()})
    for node in NAMES:
        assert mounted(site, node) == []
        assert site.sh(node, f"ls {UNIT} 2>/dev/null") == ""
    site.play("node_disks", "registry", only=["node-1"], own=own(disks))
    for node in NAMES:
        if node == "node-2":
            site.push()
            site.play("node_disks", only=[node], own=own(disks))
        assert site.sh(node, f"cat {PATH}/kept") == f"{node}\n"
        assert site.sh(node, f"ls -d {PATH}/made 2>/dev/null") == ""

"""A data disk with a logical volume, on a machine whose kernel has a device mapper: made, kept, grown, given up.

The tests of this file build on each other, in the order written.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.api import read
from slipway.model.host.ssh import SSH
from slipway.planning.roles import node_disks
from slipway.planning.roles.base import Given
from slipway.runner import RunnerResult, connection_variables, run
from tests.labs import lab_nodes
from tests.uml import Machines, uml_nodes
from tests.unit.planning import model

NODE, DISK, PATH = "volumes", "/dev/ubdb", "/srv/data"
MIB = 1 << 20
#: A virtual disk of this kernel has no serial number, and so no name by its id.
RULE = f'KERNEL=="{DISK[5:]}", ENV{{ID_SERIAL}}="LVM1", SYMLINK+="disk/by-id/lab-LVM1"\n'


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    with (
        lab_nodes("volumes", "10.189.0.0/24") as lab,
        uml_nodes(lab, NODE, packages=("lvm2", "xfsprogs"), spare=400 * MIB) as found,
    ):
        found.ssh(NODE, ["tee", "/etc/udev/rules.d/55-lab.rules"], stdin=RULE)
        found.ssh(NODE, ["sh", "-c", "udevadm control --reload; udevadm trigger --settle"])
        yield found


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lvm")


def entry(size: str | None = "100M", group: str = "data", **more: Any) -> dict[str, Any]:
    lvm = {"volumeGroup": group, "logicalVolume": "first", **({"size": size} if size else {})}
    return {"big": {"id": "lab-LVM1", "path": PATH, "filesystem": "xfs", "lvm": lvm, **more}}


def planned(disks: dict[str, Any]) -> dict[str, Any]:
    """The role's variables, as planning makes them; LVM's package is in the machine's image."""
    patch = {
        "hosts": {"items": [{**model.base()["spec"]["hosts"]["items"][0], "settings": {"disks": disks}}]}
    }
    configuration = read.parse(model.document(patch))
    (host,) = configuration.hosts
    needed = {"lvm2"} if any("lvm" in disk for disk in disks.values()) else set()
    assert needed == {"lvm2"} & set(node_disks.packages(configuration, host))
    return node_disks.ROLE.variables(Given(configuration, model.bundle(), host))


def tried(machines: Machines, directory: Path, disks: dict[str, Any], *, check: bool = False) -> RunnerResult:
    (node,) = machines.nodes
    variables = {
        **connection_variables(SSH(), node.address),
        "node_disks_disks": planned(disks)["disks"],
        "slipway_steps": {"node_disks": {"step": f"host/{NODE}/node_disks", "digest": "sha256:0"}},
    }
    return carried_out(machines, directory, "install.yml", variables, check=check)


def carried_out(
    machines: Machines, directory: Path, playbook: str, variables: dict[str, Any], *, check: bool = False
) -> RunnerResult:
    return run(
        playbook,
        hosts={NODE: variables},
        directory=directory / "runs",
        secrets=lambda _reference: machines.private_key.read_text(),
        known_hosts=machines.known_hosts,
        check=check,
    )


def play(machines: Machines, directory: Path, disks: dict[str, Any], *, check: bool = False) -> int:
    """Tasks changed by a run that succeeds."""
    result = tried(machines, directory, disks, check=check)
    assert result.ok, result.failures
    return result.stats[NODE]["changed"]


def refused(machines: Machines, directory: Path, disks: dict[str, Any]) -> str:
    (failure,) = tried(machines, directory, disks).failures
    return f"{failure.message}\n{failure.why}"


def sh(machines: Machines, script: str) -> str:
    return machines.ssh(NODE, ["sh", "-c", script], check=False).stdout


def mounted(machines: Machines) -> list[str]:
    return sh(machines, f"findmnt --noheadings --output FSTYPE,SOURCE --mountpoint {PATH}").split()


def sizes(machines: Machines) -> tuple[int, int]:
    """MiB of the volume, and of the file system on it, which keeps its log for itself."""
    volume = sh(machines, "lvs --noheadings --nosuffix --units m --options lv_size data/first").strip()
    return int(float(volume)), int(sh(machines, f"df --output=size --block-size=1M {PATH} | tail -n 1"))


def test_an_empty_disk_gets_a_volume(machines: Machines, directory: Path) -> None:
    assert play(machines, directory, entry(size="301M"), check=True) == 1
    assert sh(machines, "vgs --noheadings") == ""
    assert play(machines, directory, entry(size="301M")) == 1
    assert mounted(machines) == ["xfs", "/dev/mapper/data-first"]
    assert sizes(machines)[0] == 304
    machines.ssh(NODE, ["sh", "-c", f"echo kept > {PATH}/kept"])
    for check in (False, True):
        assert play(machines, directory, entry(size="301M"), check=check) == 0


def test_it_grows_while_it_is_mounted_and_never_shrinks(machines: Machines, directory: Path) -> None:
    before = sizes(machines)
    assert play(machines, directory, entry(size="340M"), check=True) == 1
    assert sizes(machines) == before
    assert play(machines, directory, entry(size="340M")) == 1
    assert sizes(machines)[0] == 340
    assert sizes(machines)[1] > before[1]
    assert "never made smaller" in refused(machines, directory, entry(size="200M"))
    assert play(machines, directory, entry(size=None)) == 1
    assert sizes(machines)[0] > 380
    assert play(machines, directory, entry(size=None)) == 0


def test_after_a_boot_it_is_mounted_with_its_data(machines: Machines, directory: Path) -> None:
    machines.stop(NODE)
    machines.start(NODE)
    sh(machines, "systemctl is-system-running --wait")  # one can log in before all is mounted
    assert mounted(machines) == ["xfs", "/dev/mapper/data-first"]
    assert sh(machines, f"cat {PATH}/kept") == "kept\n"
    assert play(machines, directory, entry(size=None), check=True) == 0


def test_what_is_formatted_stays_what_it_is(machines: Machines, directory: Path) -> None:
    plain = {"big": {name: value for name, value in entry()["big"].items() if name != "lvm"}}
    assert "is formatted with LVM2_member, not xfs" in refused(machines, directory, plain)
    assert "is formatted with xfs, not ext4" in refused(machines, directory, entry(None, filesystem="ext4"))
    assert "has no logical volume other/first" in refused(machines, directory, entry(None, group="other"))
    assert sh(machines, f"cat {PATH}/kept") == "kept\n"


def test_a_reset_leaves_the_volume_and_it_is_found_again(machines: Machines, directory: Path) -> None:
    (node,) = machines.nodes
    assert carried_out(machines, directory, "reset.yml", connection_variables(SSH(), node.address)).ok
    assert mounted(machines) == []
    play(machines, directory, entry(size=None))
    assert sh(machines, f"cat {PATH}/kept") == "kept\n"


def test_a_killed_format_is_finished_and_a_group_of_others_is_refused(
    machines: Machines, directory: Path
) -> None:
    """mkfs is replaced by one that ends the module that called it, as a power cut would."""
    play(machines, directory, {})
    sh(machines, f"vgremove -qfy data; wipefs -qa {DISK}1; wipefs -qa {DISK}; partx --update {DISK}")
    assert sh(machines, f"wipefs --noheadings {DISK}") == ""
    script = '#!/bin/sh\n/usr/sbin/mkfs.xfs "$@"\nkill -9 $PPID\n'
    machines.ssh(NODE, ["install", "-m", "755", "/dev/stdin", "/usr/local/sbin/mkfs.xfs"], stdin=script)
    assert not tried(machines, directory, entry(size="301M")).ok
    assert "slipway-big.new" in sh(machines, f"sfdisk --json {DISK}")
    assert "first" in sh(machines, "lvs --noheadings data")
    machines.ssh(NODE, ["rm", "/usr/local/sbin/mkfs.xfs"])
    play(machines, directory, entry(size="301M"))
    assert mounted(machines) == ["xfs", "/dev/mapper/data-first"]
    assert sizes(machines)[0] == 304
    machines.ssh(NODE, ["sh", "-c", f"umount {PATH}; sfdisk -q --part-label {DISK} 1 somebody"])
    assert "is in use" in refused(machines, directory, entry(size="301M", wipe="LVM1"))

"""The copy of a data root: everything that a file system knows of an entry, twice, after a kill, and compared."""

import importlib
import os
import stat
import struct
from pathlib import Path
from types import ModuleType

import ansible.module_utils
import pytest

from slipway.settings import data_dir

#: Owner rwx, user 1234 rwx, group r-x, mask rwx, others nothing: tag, permissions, id each.
ENTRIES = ((1, 7, -1), (2, 7, 1234), (4, 5, -1), (16, 7, -1), (32, 0, -1))
ACL = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in ENTRIES)


@pytest.fixture(scope="module")
def copytree() -> ModuleType:
    """The module as it is imported on a host."""
    folder = str(data_dir() / "plugins/module_utils")
    if folder not in ansible.module_utils.__path__:
        ansible.module_utils.__path__.append(folder)
    return importlib.import_module("ansible.module_utils.slipway_copytree")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """What overlay, databases and people leave in a data root."""
    root = tmp_path / "source"
    (root / "layers/a").mkdir(parents=True)
    (root / "layers/a/program").write_bytes(os.urandom(70_000))
    os.chown(root / "layers/a/program", 1234, 4321)
    (root / "layers/a/program").chmod(0o4755)
    os.link(root / "layers/a/program", root / "layers/linked")
    (root / "layers/a/link").symlink_to("../nowhere")
    os.mknod(root / "layers/a/whiteout", stat.S_IFCHR | 0o600, os.makedev(0, 0))
    os.mkfifo(root / "pipe")
    os.setxattr(root / "layers/a", "trusted.overlay.opaque", b"y")
    os.setxattr(root / "layers", "system.posix_acl_access", ACL)
    with (root / "database").open("wb") as file:
        file.seek(50 << 20)
        file.write(b"end")
    os.utime(root / "layers/a", ns=(1, 2_000_000_003))
    return root


def test_all_of_it_arrives_and_a_second_copy_has_nothing_to_do(
    copytree: ModuleType, source: Path, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    target.mkdir()
    assert copytree.copy_tree(str(source), str(target)) > 0
    assert copytree.differences(str(source), str(target)) == []
    assert copytree.copy_tree(str(source), str(target)) == 0
    program = (target / "layers/a/program").stat()
    assert (program.st_uid, program.st_gid, program.st_nlink) == (1234, 4321, 2)
    assert stat.S_IMODE(program.st_mode) == 0o4755
    assert program.st_ino == (target / "layers/linked").stat().st_ino
    assert stat.S_ISCHR((target / "layers/a/whiteout").lstat().st_mode)
    assert os.getxattr(target / "layers/a", "trusted.overlay.opaque") == b"y"
    assert "system.posix_acl_access" in os.listxattr(target / "layers")
    assert (target / "layers/a").stat().st_mtime_ns == 2_000_000_003
    assert (target / "database").stat().st_blocks < 1000


def test_what_a_killed_copy_left_is_made_good(copytree: ModuleType, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    (target / "layers/a").mkdir(parents=True)
    (target / "layers/a/program").write_bytes(b"half")
    (target / "database").mkdir()
    (target / "surplus").mkdir()
    (target / "surplus/file").touch()
    copytree.copy_tree(str(source), str(target))
    assert copytree.differences(str(source), str(target)) == []
    assert not (target / "surplus").exists()


@pytest.mark.parametrize("damage", ["content", "mode", "owner", "attribute", "missing", "surplus"])
def test_every_difference_is_found(copytree: ModuleType, source: Path, tmp_path: Path, damage: str) -> None:
    target = tmp_path / "target"
    target.mkdir()
    copytree.copy_tree(str(source), str(target))
    program = target / "layers/a/program"
    times = program.stat()
    if damage == "content":
        data = bytearray(program.read_bytes())
        data[-1] ^= 1
        program.write_bytes(data)
        program.chmod(0o4755)
        os.utime(program, ns=(times.st_atime_ns, times.st_mtime_ns))
    elif damage == "mode":
        program.chmod(0o755)
    elif damage == "owner":
        os.chown(program, 0, 0)
        program.chmod(0o4755)
    elif damage == "attribute":
        os.removexattr(target / "layers/a", "trusted.overlay.opaque")
    elif damage == "missing":
        (target / "pipe").unlink()
    else:
        (target / "more").touch()
    assert copytree.differences(str(source), str(target)) != []


def test_lost_and_found_is_the_file_systems_own(copytree: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    assert not copytree.holds_anything(str(tmp_path))
    (tmp_path / "file").touch()
    assert copytree.holds_anything(str(tmp_path))

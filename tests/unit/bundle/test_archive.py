"""Archives: the same contents give the same bytes, whatever the file system says of times and order."""

import os
import tarfile
from pathlib import Path

from slipway.bundle.ground.archive import ArchiveEntry, file_digest, tree_entries, write_tgz


def _tree(root: Path, names: list[str], time: int) -> Path:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
        os.utime(file, (time, time))
    (root / "link").symlink_to("a")
    return root


def test_layers_do_not_depend_on_order_and_times(tmp_path: Path) -> None:
    first = _tree(tmp_path / "1", ["a", "b/c", "b/d"], 1000)
    second = _tree(tmp_path / "2", ["b/d", "b/c", "a"], 2000)
    one = write_tgz(tmp_path / "1.tgz", tree_entries(first, "opt"))
    two = write_tgz(tmp_path / "2.tgz", reversed(list(tree_entries(second, "opt"))))
    assert one == two
    assert file_digest(tmp_path / "1.tgz") == one["digest"]
    assert (tmp_path / "1.tgz").stat().st_size == one["size"]


def test_members_have_parents_one_owner_and_no_time(tmp_path: Path) -> None:
    write_tgz(tmp_path / "x.tgz", [ArchiveEntry("usr/bin/x", 0o755, data=b"x"), ArchiveEntry("tmp", 0o1777)])
    with tarfile.open(tmp_path / "x.tgz") as tar:
        members = {member.name: member for member in tar.getmembers()}
    assert list(members) == ["tmp", "usr", "usr/bin", "usr/bin/x"]
    assert members["tmp"].mode == 0o1777
    assert {(m.uid, m.gid, m.mtime) for m in members.values()} == {(0, 0, 0)}


def test_the_later_of_two_entries_wins(tmp_path: Path) -> None:
    write_tgz(tmp_path / "x.tgz", [ArchiveEntry("a", data=b"first"), ArchiveEntry("a", data=b"second")])
    with tarfile.open(tmp_path / "x.tgz") as tar:
        file = tar.extractfile("a")
        assert file is not None
        assert file.read() == b"second"

"""Groups of processes, which come and go while they are read."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.lab import cgroups


def test_a_group_that_goes_while_all_are_read_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, pids in (("lab", "1\n"), ("lab/gone", "2\n"), ("lab/there", "3\n4\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup.procs").write_text(pids)
    monkeypatch.setattr(cgroups, "hierarchies", lambda: {"": tmp_path})
    listed = os.scandir

    def scandir(path: Path | str = ".") -> "os._ScandirIterator[str] | Iterator[os.DirEntry[str]]":
        if Path(path).name == "gone":
            raise FileNotFoundError(path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert cgroups.members("lab") == {1, 3, 4}

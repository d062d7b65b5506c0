"""A small file is what it was or what it is, whatever happens while it is written."""

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from slipway.landing import PRIVATE, land, real

#: Ends as a power cut does, at the last moment before the new file is there.
KILLED = """
import os, signal, sys
from pathlib import Path
from slipway.landing import land
Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
land(Path(sys.argv[1]), "new" * 100000)
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_secret_is_private_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        land(tmp_path / "key", "secret", mode=PRIVATE)
    finally:
        os.umask(old)
    assert mode(tmp_path / "key") == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_file_keeps_the_mode_it_has_and_a_new_one_has_the_umasks(tmp_path: Path) -> None:
    (tmp_path / "old").touch(mode=0o640)
    land(tmp_path / "old", "text")
    assert mode(tmp_path / "old") == 0o640
    before = os.umask(0o027)
    try:
        land(tmp_path / "new", b"bytes")
    finally:
        os.umask(before)
    assert mode(tmp_path / "new") == 0o640
    assert (tmp_path / "new").read_bytes() == b"bytes"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("before")
    (tmp_path / "link").symlink_to("real")
    land(tmp_path / "link", "after")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "after"


def test_a_link_to_itself_leads_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "link"
    path.symlink_to(path)
    with pytest.raises(OSError, match="symbolic links"):
        land(path, "text")
    assert real(path) == real(tmp_path) / "link"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_file_is_written_to(tmp_path: Path) -> None:
    """`plan --out /dev/stdout`; whoever replaced /dev/null would break the machine."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from pathlib import Path; from slipway.landing import *; land(Path('/dev/stdout'), 'x')",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "x"
    land(Path("/dev/null"), "x")
    assert Path("/dev/null").is_char_device()


def test_a_kill_leaves_what_was(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "file")], check=False)
    assert killed.returncode < 0
    assert (tmp_path / "file").read_text() == "old"
    land(tmp_path / "file", "next")
    assert (tmp_path / "file").read_text() == "next"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_several_at_once_leave_the_whole_text_of_one(tmp_path: Path) -> None:
    texts = [letter * 200_000 for letter in "abcdef"]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda text: land(tmp_path / "file", text), texts * 5))
    assert (tmp_path / "file").read_text() in texts
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_draft_that_somebody_else_can_open_is_not_written_to(tmp_path: Path) -> None:
    """Another name of it stands for another's open file."""
    (tmp_path / "theirs").touch()
    (tmp_path / ".key.draft").hardlink_to(tmp_path / "theirs")
    land(tmp_path / "key", "secret", mode=PRIVATE)
    assert (tmp_path / "theirs").read_text() == ""
    assert (tmp_path / "key").read_text() == "secret"


def test_what_cannot_land_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(IsADirectoryError):
        land(tmp_path / "there", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]

"""Files that people name, and what is no file."""

import os
import threading
from pathlib import Path

import pytest

from slipway import smallfiles
from slipway.smallfiles import bytes_of


def test_a_pipe_gives_what_somebody_writes(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(b"a" * 100_000))
    writer.start()
    assert bytes_of(path) == b"a" * 100_000
    writer.join()


def test_a_pipe_into_which_nobody_writes_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smallfiles, "PATIENCE", 0.05)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(OSError, match="nobody writes into this pipe"):
        bytes_of(path)


def test_what_is_no_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        bytes_of(tmp_path)
    with pytest.raises(FileNotFoundError):
        bytes_of(tmp_path / "nothing")
    with pytest.raises(OSError, match="more than 0 MiB"):
        bytes_of(Path("/dev/zero"), limit=10)

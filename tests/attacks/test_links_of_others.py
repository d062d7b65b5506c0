"""A user of a host leads nothing that root does elsewhere: not by a link, whenever it is put there.

The user is a process of its own without rights. It swaps its directory for a link to root's, over and over, while the
modules make, own, write and remove below it.
"""

import contextlib
import importlib
import importlib.util
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import ansible.module_utils
import pytest

from slipway.settings import data_dir

ansible.module_utils.__path__.append(str(data_dir() / "plugins/module_utils"))


def helper(name: str) -> Any:
    return importlib.import_module(f"ansible.module_utils.{name}")


def module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, data_dir() / f"plugins/modules/{name}.py")
    assert spec
    assert spec.loader
    found: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


made, walk, paths, host = (helper(f"slipway_{name}") for name in ("made", "walk", "paths", "host"))
directories, files, reset = (module(f"slipway_{name}") for name in ("directories", "files", "reset"))
FILE = {name: option.get("default") for name, option in files.ITEM.items()}

#: A user without any rights.
USER = 65534
SECONDS = 4.0


class Home:
    """A user's directory below a root's, and beside it what is root's alone."""

    def __init__(self, base: Path) -> None:
        self.share, self.etc = base / "share", base / "etc"
        self.models = self.share / "models"
        self.etc.mkdir(mode=0o755)
        (self.etc / "passwd").write_text("root\n")
        (self.etc / "passwd").chmod(0o600)
        self.share.mkdir()
        os.chown(self.share, USER, USER)
        self.before = self.roots()

    def roots(self) -> list[tuple[str, int, int, int]]:
        """All that is root's: name, mode, owner, size."""
        found = [self.etc, *sorted(self.etc.rglob("*"))]
        return [
            (str(path), path.lstat().st_mode, path.lstat().st_uid, path.lstat().st_nlink) for path in found
        ]

    def by_user(self, act: Callable[[], object]) -> int:
        """A process of the user that does something; its id."""
        child = os.fork()
        if child:
            return child
        try:
            os.setgroups([])
            os.setgid(USER)
            os.setuid(USER)
            act()
        finally:
            os._exit(0)

    def link(self) -> None:
        self.models.symlink_to(self.etc)

    def swap(self) -> None:
        """A link and a directory under one name, by turns, as fast as can be, for longer than any test takes."""
        end = time.monotonic() + 60
        real, link = self.share / "real", self.share / "link"
        with contextlib.suppress(OSError):
            real.mkdir()
        with contextlib.suppress(OSError):
            link.symlink_to(self.etc)
        while time.monotonic() < end:
            for one in (link, real):
                with contextlib.suppress(OSError):
                    one.rename(self.models)
                with contextlib.suppress(OSError):
                    self.models.rename(one)
                with contextlib.suppress(OSError):
                    real.mkdir()
                with contextlib.suppress(OSError):
                    link.symlink_to(self.etc)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    with tempfile.TemporaryDirectory() as base:
        Path(base).chmod(0o755)  # the user has to come to what is his
        monkeypatch.setattr(made, "STATE_DIR", f"{base}/state")
        monkeypatch.setattr(made, "MADE", f"{base}/state/directories.json")
        yield Home(Path(base))


def directory(home: Home) -> object:
    wanted = {"path": str(home.models), "mode": "0775", "owner": str(USER), "group": str(USER)}
    return directories.make(wanted, False)


def deeper(home: Home) -> object:
    return directories.make({"path": f"{home.models}/a", "mode": "0777", "owner": None, "group": None}, False)


def file(home: Home) -> object:
    return files.apply_file({**FILE, "path": f"{home.models}/passwd", "content": "mine\n"}, False)


def block(home: Home) -> object:
    wanted = {**FILE, "path": f"{home.models}/passwd", "content": "mine\n", "state": "block", "mode": "0644"}
    return files.apply_file(wanted, False)


def place(home: Home) -> object:
    wanted = {**FILE, "path": str(home.models), "owner": "nobody", "group": "nogroup", "mode": "0777"}
    return files.apply_directory({**wanted, "state": "directory", "follow": True}, False)


def absent(home: Home) -> object:
    return files.apply_absent({**FILE, "path": f"{home.models}/passwd"}, False)


def cleaned(home: Home) -> object:
    reset.remove(f"{home.models}/passwd")
    return None


def written(home: Home) -> object:
    host.write_atomic(f"{home.models}/passwd", "mine\n", mode=0o666, owner=(USER, USER))
    return None


WORKS = {work.__name__: work for work in (directory, deeper, file, block, place, absent, cleaned, written)}


@pytest.mark.parametrize("work", WORKS)
def test_a_link_in_a_users_directory_is_told_and_not_followed(home: Home, work: str) -> None:
    os.waitpid(home.by_user(home.link), 0)
    with pytest.raises(host.HostError) as refused:
        WORKS[work](home)
    assert home.roots() == home.before
    assert str(home.models) in str(refused.value)
    assert f"leads to {home.etc} and belongs to nobody ({USER})" in refused.value.why
    assert "remove the link" in refused.value.why


@pytest.mark.parametrize("work", WORKS)
def test_a_user_who_swaps_links_all_the_time_gets_nothing_of_roots(home: Home, work: str) -> None:
    child = home.by_user(home.swap)
    try:
        deadline = time.monotonic() + SECONDS / len(WORKS)
        while time.monotonic() < deadline:
            with contextlib.suppress(host.HostError, OSError):
                WORKS[work](home)
            assert home.roots() == home.before
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.parametrize("owner", [str(USER), None])
def test_what_root_keeps_in_a_users_directory_is_not_opened_under_another_name(
    home: Home, owner: str | None
) -> None:
    private = home.share / "private"
    private.mkdir(mode=0o700)
    (private / "key").write_text("secret")
    os.waitpid(home.by_user(lambda: private.rename(home.models)), 0)
    with pytest.raises(host.HostError, match="is root's, and is not opened for others or given to them"):
        directories.make({"path": str(home.models), "mode": "0775", "owner": owner, "group": owner}, False)
    assert (home.models.stat().st_uid, home.models.stat().st_mode & 0o777) == (0, 0o700)


def test_what_a_link_of_others_hides_is_read_by_nobody(home: Home) -> None:
    os.waitpid(home.by_user(home.link), 0)
    with pytest.raises(host.HostError):
        host.read_text(f"{home.models}/passwd")
    with pytest.raises(host.HostError):
        host.sha256_file(f"{home.models}/passwd")


@pytest.mark.parametrize(
    ("owner", "mode", "linker", "followed"),
    [
        (0, 0o755, 0, True),
        (0, 0o755, USER, False),
        (0, 0o1777, 0, False),
        (0, 0o775, 0, False),
        (USER, 0o755, 0, False),
    ],
)
def test_only_root_leads_root_on(tmp_path: Path, owner: int, mode: int, linker: int, followed: bool) -> None:
    place, real = tmp_path / "place", tmp_path / "real"
    real.mkdir()
    (place / "inner").mkdir(parents=True)
    (place / "inner/run").symlink_to("../../real")
    os.chown(place / "inner/run", linker, linker, follow_symlinks=False)
    os.chown(place, owner, owner)
    (place / "inner").chmod(mode)
    wanted = f"{place}/inner/run/file"
    with contextlib.nullcontext() if followed else pytest.raises(host.HostError, match="is not followed"):
        paths.write_atomic(wanted, "text")
    assert (real / "file").exists() is followed


def test_links_that_lead_to_each_other_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="Too many levels"), walk.reached(str(tmp_path / "a")):
        pass


def test_a_pipe_holds_nobody_up(home: Home) -> None:
    pipe = home.share / "settings"
    os.waitpid(home.by_user(lambda: os.mkfifo(pipe)), 0)
    assert host.read_text(str(pipe)) == ""

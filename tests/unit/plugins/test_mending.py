"""What was chmodded, given away or replaced by a link is as it was after the module that wrote it runs again."""

import importlib
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ansible.module_utils
import pytest

from slipway.settings import data_dir

ansible.module_utils.__path__.append(str(data_dir() / "plugins/module_utils"))
host: Any = importlib.import_module("ansible.module_utils.slipway_host")
things: Any = importlib.import_module("ansible.module_utils.slipway_things")
spec = importlib.util.spec_from_file_location(
    "slipway_files", data_dir() / "plugins/modules/slipway_files.py"
)
assert spec
assert spec.loader
files: Any = importlib.util.module_from_spec(spec)
spec.loader.exec_module(files)

DEFAULTS = {name: option.get("default") for name, option in files.ITEM.items()}
TEXT = "one\ntwo\n"


def linked(path: Path) -> None:
    path.rename(f"{path}.moved")
    path.symlink_to(f"{path}.moved")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "chmodded": lambda path: path.chmod(0o604),
    "given away": lambda path: os.chown(path, 3, 3),
    "linked": linked,
}


def item(path: Path, **own: Any) -> dict[str, Any]:
    return {**DEFAULTS, "path": str(path), **own}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("state", ["file", "directory"])
def test_a_damaged_thing_of_a_role_is_as_it_was(tmp_path: Path, state: str, damage: str) -> None:
    path = tmp_path / "thing"
    wanted = item(path, state=state, content=TEXT, mode="0640" if state == "file" else "0750")
    apply: Callable[..., Any] = files.APPLY[state]
    assert apply(wanted, False)
    before = things.as_it_is({"kind": state, "name": str(path)}, "")
    DAMAGES[damage](path)
    assert things.as_it_is({"kind": state, "name": str(path)}, "") != before
    assert apply(wanted, True)
    assert apply(wanted, False)
    assert things.as_it_is({"kind": state, "name": str(path)}, "") == before
    assert apply(wanted, False) is None


def test_a_link_to_where_somebody_keeps_data_stays(tmp_path: Path) -> None:
    path, kept = tmp_path / "thing", tmp_path / "thing.moved"
    wanted = item(path, state="directory", mode="0750", follow=True)
    files.apply_directory(wanted, False)
    (path / "data").write_text("precious")
    linked(path)
    kept.chmod(0o700)
    assert files.apply_directory(wanted, False)
    assert (path.is_symlink(), (path / "data").read_text(), kept.stat().st_mode & 0o777) == (
        True,
        "precious",
        0o750,
    )


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_stands_only_as_it_was_written(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "thing"
    assert not host.stands(str(path), TEXT)
    host.write_atomic(str(path), TEXT)
    assert host.stands(str(path), TEXT)
    assert not host.stands(str(path), "other")
    DAMAGES[damage](path)
    assert not host.stands(str(path), TEXT)

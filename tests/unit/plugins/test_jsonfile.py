"""Keys of ours in a JSON file that others write too."""

import importlib
import json
from pathlib import Path
from typing import Any

import ansible.module_utils
import pytest

from slipway.settings import data_dir

ansible.module_utils.__path__.append(str(data_dir() / "plugins/module_utils"))
jsonfile: Any = importlib.import_module("ansible.module_utils.slipway_jsonfile")

OTHERS = {"debug": True, "runtimes": {"mine": {"path": "/mine"}}}
OURS = {"runtimes.nvidia": {"path": "/nvidia"}, "default-runtime": "nvidia"}
BOTH = {
    "debug": True,
    "runtimes": {"mine": {"path": "/mine"}, "nvidia": {"path": "/nvidia"}},
    "default-runtime": "nvidia",
}


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(jsonfile, "STATE_DIR", str(tmp_path))
    path = tmp_path / "daemon.json"
    path.write_text(json.dumps(OTHERS))
    return lambda: jsonfile.Shared(str(path), "role")


def put(shared: Any, values: dict[str, Any]) -> None:
    mine = shared()
    mine.write(mine.merged(mine.load(), values), values, 0o644)


def test_a_key_in_a_map_of_others_stands_beside_theirs(shared: Any) -> None:
    put(shared, OURS)
    assert shared().load() == BOTH
    assert list(shared().load()) == list(BOTH)


@pytest.mark.parametrize("end", [lambda s: put(s, {}), lambda s: s().release()], ids=["unset", "reset"])
def test_what_is_ours_goes_and_theirs_stays(shared: Any, end: Any) -> None:
    put(shared, OURS)
    end(shared)
    assert shared().load() == OTHERS


def test_a_map_that_only_we_had_keys_in_goes_too(shared: Any) -> None:
    put(shared, {"features.cdi": True})
    put(shared, {})
    assert shared().load() == OTHERS


def test_a_key_whose_map_is_none_is_refused(shared: Any) -> None:
    with pytest.raises(jsonfile.HostError, match="debug is no map, so cdi cannot be set in it"):
        put(shared, {"debug.cdi": True})

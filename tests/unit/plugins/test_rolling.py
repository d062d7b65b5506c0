"""Why a static pod did not start, by the files that the kubelet keeps of its containers."""

import importlib
import os
from pathlib import Path
from typing import Any

import ansible.module_utils
import pytest

from slipway.settings import data_dir

ansible.module_utils.__path__.append(str(data_dir() / "plugins/module_utils"))
rolling: Any = importlib.import_module("ansible.module_utils.slipway_rolling")


def words(directory: Path, *logs: str) -> str:
    """What is told of containers that were started one after the other."""
    for index, text in enumerate(logs):
        path = directory / f"{rolling.CRASHES - len(logs) + 1 + index}.log"
        path.write_text("".join(f"2026-01-01T00:00:00Z stderr F {line}\n" for line in text.splitlines()))
        os.utime(path, (index, index))
    return str(rolling.last_words({str(directory)}))


@pytest.mark.parametrize("begun", ["Starting", ""], ids=["has only begun", "has said nothing"])
def test_of_one_that_ends_again_and_again_the_last_that_has_ended_tells(tmp_path: Path, begun: str) -> None:
    assert words(tmp_path, "Starting\nno such strategy", begun) == "Starting\nno such strategy"


def test_where_only_the_newest_is_left_it_tells(tmp_path: Path) -> None:
    assert words(tmp_path, "Starting") == "Starting"


def test_of_one_that_runs_and_is_not_ready_the_newest_tells(tmp_path: Path) -> None:
    (tmp_path / "0.log").write_text("2026-01-01T00:00:00Z stderr F early\n")
    (tmp_path / "1.log").write_text("2026-01-01T00:00:00Z stderr F late\n")
    os.utime(tmp_path / "0.log", (0, 0))
    assert rolling.CRASHES > 1
    assert rolling.last_words({str(tmp_path)}) == "late"


def manifest(*keys: str) -> str:
    """Of an API server with these keys for Secrets."""
    file = f"{rolling.DIRECTORY}/encryption-{'-'.join(keys)}.yaml"
    flag = f"    - --encryption-provider-config={file}\n" if keys != ("plain",) else ""
    return f"  - command:\n    - kube-apiserver\n{flag}    - --secure-port=6443\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("plain",), ("plain", "key1")),
        (("key1",), ("key1", "key2")),
        (("key1", "key2"), ("key2", "key1")),
        (("key2", "key1"), ("key2",)),
        (("plain", "key1"), ("plain",)),
    ],
)
def test_an_api_server_may_have_other_keys_where_each_reads_what_the_other_writes(
    before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    rolling.refuse_unreadable(manifest(*before), manifest(*after))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("plain",), ("key1",)),
        (("key1",), ("plain",)),
        (("key1",), ("key2",)),
        (("key1",), ("key2", "key1")),
        (("key1", "key2"), ("key2",)),
    ],
)
def test_a_stage_that_is_left_out_is_refused_by_the_host(
    before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    with pytest.raises(rolling.HostError, match="would not read the Secrets"):
        rolling.refuse_unreadable(manifest(*before), manifest(*after))

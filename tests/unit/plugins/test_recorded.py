"""What steps made, recorded by the module that runs on hosts and read by the shell that the probe sends, side by side.

Paths only: units, packages and parameters are of a real host (tests/nodes/test_drift.py).
"""

import importlib
import json
import os
import subprocess
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import ansible.module_utils
import pytest

from slipway.model.observed import HostObserved
from slipway.probe.parse import parse_host
from slipway.settings import data_dir

ansible.module_utils.__path__.append(str(data_dir() / "plugins/module_utils"))
recorded: Any = importlib.import_module("ansible.module_utils.slipway_recorded")
host: Any = importlib.import_module("ansible.module_utils.slipway_host")
before: Any = importlib.import_module("ansible.module_utils.slipway_before")

READ = """
section() { printf '%s:\\n' "$1"; shift; "$@" 2>/dev/null | sed 's/^/ /'; echo; }
section record cat "$state/record.json"
"""
HOSTS = "127.0.0.1 localhost\n# BEGIN slipway\n10.0.0.5 api\n# END slipway\n10.9.9.9 nas\n"
#: What a site may have there beside our keys.
DAEMON = {
    "debug": True,
    "log-driver": "json-file",
    "runtimes": {"mine": {"path": "/m"}, "nvidia": {"path": "/n"}},
}


class Place:
    """A directory that stands for a host."""

    def __init__(self, root: Path) -> None:
        self.root, self.state = root, root / "state"
        self.state.mkdir()

    def path(self, name: str) -> str:
        return str(self.root / name)

    def record(self, *made: dict[str, Any], **former: Any) -> None:
        step = {"digest": "d", **(former or {"made": recorded.as_they_are(list(made), str(self.state))})}
        recorded.keep(str(self.state), {"role": step})
        (self.state / "record.json").write_text(
            json.dumps({"format": 1, "site": "s", "steps": {"role": step}})
        )

    def read(self) -> HostObserved:
        script = (
            READ + files("slipway.probe").joinpath("drift.sh").read_text() + "section end echo complete\n"
        )
        env = {**os.environ, "LC_ALL": "C", "state": str(self.state)}
        done = subprocess.run(["sh", "-c", script], capture_output=True, check=True, env=env)
        return parse_host("h", done.stdout.decode(errors="replace"))

    def drift(self) -> dict[str, str]:
        return {one.what.removeprefix(f"{self.root}/"): one.found for one in self.read().drift}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(tmp_path)
    texts = {
        "file": "one\ntwo\n",
        "with blank\\x2d": "one\n",
        "program": "x" * 300_000,
        "secret": "hidden\n",
        "hosts": HOSTS,
        "daemon.json": json.dumps(DAEMON),
        "fstab": "UUID=1 / ext4 defaults 0 1\n# slipway: UUID=2 none swap sw 0 0\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600 if name == "secret" else 0o644)
    (tmp_path / "folder").mkdir(mode=0o750)
    (tmp_path / "data").mkdir(mode=0o755)
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner/file").write_text("below\n")
    (tmp_path / "link").symlink_to("file")
    found.record(
        *(
            {"kind": "file", "name": found.path(name)}
            for name in ("file", "with blank\\x2d", "program", "inner/file")
        ),
        {"kind": "secret", "name": found.path("secret")},
        {"kind": "block", "name": found.path("hosts")},
        {"kind": "keys", "name": found.path("daemon.json"), "keys": ["log-driver", "runtimes.nvidia"]},
        {"kind": "swap", "name": found.path("fstab")},
        {"kind": "directory", "name": found.path("folder")},
        {"kind": "place", "name": found.path("data"), "given": ["mode"]},
        {"kind": "link", "name": found.path("link")},
    )
    return found


def test_what_was_recorded_and_left_alone_is_no_drift(place: Place) -> None:
    seen = place.read()
    assert seen.drift == ()
    assert len(seen.records["role"].made) == 11
    copied = sorted(path.read_text()[:3] for path in (place.state / "copies").iterdir())
    assert copied == ["bel", "one", "one"]  # neither the secret, nor the program, nor files of others


def edited(name: str, old: str, new: str) -> Callable[[Path], object]:
    return lambda root: (root / name).write_text((root / name).read_text().replace(old, new))


def replaced(name: str) -> Callable[[Path], object]:
    def by_a_link(root: Path) -> None:
        (root / name).rename(root / "moved")
        (root / name).symlink_to("moved")

    return by_a_link


def daemon(**changes: Any) -> Callable[[Path], object]:
    left = {key: value for key, value in {**DAEMON, **changes}.items() if value is not None}
    return lambda root: (root / "daemon.json").write_text(json.dumps(left, indent=7, sort_keys=True))


DAMAGES: list[tuple[Callable[[Path], object], dict[str, str]]] = [
    (lambda root: (root / "file").unlink(), {"file": "missing"}),
    (edited("file", "two", "six"), {"file": "changed"}),
    (edited("file", "two", "three"), {"file": "changed"}),
    (edited("program", "x", "y"), {"program": "changed"}),
    (edited("secret", "hidden", "bidden"), {"secret": "changed"}),
    (edited("with blank\\x2d", "one", "two"), {"with blank\\x2d": "changed"}),
    (lambda root: (root / "file").chmod(0o4755), {"file": "its mode is 4755 instead of 0644"}),
    (lambda root: os.chown(root / "file", 3, -1), {"file": "its owner is 3:0 instead of 0:0"}),
    (replaced("file"), {"file": "a link to moved instead of a file"}),
    (replaced("secret"), {"secret": "a link to moved instead of a file"}),
    (replaced("hosts"), {"hosts": "a link to moved instead of a file"}),
    (replaced("folder"), {"folder": "a link to moved instead of a directory"}),
    (replaced("data"), {}),
    (lambda root: (root / "data").chmod(0o700), {"data": "its mode is 0700 instead of 0755"}),
    (lambda root: os.chown(root / "data", 3, 3), {}),
    (
        lambda root: ((root / "link").unlink(), (root / "link").symlink_to("hosts")),
        {"link": "a link to hosts instead of a link to file"},
    ),
    (
        lambda root: ((root / "link").unlink(), (root / "link").write_text("")),
        {"link": "a file instead of a link to file"},
    ),
    (lambda root: (root / "folder").rmdir(), {"folder": "missing"}),
    (
        lambda root: ((root / "folder").rmdir(), (root / "folder").write_text("")),
        {"folder": "a file instead of a directory"},
    ),
    (
        lambda root: ((root / "file").unlink(), os.mkfifo(root / "file")),
        {"file": "neither file nor directory instead of a file"},
    ),
    (edited("hosts", "10.0.0.5", "10.0.0.6"), {"hosts": "the block of Slipway was changed"}),
    (
        lambda root: (root / "hosts").write_text("127.0.0.1 localhost\n"),
        {"hosts": "the block of Slipway is gone"},
    ),
    (edited("hosts", "10.9.9.9", "10.9.9.8"), {}),
    (edited("hosts", "# END slipway\n", ""), {"hosts": "the block of Slipway was changed"}),
    (daemon(debug=False), {}),
    (daemon(**{"log-driver": None}), {"daemon.json": "its key log-driver is gone"}),
    (
        daemon(**{"log-driver": "local", "runtimes": {"mine": {}}}),
        {"daemon.json": "its key log-driver was changed, its key runtimes.nvidia is gone"},
    ),
    (daemon(runtimes=[]), {"daemon.json": "its key runtimes.nvidia is gone"}),
    (
        lambda root: (root / "daemon.json").write_text("[" * 50_000),
        {"daemon.json": "changed, and is no map in JSON any more"},
    ),
    (edited("fstab", "# slipway: ", ""), {"fstab": "a line of swap is in force again"}),
    (edited("fstab", "UUID=1", "UUID=3"), {}),
]


@pytest.mark.parametrize(("damage", "told"), DAMAGES, ids=map(str, range(len(DAMAGES))))
def test_each_difference_is_found_and_told(
    place: Place, damage: Callable[[Path], object], told: dict[str, str]
) -> None:
    damage(place.root)
    assert place.drift() == told


def test_what_was_changed_is_shown_unless_not_everybody_may_read_it(place: Place) -> None:
    with (place.root / "file").open("a") as stream:
        stream.write("three\n")
    (drift,) = place.read().drift
    assert drift.diff == "--- recorded\n+++ found\n@@ -1,2 +1,3 @@\n one\n two\n+three"
    (place.root / "file").chmod(0o600)
    (drift,) = place.read().drift
    assert (drift.found, drift.diff) == ("its mode is 0600 instead of 0644, changed", "")


def test_neither_secrets_nor_others_text_leave_the_host(place: Place) -> None:
    (place.root / "secret").write_text("another")
    (place.root / "daemon.json").write_text(json.dumps({**DAEMON, "theirs": "unspoken"}))
    assert "unspoken" not in repr(place.read())
    script = files("slipway.probe").joinpath("drift.sh").read_text()
    assert 'cat "$recorded/salt" "$path" | sha256sum' in script


def test_two_steps_have_keys_of_their_own_in_one_file(place: Place) -> None:
    first = {"kind": "keys", "name": place.path("daemon.json"), "keys": ["log-driver"]}
    steps = {"a": {"digest": "d", "made": recorded.as_they_are([first], str(place.state))}}
    daemon(runtimes={"nvidia": {"path": "/other"}})(place.root)
    steps["b"] = {
        "digest": "d",
        "made": recorded.as_they_are([{**first, "keys": ["runtimes.nvidia"]}], str(place.state)),
    }
    recorded.keep(str(place.state), steps)
    (place.state / "record.json").write_text(json.dumps({"format": 1, "site": "s", "steps": steps}))
    assert place.drift() == {}
    daemon(**{"log-driver": "local"})(place.root)
    assert {one.step: one.found for one in place.read().drift} == {
        "host/h/a": "its key log-driver was changed",
        "host/h/b": "its key runtimes.nvidia was changed",
    }


def test_a_host_that_lost_the_list_hides_nothing(place: Place) -> None:
    listing = place.state / "recorded/made"
    listing.write_text("".join(listing.read_text().splitlines(keepends=True)[1:]))
    (drift,) = place.read().drift
    assert "cannot be told" in drift.found
    listing.unlink()
    (drift,) = place.read().drift
    assert "cannot be told" in drift.found


def test_a_list_that_a_kill_left_ahead_of_its_record_is_compared_all_the_same(place: Place) -> None:
    record = json.loads((place.state / "record.json").read_text())
    record["steps"]["role"]["made"] = record["steps"]["role"]["made"][1:]
    (place.state / "record.json").write_text(json.dumps(record))
    assert place.drift() == {}
    (place.root / "file").unlink()
    assert place.drift() == {"file": "missing"}


def test_a_record_of_an_earlier_release_is_compared_with_its_own_lists(place: Place) -> None:
    """Digest of files alone: neither modes nor sizes were recorded then."""
    (place.root / "file").chmod(0o600)
    digest = host.sha256_file(place.path("file"))
    gone = place.path("gone")
    old = {"files": {place.path("file"): digest, gone: f"sha256:{'0' * 64}"}, "units": {}, "packages": {}}
    place.record(**old)
    assert place.drift() == {"gone": "missing"}
    (place.state / "recorded/made").unlink()
    (place.state / "recorded/files").write_text(f"{digest}  {place.path('file')}\n{'0' * 64}  {gone}\n")
    assert place.drift() == {"gone": "missing"}
    edited("file", "two", "six")(place.root)
    assert place.drift() == {"file": "changed", "gone": "missing"}


def test_files_as_they_were_left_are_known_by_records_of_both_forms(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(before, "STATE_DIR", str(place.state))
    assert before.as_we_left(place.path("file"))
    edited("file", "two", "six")(place.root)
    assert not before.as_we_left(place.path("file"))
    place.record(files={place.path("file"): host.sha256_file(place.path("file"))})
    assert before.as_we_left(place.path("file"))

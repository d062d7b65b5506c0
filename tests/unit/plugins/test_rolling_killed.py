"""A roll that is killed in the midst, and what the next one makes of it.

A kubelet stands behind it that restarts a static pod at once, and one API server, which comes up unless its manifest
says BAD: neither can be had without a node. kubeadm's rendering is a line for each component.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ansible.module_utils
import pytest

from slipway.settings import data_dir

ansible.module_utils.__path__.append(str(data_dir() / "plugins/module_utils"))
rolling: Any = importlib.import_module("ansible.module_utils.slipway_rolling")
kubeadm: Any = importlib.import_module("ansible.module_utils.slipway_kubeadm")

API = "kube-apiserver"


class Killed(BaseException):
    """The run's process is gone."""


class Clock:
    """Time passes when somebody sleeps."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A control plane that became a member with the settings `old`."""
    manifests = tmp_path / "manifests"
    manifests.mkdir()
    for room in (rolling, kubeadm):
        monkeypatch.setattr(room, "MANIFESTS", str(manifests))
        monkeypatch.setattr(room, "CONFIG", str(tmp_path / "kubeadm.yaml"))
        monkeypatch.setattr(room, "DIRECTORY", str(tmp_path))
        monkeypatch.setattr(room, "time", Clock())
    monkeypatch.setattr(rolling, "POD_FILES", (str(tmp_path / "scheduler-*.yaml"),))
    monkeypatch.setattr(rolling, "ROLLING", str(tmp_path / "rolling.json"))
    for name in ("MEMBER", "KUBELET", "ADMIN"):
        monkeypatch.setattr(kubeadm, name, str(tmp_path / name))
        (tmp_path / name).touch()
    monkeypatch.setattr(rolling, "rendered", _rendered)
    monkeypatch.setattr(rolling, "kubelet_words", lambda: "")
    monkeypatch.setattr(rolling, "publish", lambda _node: None)
    for component, manifest in _rendered("old").items():
        rolling.write_atomic(str(manifests / f"{component}.yaml"), manifest, mode=0o600)
    rolling.write_atomic(rolling.CONFIG, "old", mode=0o600)
    kubeadm.become_member("old")
    made = kubeadm.Node("cp-01", "127.0.0.1", 6443)
    made.kubectl = lambda *words, stdin="", **_: (
        _read(stdin) if "--local" in words else _answer(manifests, words)
    )
    return made


def _rendered(config: str) -> dict[str, str]:
    return {name: f"{name}: {config if name == API else 'as ever'}\n" for name in rolling.COMPONENTS}


def _read(manifest: str) -> SimpleNamespace:
    """A manifest as kubectl reads it."""
    said = [line for line in manifest.splitlines() if not line.startswith("#")]
    return SimpleNamespace(stdout="\n".join(said), stderr="", returncode=0)


def _answer(manifests: Path, words: tuple[str, ...]) -> SimpleNamespace:
    """kubectl against the API server that runs what lies there."""
    api = (manifests / f"{API}.yaml").read_text()
    if "BAD" in api:
        return SimpleNamespace(stdout="", stderr="connection refused", returncode=1)
    if "/readyz" in words:
        return SimpleNamespace(stdout="ok", stderr="", returncode=0)
    ready = any("Ready" in word for word in words)
    return SimpleNamespace(stdout="True" if ready else str(hash(api)), stderr="", returncode=0)


def manifest() -> str:
    return str(Path(rolling.manifest_path(API)).read_text().strip())


def killed_while_it_waits(node: Any, config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(rolling, "settled", die)
        with pytest.raises(Killed):
            rolling.reconfigure(node, config, first=True, check=False)
    assert config in manifest()


def test_the_edit_taken_back_brings_the_old_settings_back(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_while_it_waits(node, "BAD", monkeypatch)
    rolling.reconfigure(node, "old", first=True, check=False)
    assert manifest() == f"{API}: old"
    assert rolling.reconfigure(node, "old", first=True, check=False) == []


def test_the_same_again_fails_with_the_old_settings_back(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_while_it_waits(node, "BAD", monkeypatch)
    with pytest.raises(rolling.HostError, match="the old ones are back"):
        rolling.reconfigure(node, "BAD", first=True, check=False)
    assert manifest() == f"{API}: old"


def test_another_edit_goes_on_from_the_old_settings(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_while_it_waits(node, "BAD", monkeypatch)
    rolling.reconfigure(node, "new", first=True, check=False)
    assert manifest() == f"{API}: new"


def test_a_roll_whose_component_came_up_meanwhile_is_kept(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_while_it_waits(node, "new", monkeypatch)
    assert rolling.reconfigure(node, "new", first=True, check=False)
    assert manifest() == f"{API}: new"
    assert rolling.reconfigure(node, "new", first=True, check=False) == []


def test_a_kill_before_the_manifest_was_written_changes_nothing(
    node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write: Callable[..., None] = rolling.write_atomic

    def die(path: str, *rest: Any, **options: Any) -> None:
        if path == rolling.manifest_path(API):
            raise Killed
        write(path, *rest, **options)

    with monkeypatch.context() as dying:
        dying.setattr(rolling, "write_atomic", die)
        with pytest.raises(Killed):
            rolling.reconfigure(node, "BAD", first=True, check=False)
    assert rolling.reconfigure(node, "old", first=True, check=False) == []


def test_a_manifest_broken_by_hand_is_mended_though_nothing_answers(node: Any) -> None:
    Path(rolling.manifest_path(API)).write_text("BAD by hand\n")
    assert rolling.reconfigure(node, "old", first=True, check=False)
    assert manifest() == f"{API}: old"


def test_new_settings_wait_for_a_control_plane_that_is_ready(node: Any) -> None:
    Path(rolling.manifest_path(API)).write_text("BAD by hand\n")
    with pytest.raises(rolling.HostError, match="is not ready, so no component was changed"):
        rolling.reconfigure(node, "new", first=True, check=False)

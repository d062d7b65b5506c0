"""Which modules are chosen, why, in which order; and what cannot be."""

from pathlib import Path
from typing import Any

import pytest

from slipway import catalog
from slipway.catalog import Selected
from slipway.catalog.folder.reading import load_module
from slipway.errors import ConfigurationError
from slipway.model.configuration import Configuration, Spec

CATALOG = catalog.load()


def configuration(modules: dict[str, Any], cni: str = "flannel", *, cluster: bool = True) -> Configuration:
    spec: dict[str, Any] = {"modules": modules}
    if cluster:
        spec["kubernetes"] = {"version": "v1.35.4", "endpoint": {"address": "api"}, "network": {"cni": cni}}
    return Configuration(name="demo", namespace="slipway-system", spec=Spec.model_validate(spec))


def enabled(modules: dict[str, Any]) -> list[str]:
    return [name for name, item in CATALOG.selection(configuration(modules)).items() if item.enabled]


def problems(modules: dict[str, Any], cni: str = "flannel") -> list[tuple[str, str]]:
    return [(item.path, item.code) for item in CATALOG.check(configuration(modules, cni))]


def test_nothing_asked_for_is_the_network_only() -> None:
    assert enabled({}) == ["flannel"]


def test_a_requirement_that_is_unset_is_enabled_with_its_reason() -> None:
    chosen = CATALOG.selection(
        configuration({"welcome": {"enabled": True, "settings": {"persistence": True}}})
    )
    assert chosen["local-path-provisioner"] == Selected(
        True,
        "required by welcome (as default-storage-class)",
        ("flannel",),
    )
    order = [name for name, item in chosen.items() if item.enabled]
    assert order == ["flannel", "local-path-provisioner", "welcome"]


def test_a_requirement_depends_on_settings() -> None:
    assert enabled({"welcome": {"enabled": True}}) == ["flannel", "welcome"]


def test_disabled_says_why() -> None:
    chosen = CATALOG.selection(configuration({"welcome": {"enabled": False}}))
    assert chosen["welcome"].why == "spec.modules.welcome.enabled is false"
    assert chosen["metrics-server"] == Selected(False, "not asked for")


def test_modules_of_a_cluster_that_is_there_need_no_network_of_their_own() -> None:
    wanted = configuration({"welcome": {"enabled": True}}, cluster=False)
    assert CATALOG.check(wanted) == []
    assert [name for name, item in CATALOG.selection(wanted).items() if item.enabled] == ["welcome"]


@pytest.mark.parametrize(
    ("modules", "expected"),
    [
        ({"welcom": {"enabled": True}}, [("spec.modules.welcom", "unknown-module")]),
        (
            {"welcome": {"settings": {"greetings": "x"}}},
            [("spec.modules.welcome.settings.greetings", "unknown-setting")],
        ),
        (
            {"welcome": {"settings": {"replicas": 0}}},
            [("spec.modules.welcome.settings.replicas", "invalid-setting")],
        ),
        ({"flannel": {"enabled": False}}, [("spec.modules.flannel.enabled", "requires-disabled")]),
        (
            {
                "welcome": {"enabled": True, "settings": {"persistence": True}},
                "local-path-provisioner": {"enabled": False},
            },
            [("spec.modules.local-path-provisioner.enabled", "requires-disabled")],
        ),
    ],
)
def test_refused(modules: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert problems(modules) == expected


def test_unknown_network_provider() -> None:
    assert problems({}, cni="calico") == [("spec.kubernetes.network.cni", "unknown-cni")]


def test_nearest_module_is_named() -> None:
    assert "metrics-server" in CATALOG.check(configuration({"metric-server": {}}))[0].hint


def write_module(root: Path, name: str, text: str) -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "module.yaml").write_text(f"name: {name}\nversion: '1'\nsummary: A test.\n{text}")
    return folder


def test_two_providers_are_a_choice_for_the_user(tmp_path: Path) -> None:
    write_module(tmp_path, "a", "provides: [ingress]\n")
    write_module(tmp_path, "b", "provides: [ingress]\n")
    write_module(tmp_path, "user", "requires: [ingress]\n")
    loaded = catalog.load([tmp_path])
    wanted = configuration({"user": {"enabled": True}}, cluster=False)
    assert [item.code for item in loaded.check(wanted)] == ["ambiguous"]
    assert loaded.check(wanted, external={"ingress"}) == []
    chosen = configuration({"user": {"enabled": True}, "b": {"enabled": True}}, cluster=False)
    assert loaded.check(chosen) == []
    assert loaded.selection(chosen)["user"].requires == ("b",)


def test_a_circle_is_refused(tmp_path: Path) -> None:
    write_module(tmp_path, "a", "requires: [b]\n")
    write_module(tmp_path, "b", "requires: [a]\n")
    with pytest.raises(ConfigurationError, match="circle"):
        catalog.load([tmp_path]).selection(configuration({"a": {"enabled": True}}, cluster=False))


@pytest.mark.parametrize("text", ["colour: red\n", "images: [docker.io/x/y]\n", "stage: later\n"])
def test_a_broken_module_names_its_file(tmp_path: Path, text: str) -> None:
    folder = write_module(tmp_path, "broken", text)
    with pytest.raises(ConfigurationError) as caught:
        load_module(folder)
    assert caught.value.where == str(folder / "module.yaml")

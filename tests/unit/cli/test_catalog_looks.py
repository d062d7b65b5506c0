"""How modules are looked at: one as a card, all as a tree or a graph, with what a site has decided."""

import json
from pathlib import Path

import pytest
import typer

from slipway.catalog.relations.related import RelationKind, relations_of
from slipway.cli.main import app
from slipway.errors import ConfigurationError
from slipway.settings import data_dir
from tests.unit.catalog.test_relations import modules_of

DEMO = str(data_dir() / "inventories" / "demo" / "cluster.yaml")


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    typer.main.get_command(app)(["catalog", *words], standalone_mode=False)
    return capsys.readouterr().out


def test_a_module_says_what_it_needs_and_who_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line.split(maxsplit=1) for line in said(capsys, "show", "welcome").splitlines() if line]
    assert ["requires", "cni: flannel"] in lines
    assert [
        "requires",
        "default-storage-class: local-path-provisioner, with persistence: true",
    ] in lines
    assert [key for key, _ in lines if key in {"on", "off"}] == []


@pytest.mark.parametrize(
    ("name", "word", "why"),
    [
        ("metrics-server", "on", "spec.modules.metrics-server.enabled"),
        ("welcome", "off", "spec.modules.welcome.enabled is false"),
        ("nvidia-runtime-class", "off", "not asked for"),
    ],
)
def test_in_a_site_it_says_why(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, word: str, why: str
) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(Path(DEMO).read_text() + "    welcome: {enabled: false}\n")
    told = said(capsys, "show", name, "-f", str(file))
    assert [word, why] in [line.split(maxsplit=1) for line in told.splitlines() if line]
    found = json.loads(said(capsys, "show", name, "-f", str(file), "-o", "json"))
    assert (found["enabled"], found["why"]) == (word == "on", why)


def test_a_tree_goes_down_to_what_requires_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "graph", "welcome").splitlines() == [
        "welcome",
        "├─ requires cni: flannel",
        "└─ requires default-storage-class: local-path-provisioner, with persistence: true",
        "   └─ requires cni: flannel",
    ]


def test_of_a_site_it_has_what_is_on(capsys: pytest.CaptureFixture[str]) -> None:
    roots = [line for line in said(capsys, "graph", "-f", DEMO).splitlines() if line[0] not in "│├└ "]
    assert [line.split()[0] for line in roots] == [
        "flannel",
        "local-path-provisioner",
        "metrics-server",
        "operator",
    ]


def test_programs_get_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    dot = said(capsys, "graph", "welcome", "-o", "dot")
    assert '"welcome" -> "flannel" [style=solid, label="cni"];' in dot
    found = json.loads(said(capsys, "graph", "welcome", "-o", "json"))["modules"]
    assert {one["name"] for one in found} == {"welcome", "flannel", "local-path-provisioner"}


def test_a_name_that_is_none_is_told_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("show", "graph"):
        with pytest.raises(ConfigurationError) as refusal:
            said(capsys, command, "welcom")
        assert refusal.value.hint == "did you mean welcome?"


def test_conflicts_are_told_on_both_sides(tmp_path: Path) -> None:
    text = "provides: [{name: gpus, exclusive: true}]\n"
    loaded = modules_of(tmp_path, one=text, other=text)
    (link,) = relations_of(loaded.modules, loaded.modules["one"])
    assert (link.kind, link.name, link.providers) == (RelationKind.CONFLICTS, "gpus", ("other",))

"""Modules' folders: ours lint clean, a new one does, and each mistake is a finding that leaves other modules alone."""

import shutil
from pathlib import Path

import pytest
import yaml

from slipway import catalog
from slipway.catalog.folder.skeleton import write_skeleton
from slipway.catalog.folder.upstream import Upstream
from slipway.engine.enquiry.linted import linted_modules
from slipway.errors import ConfigurationError
from slipway.findings import FindingCode
from tests.unit.catalog.test_selection import configuration

CATALOG = catalog.load()
CLEAN = linted_modules(CATALOG, ())


@pytest.mark.parametrize("name", CLEAN)
def test_a_module_of_ours_lints_clean(name: str) -> None:
    assert CLEAN[name] == []
    assert not CATALOG.broken


def test_a_new_module_lints_clean_and_pins_nothing_outside_its_folder(tmp_path: Path) -> None:
    files = write_skeleton(tmp_path, "guestbook")
    assert all(file.is_file() and tmp_path / "guestbook" in file.parents for file in files)
    assert list(tmp_path.iterdir()) == [tmp_path / "guestbook"]
    loaded = catalog.load([tmp_path])
    assert linted_modules(loaded, ()) == {"guestbook": []}
    assert loaded.check(configuration({"guestbook": {"enabled": True}}, cluster=False)) == []


TREE = {"tree": f"https://git.example.org/charts@{'a' * 40}", "path": "charts/queue"}
GO_MODULE = {"tree": "github.com/example/queue@v1.20.0", "path": "manifests"}
REPOSITORY = {"repository": "oci://registry.example.org/charts", "chart": "the-queue"}
WORDS = {"chart": "", "version": "1.20", "repository": "", "tree": "", "path": ""}


@pytest.mark.parametrize("where", [TREE, GO_MODULE, REPOSITORY], ids=["git", "go", "repository"])
def test_a_new_module_for_a_chart_of_somebody_else_lacks_its_lock_alone(tmp_path: Path, where: dict) -> None:
    files = write_skeleton(tmp_path, "queue", Upstream.of("queue", **WORDS | where))
    assert not (tmp_path / "queue" / "chart").exists()
    assert all(file.is_file() for file in files)
    loaded = catalog.load([tmp_path])
    (finding,) = linted_modules(loaded, ())["queue"]
    assert (finding.path, finding.hint) == ("module.yaml: releases[0]", "slipway catalog lock queue")
    (release,) = loaded.modules["queue"].releases
    origin = release.tree.origin if release.tree else release.repository
    assert origin == where.get("tree", where.get("repository"))
    assert (release.chart, release.version) == (where.get("chart", "queue"), "1.20")


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"version": ""} | REPOSITORY, ""),
        ({"chart": "queue"}, ""),
        (TREE | REPOSITORY, ""),
        (TREE | {"path": ""}, ""),
        (REPOSITORY | {"path": "queue"}, ""),
        (TREE | {"tree": "https://git.example.org/charts"}, "tree.commit"),
        (TREE | {"tree": "https://git.example.org/charts@v1"}, "tree.commit"),
        (TREE | {"path": "../queue"}, "tree.path"),
        ({"tree": "queue", "path": "queue"}, "tree.goModule"),
        ({"repository": "registry.example.org"}, "repository"),
    ],
)
def test_words_that_name_no_chart_are_refused_by_field(words: dict, field: str) -> None:
    with pytest.raises(ConfigurationError, match="chart") as refusal:
        Upstream.of("queue", **WORDS | {"version": "1.20"} | words)
    assert [one.path for one in refusal.value.findings] == ([field] if field else [])
    assert "--repository" in refusal.value.hint


def test_no_words_of_a_chart_mean_one_of_its_own() -> None:
    assert Upstream.of("queue", chart="", version="", repository="", tree="", path="") is None


@pytest.mark.parametrize("name", ["Guest", "../x", "a" * 54, "a" * 64, "", "-x"])
def test_a_name_that_cannot_be_one_writes_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be a module's name"):
        write_skeleton(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_a_module_that_is_there_is_left_alone(tmp_path: Path) -> None:
    write_skeleton(tmp_path, "guestbook")
    (tmp_path / "guestbook" / "module.yaml").write_text("mine")
    with pytest.raises(ConfigurationError, match="there already"):
        write_skeleton(tmp_path, "guestbook")
    assert (tmp_path / "guestbook" / "module.yaml").read_text() == "mine"


MISTAKES = yaml.safe_load(Path(__file__).with_name("mistakes.yaml").read_text())


@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: f"{case['place']} {case['said']}")
def test_a_mistake_is_found_where_it_is(tmp_path: Path, case: dict) -> None:
    write_skeleton(tmp_path, "guestbook")
    write_skeleton(tmp_path, "neighbour")
    path = tmp_path / "guestbook" / case["file"]
    there = yaml.safe_load(path.read_text()) if path.is_file() else {}
    path.write_text(yaml.safe_dump({**there, **case["change"]}))
    loaded = catalog.load([tmp_path])
    found = linted_modules(loaded, ())
    assert any(case["place"] in one.path and case["said"] in str(one) for one in found["guestbook"]), found
    assert found["neighbour"] == []
    assert "neighbour" in loaded.modules


def test_two_modules_that_say_different_things_of_a_kind_are_both_told(tmp_path: Path) -> None:
    widget = {"group": "example.com", "kind": "Widget"}
    said = {
        "first": {"status": "none"},
        "second": {"conditions": {"Ready": "True"}},
        "third": {"status": "none"},
    }
    for name, words in said.items():
        write_skeleton(tmp_path, name)
        path = tmp_path / name / "module.yaml"
        health = {"health": {"kinds": [widget | words]}}
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | health))
    found = linted_modules(catalog.load([tmp_path]), ())
    assert [str(one) for one in found["second"]] == [
        f"module.yaml: health.kinds[0]: {name} says something else of Widget.example.com"
        for name in ("first", "third")
    ]
    assert [one.path for one in found["first"]] == ["module.yaml: health.kinds[0]"]


@pytest.mark.parametrize("text", ["a: [b", "- a", "", "\x00"])
def test_what_is_no_map_is_told(tmp_path: Path, text: str) -> None:
    write_skeleton(tmp_path, "guestbook")
    (tmp_path / "guestbook" / "module.yaml").write_text(text)
    (finding,) = linted_modules(catalog.load([tmp_path]), ["guestbook"])["guestbook"]
    assert finding.path == "module.yaml"


def test_a_module_that_cannot_be_used_stops_who_wants_it_and_nobody_else(tmp_path: Path) -> None:
    for name in ("broken", "user", "other"):
        write_skeleton(tmp_path, name)
    (tmp_path / "broken" / "module.yaml").write_text("name: broken")
    user = tmp_path / "user" / "module.yaml"
    user.write_text(user.read_text().replace("requires: [cni]", "requires: [broken]"))
    loaded = catalog.load([tmp_path])

    def told(modules: dict) -> list[tuple[str, str]]:
        found = loaded.check(configuration(modules, cluster=False))
        return [(one.path, one.code) for one in found]

    assert told({"other": {"enabled": True}}) == []
    assert told({"broken": {"enabled": False}}) == []
    assert told({"broken": {"enabled": True}}) == [("spec.modules.broken", "broken-module")]
    assert told({"user": {"enabled": True}}) == [("spec.modules.user", "broken-module")]
    with pytest.raises(ConfigurationError):
        loaded.named("broken")


def test_two_modules_have_names_of_their_own_for_what_they_build(tmp_path: Path) -> None:
    source = {
        "name": "program",
        "type": "c",
        "version": "1",
        "files": ["program.c"],
        "program": "program",
    }
    for name in ("one", "two"):
        write_skeleton(tmp_path, name)
        image = {
            "reference": f"a.io/{name}:1",
            "files": {"/program": "program/program"},
            "layers": ["busybox", "own"],
        }
        layer = {"name": "own", "files": {"/own": "program/program"}}
        build = {"sources": [{**source, "version": name}], "layers": [layer], "images": [image]}
        (tmp_path / name / "build.yaml").write_text(yaml.safe_dump(build))
        (tmp_path / name / "program.c").write_text(f"/* {name} */")
        module = tmp_path / name / "module.yaml"
        module.write_text(module.read_text().replace("images:\n", f"images:\n- a.io/{name}:1\n"))
    loaded = catalog.load([tmp_path])
    assert linted_modules(loaded, ()) == {"one": [], "two": []}
    for name in ("one", "two"):
        built = loaded.versions.image(f"a.io/{name}:1")
        assert built.layers == ("busybox", f"{name}.own")
        source_name = built.files["/program"].partition("/")[0]
        assert loaded.versions.source(source_name).version == name
        assert loaded.versions.layer(f"{name}.own").files == {"/own": f"{name}.program/program"}
        assert loaded.versions.file(source_name, "program.c").read_text() == f"/* {name} */"


@pytest.mark.parametrize("wanted", ["program.c", "tests/program.c", "../program.c", ".program.c"])
def test_a_source_takes_files_that_come_with_its_module(tmp_path: Path, wanted: str) -> None:
    """Not what lies elsewhere, nor what is in no bundle."""
    (tmp_path / "modules").mkdir()
    write_skeleton(tmp_path / "modules", "one")
    folder = tmp_path / "modules" / "one"
    source = {"name": "program", "type": "c", "version": "1", "files": [wanted], "program": "program"}
    (folder / "build.yaml").write_text(yaml.safe_dump({"sources": [source]}))
    if wanted != "program.c":
        (folder / wanted).write_text("int main(void) { return 0; }")
    error = catalog.load([tmp_path / "modules"]).broken["one"]
    assert [(one.path, one.code) for one in error.findings] == [("sources[0]", FindingCode.MISSING)]
    assert wanted in error.findings[0].problem


def test_an_image_has_one_recipe(tmp_path: Path) -> None:
    for name in ("one", "two"):
        shutil.copytree(CATALOG.modules["metrics-server"].directory, tmp_path / name)
        module = tmp_path / name / "module.yaml"
        module.write_text(
            module.read_text().replace("name: metrics-server\nversion", f"name: {name}\nversion")
        )
    loaded = catalog.load([tmp_path])
    assert list(loaded.modules) == ["one"]
    assert "pinned already" in str(loaded.broken["two"])


UTF16 = "\xff\xfea\x00".encode("latin-1")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("README.md", UTF16),
        ("README.md", b"# guestbook\n\xe4\n"),
        ("schema.yaml", b""),
        ("schema.yaml", b"type: \xe4\n"),
        ("values.yaml.j2", b"replicas: \xe4\n"),
        ("tests/settings.yaml", b"accepted:\n\t- {}\n"),
        ("tests/settings.yaml", b"acepted: []\n"),
        ("lock.yaml", b"[]"),
        ("build.yaml", b""),
    ],
)
@pytest.mark.parametrize("fix", [False, True])
def test_a_file_that_cannot_be_read_is_a_finding_of_that_file(
    tmp_path: Path, file: str, text: bytes, *, fix: bool
) -> None:
    for name in ("guestbook", "neighbour"):
        write_skeleton(tmp_path, name)
    (tmp_path / "guestbook" / file).write_bytes(text)
    found = linted_modules(catalog.load([tmp_path]), (), fix=fix)
    assert found["neighbour"] == []
    assert {one.path.partition(": ")[0] for one in found["guestbook"]} == {file}, found["guestbook"]


@pytest.mark.parametrize(
    "file", ["schema.yaml", "lock.yaml", "build.yaml", "tests/settings.yaml", "levels.yaml"]
)
@pytest.mark.parametrize("kind", ["directory", "link to nothing"])
def test_what_stands_in_a_files_place_is_not_its_absence(tmp_path: Path, file: str, kind: str) -> None:
    write_skeleton(tmp_path, "guestbook")
    path = tmp_path / "guestbook" / file
    path.unlink(missing_ok=True)
    if kind == "directory":
        path.mkdir()
    else:
        path.symlink_to("nowhere")
    (finding,) = linted_modules(catalog.load([tmp_path]), ())["guestbook"]
    assert finding.path.partition(": ")[0] == file


def test_a_module_whose_module_yaml_is_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    for name in ("guestbook", "neighbour"):
        write_skeleton(tmp_path, name)
    file = tmp_path / "guestbook" / "module.yaml"
    file.unlink()
    file.symlink_to("nowhere")
    found = linted_modules(catalog.load([tmp_path]), ())
    assert [one.path for one in found["guestbook"]] == ["module.yaml"]


def test_a_readme_with_line_ends_of_windows_is_right(tmp_path: Path) -> None:
    write_skeleton(tmp_path, "guestbook")
    file = tmp_path / "guestbook" / "README.md"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert linted_modules(catalog.load([tmp_path]), ()) == {"guestbook": []}


@pytest.mark.parametrize(
    "text",
    [
        "a: {{ 1 // 0 }}",
        "a: {{ settings.replicas + 'b' }}",
        "a: {% for one in range(1000000) %}{% endfor %}",
        "{% include 'other' %}",
        "a: {{ 'b' | int(base=99) }}{{ '{' | format(1) }}{{ '%d' | format('x') }}",
        "{% macro m() %}{{ m() }}{% endmacro %}a: {{ m() }}",
    ],
)
def test_a_template_that_fails_as_a_program_does_is_a_finding(tmp_path: Path, text: str) -> None:
    write_skeleton(tmp_path, "guestbook")
    (tmp_path / "guestbook" / "values.yaml.j2").write_text(text)
    found = linted_modules(catalog.load([tmp_path]), ())["guestbook"]
    assert found
    assert all("cannot be rendered" in one.problem for one in found)

"""What is refused, and how it is said; what hostile texts cost; and that nobody else reads YAML."""

import ast
from pathlib import Path

import pytest

from slipway import yamltext
from slipway.settings import data_dir
from slipway.yamltext import MAX_DEPTH, YamlTextError


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("a: 1\nb: 2\na: 3", 3, "'a' is there twice"),
        ("on: 1\nyes: 2", 2, "'true' (yes means that) is there twice"),
        ("a: 1\n---\nb: 2", 0, "another document"),
        ("x: 1\na: &a\n  b: *a", 3, "contains itself"),
        ("a: *b", 1, "no anchor 'b'"),
        ("a: &a {x: 1}\nb: {x: 2, <<: *a}", 2, "write '<<' first"),
        ("b: {<<: {x: 1}, <<: {z: 1}}", 1, "'<<' is there twice"),
        ("a: !!set {x}", 1, "!!set means nothing"),
        ("a: !vault x", 1, "!vault means nothing"),
        ("a: !!int x", 1, "'x' is no !!int"),
        ("a: .nan", 1, "JSON has no .nan"),
        ("? [a]\n: b", 1, "used as a key"),
        ("~: b", 1, "a key is empty"),
        ("a: [b?]", 1, "needs quotes"),
        ("a: 'x", 1, "unexpected end"),
        ("a: \x01", 0, "control characters"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, word: str) -> None:
    with pytest.raises(YamlTextError) as caught:
        yamltext.load(text)
    assert word in str(caught.value)
    assert caught.value.line == line


def test_charts_and_manifests_may_have_what_helm_takes() -> None:
    text = "a: {x: 1, x: 2}\nb: !foo bar\n---\nc: 1\n"
    assert yamltext.load(text, strict=False) == {"a": {"x": 2}, "b": "bar"}
    assert list(yamltext.load_all(text, strict=False)) == [{"a": {"x": 2}, "b": "bar"}, {"c": 1}]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_depth_ends_in_an_error_and_not_in_the_stack(opening: str) -> None:
    with pytest.raises(YamlTextError, match=f"more than {MAX_DEPTH} levels"):
        yamltext.load(opening * 500_000)
    with pytest.raises(YamlTextError, match=f"more than {MAX_DEPTH} levels"):
        yamltext.tree(opening * 500_000)


def test_a_few_lines_of_aliases_do_not_fill_the_memory() -> None:
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(YamlTextError, match="aliases make far more"):
        yamltext.load("\n".join(["l0: &l0 [x, x, x, x, x, x, x, x, x, x]", *levels]))


def test_who_changes_an_alias_value_changes_no_other() -> None:
    data = yamltext.load("a: &a {x: [1]}\nb: *a\nc: {<<: *a}")
    data["b"]["x"].append(2)
    assert (data["a"], data["c"]) == ({"x": [1]}, {"x": [1]})


def test_a_bare_equals_sign_is_text() -> None:
    """As in the CRDs of prometheus-operator."""
    assert yamltext.load("enum:\n- '!='\n- =\n- =~\n") == {"enum": ["!=", "=", "=~"]}


def test_nobody_else_reads_yaml() -> None:
    """What ships or runs: a second reader would read some text otherwise."""
    root = data_dir()
    files = [path for part in ("installer", "plugins", "scripts") for path in (root / part).rglob("*.py")]
    assert len(files) > 100
    allowed = root / "installer" / "slipway" / "yamltext"
    found = [f"{path}: {name}" for path in files if allowed not in path.parents for name in readers(path)]
    assert found == []


def readers(path: Path) -> list[str]:
    """Calls of PyYAML that read, by any of its names, and imports of such."""
    words = ("load", "compose", "parse", "scan", "Loader")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used = [
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "yaml"
    ]
    used += [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "yaml"
        for alias in node.names
    ]
    return [name for name in used if any(word in name for word in words)]

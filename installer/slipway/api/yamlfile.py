"""YAML as the Kubernetes API understands it: one document, JSON types, no key twice; and where fields stand.

PyYAML alone keeps the last of two equal keys and turns dates into objects; both would hide a mistake.
"""

from pathlib import Path
from typing import Any

import yaml

from slipway.errors import ConfigurationError, Finding


class _Loader(yaml.SafeLoader):
    """Safe, without timestamps, refusing duplicate keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A dict of unique keys."""
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen and name != "<<":
                raise yaml.MarkedYAMLError(
                    problem=f"key {name!r} is there twice", problem_mark=key.start_mark
                )
            seen.add(name)
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(path: Path) -> dict[str, Any]:
    """The one document of the file.

    Raises:
        ConfigurationError: no such file, no YAML, or not one map.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigurationError("cannot be read", where=str(path), why=str(exc)) from exc
    return loads(text, where=str(path))


def loads(text: str, *, where: str) -> dict[str, Any]:
    """The one document of the text; `where` names it in messages."""
    try:
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 - derived from SafeLoader
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        line = mark.line + 1 if mark else 0
        finding = Finding("(file)", exc.problem or str(exc), "one YAML document", code="yaml", line=line)
        raise ConfigurationError("is not valid YAML", where=where, findings=(finding,)) from exc
    except (yaml.YAMLError, RecursionError, ValueError) as exc:
        raise ConfigurationError("is not valid YAML", where=where, why=str(exc)) from exc
    if not isinstance(value, dict):
        finding = Finding(
            "(file)", f"holds {kind_of(value)}", "one ClusterConfiguration, a map", code="wrong-type"
        )
        raise ConfigurationError("is no ClusterConfiguration", where=where, findings=(finding,))
    return value


def lines(text: str) -> dict[str, int]:
    """Line of each field path, for messages."""
    found: dict[str, int] = {}
    node = yaml.compose(text, Loader=_Loader)
    if node is not None:
        _walk(node, "", found)
    return found


def step(path: str, key: object) -> str:
    """Path of a member, as users write it: `a.b`, `a[0]`, `a["x.y"]`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    name = str(key)
    if not name or any(not (letter.isalnum() or letter in "-_") for letter in name):
        return f'{path}["{name}"]'
    return f"{path}.{name}" if path else name


def kind_of(value: object) -> str:
    """A value's type in words."""
    words = {
        dict: "a map",
        list: "a list",
        tuple: "a list",
        str: "text",
        bool: "a boolean",
        int: "a whole number",
    }
    return "nothing" if value is None else words.get(type(value), "a number")


def _walk(node: yaml.Node, path: str, found: dict[str, int]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = step(path, str(key.value))
            found[here] = key.start_mark.line + 1
            _walk(value, here, found)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            here = step(path, index)
            found[here] = value.start_mark.line + 1
            _walk(value, here, found)

"""One value of a YAML file set in place: comments, order and style of all else stay, to the character.

The result is read again: it means what was there before, but for the one value, or the edit is refused.
"""

from collections.abc import Sequence
from typing import Any

from slipway import yamltext
from slipway.errors import ConfigurationError
from slipway.yamltext import Alias, List, Map, Node, Scalar, YamlTextError
from slipway.yamltext.scalars import untagged

#: Spaces per level where a new block is begun.
_STEP = 2
#: Levels that fit one line, as `name: {enabled: true}`.
_ONE_LINE = 2
_BOM = "\ufeff"


def with_value(text: str, path: Sequence[str], value: str) -> str:
    """The text with the value at the path, whose missing levels are added where they belong.

    Raises:
        ConfigurationError: it is no YAML, or the value shares its place with others (an alias, a merge).
    """
    mark = _BOM if text.startswith(_BOM) else ""
    text = text.removeprefix(mark)
    try:
        before = yamltext.load(text)
        edited = _edited(text, path, value)
        right = yamltext.load(edited) == _set(before, path, yamltext.load(value))
    except YamlTextError as exc:
        raise _refusal(path, str(exc)) from exc
    if not right:
        raise _refusal(path, "the edit would change more than this")
    return mark + edited


def _refusal(path: Sequence[str], why: str) -> ConfigurationError:
    hint = "write the value there by hand, and run slipway apply; the file is as it was"
    return ConfigurationError("cannot be set in the file", where=".".join(path), why=why, hint=hint)


def _set(data: Any, path: Sequence[str], value: Any) -> Any:
    if not path:
        return value
    below = data if isinstance(data, dict) else {}
    return {**below, path[0]: _set(below.get(path[0]), path[1:], value)}


def _edited(text: str, path: Sequence[str], value: str) -> str:
    node = yamltext.tree(text)
    quotes = isinstance(node, Map) and node.flow
    key: Node | None = None
    for depth, name in enumerate(path):
        _check(node, path, depth)
        found = node.entry(name) if isinstance(node, Map) else None
        if found is None:
            names = [f'"{one}"' for one in path[depth:]] if quotes else path[depth:]
            return _added(text, key, node, names, value)
        key, node = found
    _check(node, path, len(path))
    assert node is not None  # noqa: S101 - the path is not empty
    return _spliced(text, node.start, node.end, value)


def _check(node: Node | None, path: Sequence[str], depth: int) -> None:
    """Refuse what an edit would lose, or share."""
    place = ".".join(path[:depth]) or "the file"
    if isinstance(node, Alias):
        raise _refusal(path, f"{place} is an alias, *{node.anchor}, and what it means is used elsewhere too")
    if depth == len(path):
        return
    if isinstance(node, List) or (isinstance(node, Scalar) and untagged(node.value) is not None):
        raise _refusal(path, f"{place} is no map")


def _added(text: str, key: Node | None, node: Node | None, path: Sequence[str], value: str) -> str:
    """The rest of the path below a node that lacks its first name."""
    if not isinstance(node, Map):
        if node is not None and node.end > node.start:  # `modules: ~`
            return _spliced(text, node.start, node.end, _flow(path, value))
        place = text.index(":", key.end) + 1 if key else len(text)
        return _spliced(text, place, place, " " + _flow(path, value))
    if node.flow:
        place, comma = _last_of_flow(node)
        return _spliced(text, place, place, comma + _flow(path, value)[1:-1])
    place = _end_of(text, node)
    newline = "" if text[place - 1 : place] == "\n" else "\n"
    return _spliced(text, place, place, newline + _block(path, value, node.column))


def _last_of_flow(node: Map) -> tuple[int, str]:
    """Behind the last value: a merge replaces what stands before it."""
    if not node.pairs:
        return node.end - 1, ""
    return max(part.end for part in node.pairs[-1]), ", "


def _end_of(text: str, node: Node) -> int:
    """Begin of the line after a block's last one; its own end mark stands behind what follows it."""
    while isinstance(node, Map | List) and not node.flow:
        last: Node | None = None
        if isinstance(node, Map) and node.pairs:
            key, last = node.pairs[-1]
            last = key if last.start == last.end else last  # nothing is written there: its key is
        elif isinstance(node, List) and node.items:
            last = node.items[-1]
        if last is None:
            break
        node = last
    place = node.end
    if text[place - 1 : place] == "\n":
        return place
    line_end = text.find("\n", place)
    return len(text) if line_end < 0 else line_end + 1


def _flow(path: Sequence[str], value: str) -> str:
    inner = value if len(path) == 1 else _flow(path[1:], value)
    return f"{{{path[0]}: {inner}}}"


def _block(path: Sequence[str], value: str, column: int) -> str:
    """One line per level, but for the last two, which fit one."""
    indent = " " * column
    if len(path) <= _ONE_LINE:
        return f"{indent}{_flow(path, value)[1:-1]}\n"
    return f"{indent}{path[0]}:\n{_block(path[1:], value, column + _STEP)}"


def _spliced(text: str, start: int, end: int, piece: str) -> str:
    return text[:start] + piece + text[end:]

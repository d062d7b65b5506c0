"""One value of a YAML file set in place: comments, order and style of all else stay, to the character."""

from collections.abc import Sequence

import yaml

#: Spaces per level where a new block is begun.
_STEP = 2
#: Levels that fit one line, as `name: {enabled: true}`.
_ONE_LINE = 2


def with_value(text: str, path: Sequence[str], value: str) -> str:
    """The text with the value at the path, whose missing levels are added where they belong."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    key: yaml.Node | None = None
    for depth, name in enumerate(path):
        found = _entry(node, name)
        if found is None:
            return _added(text, key, node, path[depth:], value)
        key, node = found
    assert node is not None  # noqa: S101 - the path is not empty
    return _spliced(text, node.start_mark.index, node.end_mark.index, value)


def _entry(node: yaml.Node | None, name: str) -> tuple[yaml.Node, yaml.Node] | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((pair for pair in node.value if pair[0].value == name), None)


def _added(text: str, key: yaml.Node | None, node: yaml.Node | None, path: Sequence[str], value: str) -> str:
    """The rest of the path below a node that lacks its first name."""
    if not isinstance(node, yaml.MappingNode):  # `modules:` with nothing behind it
        place = text.index(":", key.end_mark.index) + 1 if key else len(text)
        return _spliced(text, place, place, " " + _flow(path, value))
    start = node.start_mark
    if node.flow_style:
        comma = ", " if node.value else ""
        return _spliced(text, start.index + 1, start.index + 1, _flow(path, value)[1:-1] + comma)
    place = _end_of(text, node)
    newline = "" if text[place - 1 : place] == "\n" else "\n"
    return _spliced(text, place, place, newline + _block(path, value, start.column))


def _end_of(text: str, node: yaml.Node) -> int:
    """Begin of the line after a block's last one; its own end mark stands behind what follows it."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
        if isinstance(last, tuple) and node.start_mark.index == node.end_mark.index:
            node = last[0]  # nothing is written there: its key is
    place = node.end_mark.index
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

"""Where things stand in a text: for messages, and for edits that leave all else as it is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from slipway.yamltext.errors import check_depth, events, line_of, start_of


@dataclass(frozen=True, slots=True)
class Node:
    """A part of the text. `start` and `end` count characters, `line` counts from 1, `column` from 0."""

    start: int
    end: int
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Scalar(Node):
    """A value as it is written, without its quotes."""

    value: str


@dataclass(frozen=True, slots=True)
class Alias(Node):
    """A value that stands elsewhere."""

    anchor: str


@dataclass(frozen=True, slots=True)
class Map(Node):
    """Keys and values in their order; `flow` in braces."""

    pairs: tuple[tuple[Node, Node], ...]
    flow: bool

    def entry(self, name: str) -> tuple[Node, Node] | None:
        """The key of this name, and its value."""
        return next((pair for pair in self.pairs if key_of(pair[0]) == name), None)


@dataclass(frozen=True, slots=True)
class List(Node):
    """Items in their order; `flow` in brackets."""

    items: tuple[Node, ...]
    flow: bool


def key_of(node: Node) -> str:
    """A key's text; empty where it is none that a path could name."""
    return node.value if isinstance(node, Scalar) else ""


def tree(text: str) -> Node | None:
    """The first document; None where there is none.

    Raises:
        YamlTextError: it is no YAML.
    """
    stream = events(text)
    for event in stream:
        if type(event) is DocumentStartEvent:
            return _Builder(stream).node(next(stream), 1)
    return None


class _Builder:
    def __init__(self, stream: Iterator[Event]) -> None:
        self._stream = stream

    def node(self, event: Event, depth: int) -> Node:
        place = _place(event, event)
        if isinstance(event, ScalarEvent):
            return Scalar(*place, event.value)
        if isinstance(event, AliasEvent):
            return Alias(*place, str(event.anchor))
        assert isinstance(event, MappingStartEvent | SequenceStartEvent)  # noqa: S101 - there is no other
        check_depth(depth, line_of(event))
        return self._collection(event, depth)

    def _collection(self, event: MappingStartEvent | SequenceStartEvent, depth: int) -> Node:
        found: list[Node] = []
        for inner in self._stream:
            if isinstance(inner, MappingEndEvent | SequenceEndEvent):
                last = inner
                break
            found.append(self.node(inner, depth + 1))
        place = _place(event, last)
        if isinstance(event, MappingStartEvent):
            pairs = tuple(zip(found[::2], found[1::2], strict=True))
            return Map(*place, pairs, bool(event.flow_style))
        return List(*place, tuple(found), bool(event.flow_style))


def _place(first: Event, last: Event) -> tuple[int, int, int, int]:
    start = start_of(first)
    end: Any = last.end_mark
    return start.index, end.index, start.line + 1, start.column

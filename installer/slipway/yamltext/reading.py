"""Values out of text, in one pass and without recursion: what a bundle, a chart or a CRD has is large.

Maps, lists, aliases and merges as go-yaml v2 decodes them (`decode.go`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from slipway.yamltext import scalars
from slipway.yamltext.errors import YamlTextError, check_depth, events, line_of

#: go-yaml: a text may consist of aliases to 99 %, and to 10 % once it has more than these nodes.
_FEW, _MANY = 400_000, 4_000_000
#: Below these numbers of nodes nobody counts.
_ALIASED_FROM, _NODES_FROM = 100, 1000


def load(text: str | bytes, *, strict: bool = True) -> Any:
    """The document's value in types of JSON; None where there is none.

    `strict` refuses a second document, keys that are there twice, tags that JSON has nothing for, and merges whose
    meaning hangs on the order of keys; otherwise it is what Go takes: the first document, the last of equal keys.

    Raises:
        YamlTextError: it cannot be read, or not without doubt.
    """
    found = load_all(text, strict=strict)
    value = next(found, None)
    if strict and any(True for _ in found):
        raise YamlTextError("another document begins behind the first")
    return value


def load_all(text: str | bytes, *, strict: bool = True) -> Iterator[Any]:
    """The values of all documents; an empty one is None.

    Raises:
        YamlTextError: while it is iterated.
    """
    document = _Document(strict)
    for event in events(text):
        kind = type(event)
        if kind is DocumentStartEvent:
            document = _Document(strict)
        elif kind is DocumentEndEvent:
            yield document.value
        elif act := _ACTS.get(kind):
            try:
                act(document, event)
            except YamlTextError:
                raise
            except ValueError as exc:
                raise YamlTextError(str(exc), line_of(event)) from exc


class _Nothing:
    """No key is open, or the open one is `<<`."""


_NO_KEY, _MERGE = _Nothing(), _Nothing()


@dataclass(slots=True)
class _Anchored:
    """What an anchor names, once it is complete, and how many nodes that has."""

    value: Any = None
    nodes: int = 0
    complete: bool = False


@dataclass(slots=True)
class _Open:
    """A map or list whose end has not come."""

    value: Any
    anchored: _Anchored | None
    before: int
    """Nodes of the document before this one."""
    flow: bool
    """Within braces or brackets."""
    key: str | _Nothing = _NO_KEY
    merged: set[str] = field(default_factory=set)
    """Keys that are there by a merge alone."""
    has_merge: bool = False


class _Document:
    """What is known of the document that is being read."""

    def __init__(self, strict: bool) -> None:
        self.value: Any = None
        self._strict = strict
        self._open: list[_Open] = []
        self._anchors: dict[str, _Anchored] = {}
        self._nodes = 1
        self._aliased = 0

    def scalar(self, event: ScalarEvent) -> None:
        plain, tag = event.implicit[0], event.tag
        top = self._open[-1] if self._open else None
        if event.value == "<<" and (plain or tag == scalars.MERGE) and top is not None and _wants_key(top):
            self._begin_merge(top, event)
            return
        if "?" in event.value and not event.style and top is not None and top.flow:
            raise ValueError("within braces or brackets, text with '?' needs quotes")
        self._nodes += 1
        if tag is None:
            value = scalars.untagged(event.value) if plain else event.value
        else:
            self._check_tag(tag)
            value = scalars.tagged(tag, event.value)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(value, 1, complete=True)
        self._put(value, event)

    def alias(self, event: AliasEvent) -> None:
        anchored = self._anchors.get(str(event.anchor))
        if anchored is None:
            raise ValueError(f"there is no anchor {event.anchor!r} before this alias")
        if not anchored.complete:
            raise ValueError(f"the value of anchor {event.anchor!r} contains itself")
        self._nodes += 1 + anchored.nodes
        self._aliased += anchored.nodes
        self._check_aliases()
        self._put(_copy(anchored.value), event)

    def start_map(self, event: MappingStartEvent) -> None:
        self._start({}, event)

    def start_list(self, event: SequenceStartEvent) -> None:
        self._start([], event)

    def end(self, event: MappingEndEvent | SequenceEndEvent) -> None:
        done = self._open.pop()
        if done.anchored is not None:
            done.anchored.nodes = self._nodes - done.before
            done.anchored.complete = True
        self._put(done.value, event)

    def _start(self, value: Any, event: MappingStartEvent | SequenceStartEvent) -> None:
        self._check_tag(event.tag)
        check_depth(len(self._open) + 1, line_of(event))
        anchored = None
        if event.anchor is not None:
            anchored = self._anchors[event.anchor] = _Anchored(value)
        self._open.append(_Open(value, anchored, self._nodes, bool(event.flow_style)))
        self._nodes += 1

    def _put(self, value: Any, event: Event) -> None:
        """A complete value to where it belongs: into the list or map that is open, or as the document's own."""
        if not self._open:
            self.value = scalars.as_value(value)
            return
        top = self._open[-1]
        if type(top.value) is list:
            top.value.append(scalars.as_value(value))
        elif top.key is _NO_KEY:
            self._put_key(top, value, event)
        elif top.key is _MERGE:
            self._merge(top, value, is_alias=type(event) is AliasEvent)
            top.key = _NO_KEY
        else:
            top.value[top.key] = scalars.as_value(value)
            top.key = _NO_KEY

    def _put_key(self, top: _Open, value: Any, event: Event) -> None:
        if isinstance(value, dict | list):
            raise ValueError("a map or list is used as a key")  # noqa: TRY004 - of a text, not of a type
        key = scalars.as_key(value)
        if self._strict and key in top.value and key not in top.merged:
            written = event.value if isinstance(event, ScalarEvent) else key
            as_written = f" ({written} means that)" if written != key else ""
            raise ValueError(f"key {key!r}{as_written} is there twice")
        top.merged.discard(key)
        top.key = key

    def _begin_merge(self, top: _Open, event: ScalarEvent) -> None:
        if self._strict and top.has_merge:
            raise ValueError("key '<<' is there twice; one may have a list: <<: [*a, *b]")
        self._check_tag(event.tag)
        top.has_merge = True
        top.key = _MERGE

    def _merge(self, top: _Open, value: Any, *, is_alias: bool) -> None:
        """Into the map at once: what stands behind replaces it, and of a list the first counts."""
        maps = [value] if isinstance(value, dict) else value
        if not isinstance(maps, list) or (is_alias and maps is value):
            raise ValueError("'<<' takes a map, or a list of maps")
        for one in reversed(maps):
            if not isinstance(one, dict):
                raise ValueError("'<<' takes a map, or a list of maps")  # noqa: TRY004
            for key, item in one.items():
                if self._strict and key in top.value and key not in top.merged:
                    raise ValueError(f"key {key!r} stands before the '<<' that has it too; write '<<' first")
                top.merged.add(key)
                top.value[key] = item

    def _check_tag(self, tag: str | None) -> None:
        if self._strict and tag not in scalars.KNOWN:
            raise ValueError(f"the tag {scalars.short(tag)} means nothing to Kubernetes")

    def _check_aliases(self) -> None:
        if self._aliased <= _ALIASED_FROM or self._nodes <= _NODES_FROM:
            return
        way = min(max((self._nodes - _FEW) / (_MANY - _FEW), 0), 1)
        if self._aliased / self._nodes > 0.99 - 0.89 * way:
            raise ValueError("aliases make far more of this text than is written")


def _wants_key(top: _Open) -> bool:
    return type(top.value) is dict and top.key is _NO_KEY


def _copy(value: Any) -> Any:
    """Nobody who changes the one may change the other; as deep as maps and lists may be."""
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


_ACTS: Final[dict[type[Event], Callable[[_Document, Any], None]]] = {
    ScalarEvent: _Document.scalar,
    AliasEvent: _Document.alias,
    MappingStartEvent: _Document.start_map,
    MappingEndEvent: _Document.end,
    SequenceStartEvent: _Document.start_list,
    SequenceEndEvent: _Document.end,
}

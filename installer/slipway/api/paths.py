"""Paths in documents: how people read them, and what stands there. Pure; the only place that walks by them."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from slipway.api.yamlfile import step
from slipway.digests import canonical_json
from slipway.model.paths import Element, Entry, FieldPath, Member, Scalar

#: What stands where nothing is; null is something.
ABSENT: Final = object()

Schema = Mapping[str, Any]


def text(path: Iterable[Element]) -> str:
    """As users write it: `a.b`, `a["x.y"]`, `a[0]`; an entry by its keys, as the API server names it."""
    written = ""
    for element in path:
        if isinstance(element, Entry):
            written += f"[{','.join(f'{key}={json.dumps(value)}' for key, value in element.keys)}]"
        elif isinstance(element, Member):
            written += f"[{json.dumps(element.value)}]"
        else:
            written = step(written, element)
    return written


def child(tree: Any, element: Element) -> Any:
    """What a map or a list has there, or ABSENT."""
    if isinstance(element, str):
        return tree.get(element, ABSENT) if isinstance(tree, Mapping) else ABSENT
    if not isinstance(tree, list):
        return ABSENT
    if isinstance(element, int):
        return tree[element] if element < len(tree) else ABSENT
    return next((item for item in tree if _identity(item, element) == _own(element)), ABSENT)


def clash(mine: Any, theirs: Any, path: FieldPath) -> FieldPath | None:
    """The place at or above `path` at which two documents say different things; None: both can be had.

    Maps never clash by themselves, only what is in them; a list that `path` ends at is one value.
    """
    for depth, element in enumerate(path, start=1):
        mine, theirs = child(mine, element), child(theirs, element)
        if mine is ABSENT or theirs is ABSENT or _both(Mapping, mine, theirs):
            continue
        on_the_way = depth < len(path) and _both(list, mine, theirs)
        if not on_the_way and not alike(mine, theirs):
            return path[:depth]
    return None


def alike(one: Any, other: Any) -> bool:
    """Whether two values are the same in JSON, where true is not 1."""
    return canonical_json(one) == canonical_json(other)


def unmet(wanted: Any, found: Any, schema: Schema, path: FieldPath = ()) -> Iterator[FieldPath]:
    """Where `found` lacks what `wanted` says, or says something else; what it has besides is as it should be.

    Null, and maps and lists without anything in them, want nothing.
    """
    if not _wants(wanted):
        return
    kind = schema.get("x-kubernetes-list-type")
    if _both(Mapping, wanted, found):
        for key, value in wanted.items():
            yield from unmet(value, child(found, key), schema_below(schema, key), (*path, key))
    elif _both(list, wanted, found) and kind == "map":
        for place, item in enumerate(wanted):
            element = element_at(place, item, schema)
            yield from unmet(item, child(found, element), schema_below(schema, place), (*path, element))
    elif _both(list, wanted, found) and kind == "set":
        yield from [] if all(item in found for item in wanted) else [path]
    elif found is ABSENT or not alike(wanted, found):
        yield path


def element_at(place: str | int, item: Any, schema: Schema) -> Element:
    """What a member of a map, or of a list with this schema, is called in a path."""
    if isinstance(place, str):
        return place
    return Entry(tuple(sorted((key, item.get(key)) for key in schema["x-kubernetes-list-map-keys"])))


def schema_below(schema: Schema, place: str | int) -> Schema:
    """Schema of a member; of what somebody else's schema describes nothing is known, and its lists are atomic."""
    if isinstance(place, int):
        return dict(schema["items"])
    properties = schema.get("properties") or {}
    return dict(properties.get(place) or schema.get("additionalProperties") or {})


def _wants(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_wants, value.values()))
    return value is not None and value != []


def adopted(mine: Any, theirs: Any, path: FieldPath) -> Any:
    """`mine` with what `theirs` has at the path, unless it has something there; entries keep their neighbours."""
    if value_at(theirs, path) is ABSENT:
        return mine
    return _adopted(mine, theirs, path)


def value_at(tree: Any, path: FieldPath) -> Any:
    """What stands at a path, or ABSENT."""
    for element in path:
        tree = child(tree, element)
    return tree


def _adopted(mine: Any, theirs: Any, path: FieldPath) -> Any:
    if not path:
        return theirs if mine is ABSENT else mine
    element, below = path[0], child(mine, path[0])
    if isinstance(element, Entry) and below is ABSENT and len(path) > 1:
        below = dict(element.keys)
    inner = _adopted(below, child(theirs, element), path[1:])
    if isinstance(element, str):
        return {**(mine if isinstance(mine, Mapping) else {}), element: inner}
    return _listed(mine if isinstance(mine, list) else [], theirs, element, inner)


def _listed(items: list[Any], theirs: Sequence[Any], element: Element, value: Any) -> list[Any]:
    """The list with an entry: in its place, or else behind the entry that it stands behind in the other list."""
    places = {_identity(item, element): place for place, item in enumerate(items)}
    place = places.get(_own(element))
    if place is not None:
        return [*items[:place], value, *items[place + 1 :]]
    place = 0
    for item in theirs:
        if _identity(item, element) == _own(element):
            break
        place = places.get(_identity(item, element), place - 1) + 1
    return [*items[:place], value, *items[place:]]


def _identity(item: Any, element: Element) -> tuple[Scalar, ...] | str:
    """What tells an entry of a list from others, where `element` is the name of one."""
    if isinstance(element, Entry):
        return tuple(item.get(key) if isinstance(item, Mapping) else None for key, _ in element.keys)
    return canonical_json(item)


def _own(element: Element) -> tuple[Scalar, ...] | str:
    if isinstance(element, Entry):
        return tuple(value for _, value in element.keys)
    return canonical_json(element.value if isinstance(element, Member) else element)


def _both(kind: type, one: Any, other: Any) -> bool:
    return isinstance(one, kind) and isinstance(other, kind)

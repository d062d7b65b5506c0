"""Paths in documents: how people read them, and what stands there. Pure; the only place that walks by them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from slipway.api.yamlfile import step
from slipway.digests import canonical_json
from slipway.model.paths import Element, Entry, Member, Path, Scalar

#: What stands where nothing is; null is something.
ABSENT: Final = object()


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


def clash(mine: Any, theirs: Any, path: Path) -> Path | None:
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


def adopted(mine: Any, theirs: Any, path: Path) -> Any:
    """`mine` with what `theirs` has at the path, unless it has something there; entries keep their neighbours."""
    if value_at(theirs, path) is ABSENT:
        return mine
    return _adopted(mine, theirs, path)


def value_at(tree: Any, path: Path) -> Any:
    """What stands at a path, or ABSENT."""
    for element in path:
        tree = child(tree, element)
    return tree


def _adopted(mine: Any, theirs: Any, path: Path) -> Any:
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

"""Who owns which fields of an object: managedFields (`fieldsV1`) as paths.

https://kubernetes.io/docs/reference/using-api/server-side-apply/: `f:NAME` is a field, `k:{...}` the entry of a list
with these keys, `v:VALUE` a member of a set, `.` the thing itself.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from slipway.model.paths import Element, Entry, FieldPath, Member
from slipway.settings import FIELD_MANAGER

Entries = Iterable[Mapping[str, Any]]


def other_managers(entries: Entries) -> dict[FieldPath, str]:
    """Path below spec -> manager, for leaves that another manager than Slipway owns, alone or with Slipway.

    A map, or the entry of a list, that is there for what somebody has in it is no leaf.
    """
    owned = leaves_by_manager(entries)
    around = {path[:depth] for leaves in owned.values() for path in leaves for depth in range(len(path))}
    return {
        path: manager
        for manager, leaves in owned.items()
        for path in leaves - around
        if manager != FIELD_MANAGER
    }


def held_by_others(entries: Entries) -> frozenset[FieldPath]:
    """Maps and entries below spec that another manager than Slipway has a hold on: they stay when Slipway lets go."""
    return frozenset(
        path
        for entry in entries
        if not entry.get("subresource") and entry.get("manager") != FIELD_MANAGER
        for path in _held((entry.get("fieldsV1") or {}).get("f:spec") or {}, ())
    )


def _held(fields: Mapping[str, Any], path: FieldPath) -> Iterator[FieldPath]:
    if "." in fields:
        yield path
    for key, below in fields.items():
        if (element := _element(key)) is not None:
            yield from _held(below, (*path, element))


def leaves_by_manager(entries: Entries) -> dict[str, set[FieldPath]]:
    """Manager -> the paths below spec of what it owns; a status is nobody's wish."""
    owned: dict[str, set[FieldPath]] = defaultdict(set)
    for entry in entries:
        if not entry.get("subresource"):
            fields = (entry.get("fieldsV1") or {}).get("f:spec") or {}
            owned[str(entry.get("manager", ""))].update(leaves_of(fields))
    return dict(owned)


def leaves_of(fields: Mapping[str, Any], path: FieldPath = ()) -> Iterator[FieldPath]:
    """Paths of managed leaves; a list whose entries have no names counts as a whole."""
    below = {key: element for key in fields if (element := _element(key)) is not None}
    if path and not below:
        yield path
    for key, element in below.items():
        yield from leaves_of(fields[key], (*path, element))


def owned_keys(entries: Entries) -> set[str]:
    """Keys of a Secret, or a ConfigMap, whose value is the one that Slipway wrote last."""
    data = [
        (entry.get("fieldsV1") or {}).get("f:data") or {}
        for entry in entries
        if entry.get("manager") == FIELD_MANAGER
    ]
    return {path[0] for fields in data for path in leaves_of(fields) if isinstance(path[0], str)}


def _element(key: str) -> Element | None:
    kind, _, rest = key.partition(":")
    if kind == "f":
        return rest
    if kind == "k":
        return Entry(tuple(sorted(json.loads(rest).items())))
    return Member(json.loads(rest)) if kind == "v" else None

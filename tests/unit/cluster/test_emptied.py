from typing import Any

import pytest

from slipway.api.schema import spec_schema
from slipway.cluster.own.emptied import removals
from slipway.model.paths import Entry, FieldPath

VALUES = "modules/w/values"
SETTINGS = "hosts/items/1/settings"
TAINTS = [{"key": "a", "effect": "NoSchedule"}, {"key": "b", "effect": "NoSchedule"}]
UPGRADE = {"drainTimeout": "5m"}
HOST = {"name": "a", "address": "10.0.0.1"}


def items(settings: dict[str, Any]) -> dict[str, Any]:
    return {"hosts": {"items": [{"name": "0"}, {**HOST, "settings": settings}]}}


def module(values: dict[str, Any]) -> dict[str, Any]:
    return {"modules": {"w": {"values": values}}}


def leaves(value: Any, path: FieldPath = ()) -> set[FieldPath]:
    """Each thing in it, as the one who applied it owns it."""
    if isinstance(value, dict) and value:
        return {leaf for key, item in value.items() for leaf in leaves(item, (*path, key))}
    if path[-1] in {"items", "taints"}:
        keys = ("name",) if path[-1] == "items" else ("effect", "key")
        entries = [(Entry(tuple((key, item[key]) for key in keys)), item) for item in value]
        return {leaf for entry, item in entries for leaf in leaves(item, (*path, entry))}
    return {path}


@pytest.mark.parametrize(
    ("wanted", "live", "pointers"),
    [
        (module({"a": {}}), module({"a": {"b": 1, "c": {}}}), [f"{VALUES}/a/c", f"{VALUES}/a/b"]),
        (module({"a": []}), module({"a": [1]}), []),
        ({"modules": {}}, module({}), ["modules/w"]),
        ({"modules": {}}, {"upgrade": UPGRADE}, []),
        ({"upgrade": UPGRADE}, module({}), []),
        (items({"labels": {}}), items({"labels": {"a/b~c": "d"}}), [f"{SETTINGS}/labels/a~1b~0c"]),
        (items({"taints": []}), items({"taints": TAINTS}), [f"{SETTINGS}/taints/1", f"{SETTINGS}/taints/0"]),
        (items({"labels": {}}), items({"labels": {}, "taints": []}), [f"{SETTINGS}/taints"]),
        ({"hosts": {"items": [HOST]}}, items({"taints": []}), [f"{SETTINGS}/taints"]),
        ({"hosts": {"items": [{"name": "0"}]}}, items({"taints": []}), []),
        ({"upgrade": UPGRADE}, {"hosts": {"defaults": {"taints": []}}}, ["hosts/defaults/taints"]),
    ],
    ids=str,
)
def test_what_has_to_go_first(wanted: Any, live: Any, pointers: list[str]) -> None:
    found = removals(wanted, live, spec_schema(), {"slipway": leaves(live)})
    assert found == [{"op": "remove", "path": f"/spec/{pointer}"} for pointer in pointers]


@pytest.mark.parametrize("theirs", [("modules", "x", "enabled"), ("modules",)], ids=str)
def test_where_somebody_else_has_something_it_is_left_to_the_apply(theirs: FieldPath) -> None:
    wanted, live = {"modules": {}}, {"modules": {"x": {"enabled": True}, "y": {"enabled": True}}}
    owned = {"slipway": leaves(live), "ann": {theirs}}
    assert removals(wanted, live, spec_schema(), owned) == []


def test_defaults_stay() -> None:
    live = {"upgrade": UPGRADE}
    for owned in (leaves(live), {("upgrade",)}):
        assert removals({"upgrade": {}}, live, spec_schema(), {"slipway": owned}) == []

"""What was changed in the ClusterConfiguration since it was carried out last, and which steps follow it. Pure.

Records hold no values, so these are compared: the spec that was carried out, kept in the cluster, with the wanted one.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from slipway.api.paths import ABSENT, Schema, alike, child, element_at, schema_below, text
from slipway.api.schema import known_schema
from slipway.digests import canonical_json
from slipway.harmless import shortened
from slipway.model.operation import Outcome, StepResult
from slipway.model.paths import Entry, FieldPath
from slipway.model.plan import FieldChange, Plan, Step, StepKind
from slipway.telltale import HIDDEN, looks_secret, named_secret

#: Characters of one value that are shown.
VALUE_LIMIT: Final = 120

_PATH: Final = re.compile(r"spec(?:\.[\w-]+|\[[^\]]*\])+")
_OF_HOST: Final = re.compile(r"spec\.hosts\.items\[(?P<host>[^\]]*)\](?:\.settings)?\.?(?P<field>.*)")

Spec = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Difference:
    """One leaf that differs; `plain` is its path below spec, with dots, without quotes and brackets."""

    path: FieldPath
    plain: str
    before: Any
    after: Any

    def shown(self) -> FieldChange:
        before, after = (_shown(value, self.path) for value in (self.before, self.after))
        return FieldChange(text(("spec", *self.path)), before, after)


def with_changes(plan: Plan, before: Spec, live: Spec, after: Spec) -> Plan:
    """The plan with the changed fields behind its steps; its digest is the same.

    What steps follow has changed since it was carried out (`before`); the step that writes the ClusterConfiguration
    changes what the cluster has of it now (`live`).
    """
    found, groups = _by_host(_found(before, after)), _groups(before, after)

    def changes(step: Step) -> tuple[FieldChange, ...]:
        if step.kind is StepKind.SETTINGS:
            return tuple(one.shown() for one in _found(live, after))
        below = tuple(dict.fromkeys(_fields_of(step, groups))) if found else ()
        mine = [*found.get("", ()), *found.get(step.target, ())]
        return tuple(one.shown() for one in mine if any(_related(one.plain, field) for field in below))

    return replace(plan, steps=tuple(replace(step, changes=changes(step)) for step in plan.steps))


def _by_host(found: Iterable[_Difference]) -> dict[str, list[_Difference]]:
    """Those of one host's item by its name, all others under no name: a host follows no other's."""
    sorted_out: dict[str, list[_Difference]] = {}
    for one in found:
        first, second, entry = (*one.path, None, None, None)[:3]
        items = (first, second) == ("hosts", "items")
        host = str(entry.keys[0][1]) if items and isinstance(entry, Entry) else ""
        sorted_out.setdefault(host, []).append(one)
    return sorted_out


def _found(before: Spec, after: Spec) -> list[_Difference]:
    leaves = _differences(before, after, known_schema(), ())
    return [_Difference(path, _plain(path), *values) for path, values in leaves]


def carried_after(
    before: Spec | None, wanted: Spec, plan: Plan, results: Iterable[StepResult]
) -> Spec | None:
    """The spec that has been carried out once a plan was: of what did not succeed, that of before.

    None: nothing is known of what was before, and not all of it succeeded. A plan of nothing but a push says nothing.
    """
    if all(step.kind is StepKind.MIRROR or step.action == "registry" for step in plan.steps):
        return before
    done = {result.step for result in results if result.outcome is Outcome.SUCCEEDED}
    left = [step for step in plan.steps if step.id not in done]
    if not left:
        return wanted
    if before is None:
        return None
    base = before if any(step.kind is not StepKind.MODULE for step in left) else wanted
    undone = {step.target for step in left if step.kind is StepKind.MODULE}
    old, new = before.get("modules") or {}, wanted.get("modules") or {}
    modules = {
        name: (old if name in undone else new)[name]
        for name in {**old, **new}
        if name in (old if name in undone else new)
    }
    return {**base, "modules": modules}


def _fields_of(step: Step, groups: Mapping[str, set[str]]) -> Iterator[str]:
    """What a step may follow, as plain paths: of a module all that is said of it, else what its reasons name."""
    if step.kind is StepKind.MODULE:
        yield f"modules.{step.target}"
        return
    for reason in step.reasons:
        for path in _PATH.findall(reason.path):
            of_host = _OF_HOST.fullmatch(path)
            if of_host is None:
                yield path.removeprefix("spec.")
                continue
            host, field = of_host["host"], of_host["field"]
            yield f"hosts.items.{host}.{field}".rstrip(".")
            yield f"hosts.items.{host}.settings.{field}".rstrip(".")
            if ".settings" in path and field:
                yield f"hosts.defaults.{field}"
                yield from (f"hosts.groups.{group}.{field}" for group in sorted(groups.get(host, ())))


def _related(one: str, other: str) -> bool:
    """Whether one is the other, or below it, or above it."""
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def _groups(*specs: Spec) -> dict[str, set[str]]:
    """Host -> its groups, those that it had included."""
    found: dict[str, set[str]] = {}
    for spec in specs:
        for item in (spec.get("hosts") or {}).get("items") or ():
            found.setdefault(str(item.get("name")), set()).update(item.get("groups") or ())
    return found


def _differences(
    before: Any, after: Any, schema: Schema, path: FieldPath
) -> Iterator[tuple[FieldPath, tuple[Any, Any]]]:
    """Leaves that are not alike, of what is on one side alone all of them; a field that has a default is never absent.

    Nothing at all, and a map or a list with nothing in it, are alike.
    """
    sides = [side for side in (before, after) if side is not ABSENT]
    if sides and all(isinstance(side, Mapping) for side in sides):
        for key in dict.fromkeys(key for side in sides for key in side):
            below = schema_below(schema, key)
            old, new = (_field(side, key, below) for side in (before, after))
            yield from _differences(old, new, below, (*path, key))
    elif schema.get("x-kubernetes-list-type") == "map" and all(isinstance(side, list) for side in sides):
        olds, news = (_entries(side, schema) for side in (before, after))
        for entry in {**olds, **news}:
            pair = olds.get(entry, ABSENT), news.get(entry, ABSENT)
            yield from _differences(*pair, schema_below(schema, 0), (*path, entry))
    elif not (len(sides) == 1 and sides[0] == []) and not _alike(before, after):
        yield path, (before, after)


def _field(tree: Any, key: str, schema: Schema) -> Any:
    value = child(tree, key)
    return schema.get("default", ABSENT) if value is ABSENT and tree is not ABSENT else value


def _alike(one: Any, other: Any) -> bool:
    if one is ABSENT or other is ABSENT:
        return one is other
    if isinstance(one, str):
        return bool(one == other)
    return alike(one, other)


def _entries(items: Any, schema: Schema) -> dict[Entry, Any]:
    if items is ABSENT:
        return {}
    named = ((element_at(place, item, schema), item) for place, item in enumerate(items))
    return {element: item for element, item in named if isinstance(element, Entry)}


def _plain(path: FieldPath) -> str:
    words = (
        ".".join(str(value) for _, value in element.keys) if isinstance(element, Entry) else str(element)
        for element in path
    )
    return ".".join(words)


def _may_be_secret(path: FieldPath) -> bool:
    """By its name; a reference to a secret, where the ClusterConfiguration has a field for it, is none."""
    names = [element for element in path if isinstance(element, str)]
    if names[:1] == ["modules"]:
        return names[2:3] != ["secrets"] and named_secret(names[3:])
    return named_secret(name for name in names if not name.endswith("Ref"))


def _shown(value: Any, path: FieldPath) -> object:
    if value is ABSENT or value is None:
        return None
    if isinstance(value, bool) or (isinstance(value, int | float) and path[:1] != ("modules",)):
        return value
    written = value if isinstance(value, str) else canonical_json(value)
    if _may_be_secret(path) or looks_secret(written, of_several=not isinstance(value, str)):
        return HIDDEN
    if isinstance(value, str) or len(written) > VALUE_LIMIT:
        return shortened(written, VALUE_LIMIT)
    return value

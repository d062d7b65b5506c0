"""What an apply would change of the definitions that are there, told before somebody agrees."""

from collections.abc import Iterable, Iterator
from typing import Any

from slipway.cluster.lifecycle.attempts import DEFINITION
from slipway.cluster.lifecycle.definitions.carried import Carried
from slipway.cluster.rest.client import Client, Object
from slipway.model.observed import DefinitionChange


def changed_definitions(client: Client, carried: Iterable[Carried]) -> dict[str, DefinitionChange]:
    """Definition -> what becomes another one of it; those that are new or stay as they are have no entry."""
    found = {}
    for one in carried:
        live = client.get(*DEFINITION, one.name)
        if live and (parts := tuple(changed_parts(live["spec"], one.content["spec"]))):
            stored = [_stored(spec) for spec in (live["spec"], one.content["spec"])]
            found[one.name] = DefinitionChange(parts, "" if stored[0] == stored[1] else stored[1])
    return found


def _stored(spec: Object) -> str:
    return next((one["name"] for one in spec["versions"] if one.get("storage")), "")


def changed_parts(live: Object, wanted: Object) -> Iterator[str]:
    """In words, what differs between the spec that is there and the one that is wanted."""
    there, then = ({one["name"]: one for one in spec["versions"]} for spec in (live, wanted))
    yield from (f"{name} is new" for name in sorted(then.keys() - there.keys()))
    yield from (f"{name} goes" for name in sorted(there.keys() - then.keys()))
    for name in sorted(there.keys() & then.keys()):
        before, after = there[name], then[name]
        if _said(before.get("schema")) != _said(after.get("schema")):
            yield f"the schema of {name}"
        if bool(before.get("served")) != bool(after.get("served")):
            yield f"{name} is {'served' if after.get('served') else 'served no more'}"
        if after.get("storage") and not before.get("storage"):
            yield f"{name} is stored"
    strategies = [(spec.get("conversion") or {}).get("strategy", "None") for spec in (live, wanted)]
    if strategies[0] != strategies[1]:
        yield f"its conversion is {strategies[1]}"


def _said(value: Any) -> Any:
    """A schema without what says nothing: the API server drops empty texts and the like."""
    if isinstance(value, dict):
        return {key: found for key, item in value.items() if (found := _said(item)) or item == {}}
    return [_said(item) for item in value] if isinstance(value, list) else value

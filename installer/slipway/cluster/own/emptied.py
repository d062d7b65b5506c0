"""Maps and lists that a ClusterConfiguration says are empty, and that still have something in the cluster.

Server-side apply takes away what its manager names no more, and leaves null where nothing is left of a map or a
keyed list, also where `{}` was applied. Null is refused, or means something else (Helm takes a default away). So the
content is removed beforehand, each thing by a JSON patch operation of its own: those give no ownership. Nobody ever
owns an empty keyed list; one that the ClusterConfiguration does not have goes in the same way.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from slipway.api.paths import ABSENT, Schema, child, element_at, schema_below
from slipway.cluster.rest.client import Object
from slipway.model.paths import FieldPath
from slipway.settings import FIELD_MANAGER


def removals(
    wanted: Any, live: Any, schema: Schema, owned: Mapping[str, Iterable[FieldPath]]
) -> list[Object]:
    """The operations, below /spec, in an order in which no index changes before it is used.

    `owned` is what each manager owns: what somebody else has a part in stays, and does not become null; what nobody
    owns is a default.
    """
    ours = _with_all_around(owned.get(FIELD_MANAGER, ()))
    theirs = _with_all_around(
        path for manager, paths in owned.items() for path in paths if manager != FIELD_MANAGER
    )
    found = [
        place
        for place, path, emptied in _emptied(wanted, live, schema, "/spec", ())
        if emptied not in theirs and (path in ours) is (path != emptied)
    ]
    return [{"op": "remove", "path": place} for place in reversed(found)]


def _with_all_around(paths: Iterable[FieldPath]) -> set[FieldPath]:
    return {path[:depth] for path in paths for depth in range(len(path) + 1)}


def _emptied(
    wanted: Any, live: Any, schema: Schema, pointer: str, path: FieldPath
) -> Iterator[tuple[str, FieldPath, FieldPath]]:
    """Each thing to remove: its JSON pointer, its path, and that of the map or list that is to be empty, or to go."""
    if not _granular(live, schema) or not (wanted is ABSENT or isinstance(wanted, type(live))):
        return
    if wanted is ABSENT and live == []:
        yield pointer, path, path
        return
    for place, item in _places(live).items():
        element = element_at(place, item, schema)
        here = f"{pointer}/{_escaped(place)}"
        below, its = child(wanted, element), schema_below(schema, place)
        if wanted is not ABSENT and not wanted:
            # A default would come back at once, and as ours by that patch.
            yield from [] if "default" in its else [(here, (*path, element), path)]
        elif below is not ABSENT or isinstance(place, str):
            yield from _emptied(below, item, its, here, (*path, element))


def _granular(live: Any, schema: Schema) -> bool:
    """Whether it is a map, or a list whose entries are owned one by one."""
    if isinstance(live, dict):
        return True
    return isinstance(live, list) and schema.get("x-kubernetes-list-type") == "map"


def _places(value: Any) -> dict[str | int, Any]:
    return dict(value) if isinstance(value, Mapping) else dict(enumerate(value))


def _escaped(place: str | int) -> str:
    return str(place).replace("~", "~0").replace("/", "~1")

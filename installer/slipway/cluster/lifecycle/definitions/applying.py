"""Definitions brought to what a release carries, before it: by server-side apply, as field manager `slipway`."""

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import Any, Final

from slipway.cluster.lifecycle.attempts import DEFINITION, KEEP, RELEASE, RELEASE_NAMESPACE
from slipway.cluster.lifecycle.definitions.carried import Carried
from slipway.cluster.lifecycle.work import Work
from slipway.cluster.own.records import MODULE_LABEL
from slipway.cluster.rest.client import Client, Object, Objects
from slipway.errors import Interrupted, StepError
from slipway.model.record import ModuleRecord, ObjectRef
from slipway.planning.requests.request import ReleaseRequest

#: By Helm on what is its own, without which it refuses to take an object over.
_MANAGED: Final = {"app.kubernetes.io/managed-by": "Helm"}
#: Definitions applied at once. A large one costs an API server half a second, most of it on one core.
_PARALLEL: Final = 4
#: Seconds between two looks.
_POLL: Final = 0.1


def apply_definitions(
    work: Work, record: ModuleRecord, item: ReleaseRequest, carried: Sequence[Carried], seconds: float
) -> tuple[ObjectRef, ...]:
    """All of them as they are wanted, and served by the API; what a record has of them.

    Raises:
        StepError: one belongs to somebody else; the API refuses one, as where a version is still stored that the
            new one has no more; one is not served within these seconds, of which a large one with many rules
            takes an API server that has much to do more than half a minute.
    """
    if not carried:
        return ()
    work.progress(f"{len(carried)} definitions of {item.name}")

    def apply(one: Carried) -> None:
        # What upstream writes may have fields that this Kubernetes does not know: they are dropped, as kubectl does.
        work.client.apply(wanted_definition(record.name, item, one), force=True, strict=False)

    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="definitions") as pool:
        list(pool.map(apply, carried))
    _await_served(work, record.name, [one.content for one in carried], seconds)
    return tuple(ObjectRef(*DEFINITION, one.name) for one in carried)


def present_definitions(client: Client, carried: Iterable[Carried]) -> dict[str, Object]:
    """Metadata of those that are there already, by name."""
    found = client.list(*DEFINITION, metadata_only=True)
    names = {one.name for one in carried}
    return {meta["name"]: meta for meta in (item["metadata"] for item in found) if meta["name"] in names}


def wanted_definition(module: str, item: ReleaseRequest, carried: Carried) -> Object:
    """A definition as it is applied: marked as the module's, and so that no upgrade of a release takes it away."""
    wanted = deepcopy(carried.content)
    meta = wanted["metadata"]
    meta.pop("creationTimestamp", None)
    labels, notes = {MODULE_LABEL: module}, {KEEP: "keep"}
    if carried.templated:  # else Helm would refuse to have it among its own
        labels |= _MANAGED
        notes |= {RELEASE: item.name, RELEASE_NAMESPACE: item.namespace}
    meta["labels"] = {**(meta.get("labels") or {}), **labels}
    meta["annotations"] = {**(meta.get("annotations") or {}), **notes}
    return wanted


def _await_served(work: Work, module: str, wanted: Sequence[Object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while lacking := _not_yet_served(work.client, wanted):
        if work.cancelled():
            raise Interrupted("stopped while definitions came to be", where=f"module/{module}/apply")
        if time.monotonic() > deadline:
            raise _not_served(work.client, module, lacking[0], seconds)
        time.sleep(_POLL)


def _not_yet_served(client: Client, wanted: Iterable[Object]) -> list[Object]:
    """Those that the API does not say that it has, which it says of what is established.

    Asked for are the lists of kinds, of which several definitions share one. Objects are not: their conversion may
    be away.
    """
    listed: dict[str, set[str]] = {}

    def is_listed(definition: Object) -> bool:
        spec = definition["spec"]
        served = next((one["name"] for one in spec["versions"] if one.get("served")), "")
        if not served:
            return _is_established(client, definition["metadata"]["name"])
        path = f"/apis/{spec['group']}/{served}"
        if path not in listed:
            found: Mapping[str, Any] = client.call("GET", path, missing={})
            listed[path] = {one["name"] for one in found.get("resources") or ()}
        return spec["names"]["plural"] in listed[path]

    return [one for one in wanted if not is_listed(one)]


def _is_established(client: Client, name: str) -> bool:
    return any(one["type"] == "Established" and one["status"] == "True" for one in _conditions(client, name))


def _conditions(client: Client, name: str) -> Objects:
    found = client.get(*DEFINITION, name) or {}
    return (found.get("status") or {}).get("conditions") or []


def _not_served(client: Client, module: str, wanted: Object, seconds: float) -> StepError:
    """In its own words: as that its names are those of another definition."""
    name = wanted["metadata"]["name"]
    said = [
        f"{one['type']} is {one['status']}: {one.get('message', '')}" for one in _conditions(client, name)
    ]
    return StepError(
        f"CustomResourceDefinition {name} is not served after {seconds:.0f} s",
        where=f"module/{module}/apply",
        why="; ".join(said) or "it has no conditions",
        hint="a definition whose names another one has, or whose conversion webhook is away, is not served",
    )

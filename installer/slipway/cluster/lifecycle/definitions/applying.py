"""Definitions brought to what a release carries, before it: by server-side apply, as field manager `slipway`."""

import time
from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import Final

from slipway.cluster.lifecycle.attempts import DEFINITION, KEEP, RELEASE, RELEASE_NAMESPACE
from slipway.cluster.lifecycle.definitions.carried import Carried
from slipway.cluster.lifecycle.work import Work
from slipway.cluster.own.records import MODULE_LABEL
from slipway.cluster.rest.client import Client, Object
from slipway.errors import Interrupted, StepError
from slipway.model.record import ModuleRecord, ObjectRef
from slipway.planning.requests.request import ReleaseRequest

#: By Helm on what is its own, without which it refuses to take an object over.
_MANAGED: Final = {"app.kubernetes.io/managed-by": "Helm"}
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
    for one in carried:
        # What upstream writes may have fields that this Kubernetes does not know: they are dropped, as kubectl does.
        work.client.apply(wanted_definition(record.name, item, one), force=True, strict=False)
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


def _await_served(work: Work, module: str, wanted: list[Object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    for one in wanted:
        while not _is_served(work.client, one):
            if work.cancelled():
                raise Interrupted("stopped while definitions came to be", where=f"module/{module}/apply")
            if time.monotonic() > deadline:
                raise _not_served(work.client, module, one, seconds)
            time.sleep(_POLL)


def _is_served(client: Client, wanted: Object) -> bool:
    """Established, and in what the API says that it has. Objects are not asked for: their conversion may be away."""
    found = client.get(*DEFINITION, wanted["metadata"]["name"]) or {}
    conditions = (found.get("status") or {}).get("conditions") or ()
    if not any(one["type"] == "Established" and one["status"] == "True" for one in conditions):
        return False
    spec = wanted["spec"]
    served = next((one["name"] for one in spec["versions"] if one.get("served")), "")
    listed = client.call("GET", f"/apis/{spec['group']}/{served}", missing={}).get("resources") or ()
    return not served or spec["names"]["plural"] in {one["name"] for one in listed}


def _not_served(client: Client, module: str, wanted: Object, seconds: float) -> StepError:
    """In its own words: as that its names are those of another definition."""
    name = wanted["metadata"]["name"]
    found = client.get(*DEFINITION, name) or {}
    conditions = (found.get("status") or {}).get("conditions") or ()
    said = [f"{one['type']} is {one['status']}: {one.get('message', '')}" for one in conditions]
    return StepError(
        f"CustomResourceDefinition {name} is not served after {seconds:.0f} s",
        where=f"module/{module}/apply",
        why="; ".join(said) or "it has no conditions",
        hint="a definition whose names another one has, or whose conversion webhook is away, is not served",
    )

"""What became of the objects that modules made: gone, made anew, or edited by somebody.

One list of metadata per kind and namespace. Edits are seen by the generation of workloads, which only a change
of their spec raises; Helm's next upgrade puts them right.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor

from slipway.cluster.rest.client import Client, Object
from slipway.cluster.rest.managers import owned_keys
from slipway.model.observed import Drift
from slipway.model.record import ModulePhase, ModuleRecord, ObjectRef

#: Kinds whose generation nobody but a person or Helm raises. (Not those that controllers write, as webhooks.)
WATCHED = frozenset({"Deployment", "DaemonSet", "StatefulSet"})

#: apiVersion, kind and namespace: what one list reads.
ObjectsPlace = tuple[str, str, str]


def drift_of_modules(
    client: Client, modules: Iterable[ModuleRecord], pool: Executor
) -> dict[str, tuple[Drift, ...]]:
    """Drift of each healthy module that has some. Others are worked on anyway."""
    records = settled_modules(modules)
    found = metadata_by_key(client, [ref for record in records for ref in record.objects], pool)
    compared = {record.name: tuple(differences(record, found)) for record in records}
    return {name: drift for name, drift in compared.items() if drift}


def settled_modules(modules: Iterable[ModuleRecord]) -> list[ModuleRecord]:
    """Modules that nobody works on, and whose last work ended well."""
    return [record for record in modules if record.phase is ModulePhase.HEALTHY and not record.intent]


def metadata_by_key(
    client: Client, refs: Iterable[ObjectRef], pool: Executor | None = None
) -> dict[str, Object]:
    """Metadata of the objects that exist, by `key`. One list per kind and namespace."""
    places: dict[ObjectsPlace, list[ObjectRef]] = defaultdict(list)
    for ref in refs:
        places[ref.api_version, ref.kind, ref.namespace].append(ref)

    def read(place: ObjectsPlace) -> list[Object]:
        return client.list(*place, metadata_only=True)

    lists = pool.map(read, places) if pool else map(read, places)
    found: dict[str, Object] = {}
    for place, items in zip(places, lists, strict=True):
        for item in items:
            meta = item["metadata"]
            found[object_key(place[0], place[1], meta.get("namespace", ""), meta["name"])] = meta
    return found


def object_key(api_version: str, kind: str, namespace: str, name: str) -> str:
    """An object's name in messages and in `generations`: the version of its API left out."""
    group = api_version.partition("/")[0] if "/" in api_version else ""
    return "/".join(part for part in (f"{kind}.{group}" if group else kind, namespace, name) if part)


def ref_key(ref: ObjectRef) -> str:
    """The same for a recorded object."""
    return object_key(ref.api_version, ref.kind, ref.namespace, ref.name)


def generations(refs: Iterable[ObjectRef], found: dict[str, Object]) -> dict[str, int]:
    """What a record keeps to notice edits."""
    keys = [ref_key(ref) for ref in refs if ref.kind in WATCHED]
    return {name: found[name].get("generation", 0) for name in keys if name in found}


def differences(record: ModuleRecord, found: dict[str, Object]) -> Iterator[Drift]:
    """What differs from one module's record."""
    step = f"module/{record.name}/apply"
    known = record.extra.generations
    for one in record.secrets:
        name = object_key("v1", "Secret", one.namespace, one.name)
        if name in found and not owned_keys(found[name].get("managedFields") or ()) >= {*one.keys}:
            yield Drift(step, name, "was edited")
    for ref in record.objects:
        name = ref_key(ref)
        meta = found.get(name)
        if meta is None:
            if not ref.passing:
                yield Drift(step, name, "is gone")
        elif ref.uid and meta["uid"] != ref.uid:
            yield Drift(step, name, "was made anew by somebody")
        elif name in known and meta.get("generation", 0) != known[name]:
            yield Drift(step, name, "was edited")

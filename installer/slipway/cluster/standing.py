"""What of the cluster is sick now: Nodes by what their kubelets say, modules by the objects that they made.

The only reader of both. One list per kind and namespace; only what is sick is asked for its own words.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor
from typing import Any, Final

from slipway.cluster.condition import health
from slipway.cluster.lifecycle import waiting
from slipway.cluster.lifecycle.drift import ObjectsPlace, ref_key, settled_modules
from slipway.cluster.rest.client import Client, Object
from slipway.errors import SlipwayError
from slipway.model.record import ModuleRecord, ObjectRef
from slipway.model.standing import Ailment, Cause, Part

#: Sick objects that are asked for their pods' words, each with about four requests: of a lost cluster the first few say
#: what all would say.
ASKED: Final = 10

#: A Node's conditions that are well when False.
PRESSURES: Final = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")

FoundObjects = dict[str, Object | SlipwayError]


def ready_of(node: Object) -> Object:
    """What a Node says of itself: its condition Ready, or an empty one."""
    return next((c for c in _conditions(node) if c["type"] == "Ready"), {})


def pressures_of(node: Object) -> tuple[str, ...]:
    """What a Node has too little of, in its kubelet's words."""
    return tuple(
        f"{found['type']}: {found.get('message', '')}"
        for found in _conditions(node)
        if found["type"] in PRESSURES and found["status"] == "True"
    )


def _conditions(node: Object) -> Iterable[Object]:
    return (node.get("status") or {}).get("conditions") or ()


#: Module -> the rules of its module.yaml, beyond the objects that it made.
Rules = Mapping[str, Iterable[Mapping[str, Any]]]
NO_RULES: Final[Rules] = {}


def sick_modules(
    client: Client, modules: Iterable[ModuleRecord], rules: Rules, pool: Executor
) -> dict[str, tuple[Ailment, ...]]:
    """What is sick of each module that was healthy when it was recorded. Others are worked on, or failed anyway."""
    records = settled_modules(modules)
    broken = pool.map(lambda record: _broken_rules(client, record, rules), records)
    found = _objects(client, [ref for record in records for ref in objects_that_can_be_sick(record)], pool)
    suspects = [
        (record, ref)
        for record in records
        for ref in objects_that_can_be_sick(record)
        if _suspect(ref, found)
    ]
    ailing: dict[str, list[Ailment]] = defaultdict(list)
    for number, (record, ref) in enumerate(suspects):
        ailment = _ailment(client, record.name, ref, found.get(ref_key(ref)), ask=number < ASKED)
        if ailment:
            ailing[record.name].append(ailment)
    for record, ailments in zip(records, broken, strict=True):
        ailing[record.name] += ailments
    return {name: tuple(ailments) for name, ailments in ailing.items() if ailments}


def _broken_rules(client: Client, record: ModuleRecord, rules: Rules) -> list[Ailment]:
    """Rules that do not hold, each a request; those of an object that the module made are looked at anyway."""
    ailments, module = [], record.name
    own = {(ref.api_version, ref.kind, ref.name, ref.namespace) for ref in objects_that_can_be_sick(record)}
    for rule in rules.get(module, ()):
        if (rule["apiVersion"], rule["kind"], rule.get("name"), rule.get("namespace", "")) in own:
            continue
        what = waiting.rule_name(rule)
        try:
            status = waiting.rule_status(client, rule)
        except SlipwayError as error:
            message = f"{what} cannot be read: {error.what}; {error.why}"
            ailments.append(Ailment(Part.MODULE, module, Cause.UNREADABLE, message))
            continue
        if not status.current:
            cause = Cause.FAILED if status.state is health.KStatus.FAILED else Cause.NOT_CURRENT
            ailments.append(Ailment(Part.MODULE, module, cause, f"{what}: {status.message}"))
    return ailments


def objects_that_can_be_sick(record: ModuleRecord) -> Iterator[ObjectRef]:
    """Of what a module made, the objects that can be sick."""
    return (ref for ref in record.objects if health.can_be_unready(ref.api_version, ref.kind))


def _objects(client: Client, refs: Iterable[ObjectRef], pool: Executor) -> FoundObjects:
    """Those that exist, by `ref_key`; in place of those that cannot be read, why."""
    places: dict[ObjectsPlace, dict[str, ObjectRef]] = defaultdict(dict)
    for ref in refs:
        places[ref.api_version, ref.kind, ref.namespace][ref.name] = ref

    def read(place: ObjectsPlace) -> FoundObjects:
        wanted = places[place]
        try:
            items = client.list(*place, kept=lambda obj: obj if obj["metadata"]["name"] in wanted else None)
        except SlipwayError as error:
            return {ref_key(ref): error for ref in wanted.values()}
        return {ref_key(wanted[item["metadata"]["name"]]): item for item in items}

    return {key: item for part in pool.map(read, places) for key, item in part.items()}


def _suspect(ref: ObjectRef, found: Mapping[str, Object | SlipwayError]) -> bool:
    obj = found.get(ref_key(ref))
    if obj is None:
        return not ref.passing
    return isinstance(obj, SlipwayError) or not health.status(obj).current


def _ailment(
    client: Client, module: str, ref: ObjectRef, obj: Object | SlipwayError | None, *, ask: bool
) -> Ailment | None:
    """What is wrong with one object; None where it is nothing but that a node is lost, which is told by itself."""
    key = ref_key(ref)
    if obj is None:
        return Ailment(Part.MODULE, module, Cause.ABSENT, f"{key} is gone")
    if isinstance(obj, SlipwayError):
        message = f"{key} cannot be read: {obj.what}; {obj.why}"
        return Ailment(Part.MODULE, module, Cause.UNREADABLE, message)
    try:
        status = waiting.object_status(client, obj)
        if status.current:
            return None
        since = health.unready_since(obj)
        message = f"{key}: {status.message}"
        if ask:
            message = waiting.diagnose(client, [ref], {key: status})
            since = since or min(
                filter(None, map(health.unready_since, waiting.unready_pods(client, obj))), default=""
            )
    except SlipwayError as error:
        return Ailment(Part.MODULE, module, Cause.UNREADABLE, f"{key}: {error.what}; {error.why}")
    cause = Cause.FAILED if status.state is health.KStatus.FAILED else Cause.NOT_CURRENT
    return Ailment(Part.MODULE, module, cause, message, since)

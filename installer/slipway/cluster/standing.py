"""What of the cluster is sick now: Nodes by what their kubelets say, modules by the objects that they made.

The only reader of both. One list per kind and namespace; only what is sick is asked for its own words.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Final

from slipway.cluster.condition import health
from slipway.cluster.condition.judging import Judge
from slipway.cluster.lifecycle.diagnosis import diagnose, unready_pods
from slipway.cluster.lifecycle.drift import ref_key, settled_modules
from slipway.cluster.lifecycle.ruled import rule_refs, unmet
from slipway.cluster.lifecycle.waiting import FoundObjects, object_status, objects_of, readable
from slipway.cluster.rest.client import Client, Object
from slipway.errors import SlipwayError
from slipway.model.modulehealth import Expectations, HealthRule
from slipway.model.record import ModuleRecord, ObjectRef
from slipway.model.standing import Ailment, Cause, Part

#: Sick objects that are asked for their pods' words, each with about four requests: of a lost cluster the first few say
#: what all would say.
ASKED: Final = 10

#: A Node's conditions that are well when False.
PRESSURES: Final = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")


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


def sick_modules(
    client: Client, modules: Iterable[ModuleRecord], expectations: Expectations, pool: Executor
) -> dict[str, tuple[Ailment, ...]]:
    """What is sick of each module that was healthy when it was recorded. Others are worked on, or failed anyway."""
    judge = Judge(client, expectations.kinds)
    looks = [_Look(record, expectations.rules.get(record.name, ())) for record in settled_modules(modules)]
    found = objects_of(client, [ref for look in looks for ref in look.refs], pool)
    suspects = [(look, ref) for look in looks for ref in look.own if _suspect(judge, ref, found)]
    ailing: dict[str, dict[str, Ailment]] = defaultdict(dict)
    for number, (look, ref) in enumerate(suspects):
        ailment = _ailment(judge, look.record.name, ref, found.get(ref_key(ref)), ask=number < ASKED)
        if ailment:
            ailing[look.record.name][ref_key(ref)] = ailment
    broken = pool.map(lambda look: list(_broken_rules(judge, look, found)), looks)
    for look, ailments in zip(looks, broken, strict=True):
        for key, ailment in ailments:
            ailing[look.record.name].setdefault(key, ailment)
    return {name: tuple(ailments.values()) for name, ailments in ailing.items() if ailments}


@dataclass(frozen=True, slots=True)
class _Look:
    """A module that is looked at."""

    record: ModuleRecord
    rules: tuple[HealthRule, ...]

    @property
    def own(self) -> tuple[ObjectRef, ...]:
        """Of what it made, the objects that can be sick."""
        return tuple(objects_that_can_be_sick(self.record))

    @property
    def refs(self) -> Iterator[ObjectRef]:
        """These, and whatever its rules name."""
        yield from self.own
        for rule in self.rules:
            yield from rule_refs(rule, self.record.objects)


def _broken_rules(judge: Judge, look: _Look, found: FoundObjects) -> Iterator[tuple[str, Ailment]]:
    """Rules that do not hold, by the object or kind that each is about; objects have been read."""
    name = look.record.name
    for rule in look.rules:
        try:
            lacking = unmet(judge, rule, look.record.objects, partial(readable, found))
        except SlipwayError as error:
            message = f"{rule.kind} {rule.name} cannot be read: {error.what}; {error.why}"
            yield f"{rule.kind}/{rule.name}", Ailment(Part.MODULE, name, Cause.UNREADABLE, message)
            continue
        for key, status in lacking.items():
            cause = Cause.FAILED if status.state is health.KStatus.FAILED else Cause.NOT_CURRENT
            obj = found.get(key)
            since = health.unready_since(obj, rule.conditions) if isinstance(obj, dict) else ""
            yield key, Ailment(Part.MODULE, name, cause, f"{key}: {status.message}", since)


def objects_that_can_be_sick(record: ModuleRecord) -> Iterator[ObjectRef]:
    """Of what a module made, the objects that can be sick."""
    return (ref for ref in record.objects if health.can_be_unready(ref.api_version, ref.kind))


def _suspect(judge: Judge, ref: ObjectRef, found: FoundObjects) -> bool:
    obj = found.get(ref_key(ref))
    if obj is None:
        return not ref.passing
    return isinstance(obj, SlipwayError) or not judge.status(obj).current


def _ailment(
    judge: Judge, module: str, ref: ObjectRef, obj: Object | SlipwayError | None, *, ask: bool
) -> Ailment | None:
    """What is wrong with one object; None where it is nothing but that a node is lost, which is told by itself."""
    key = ref_key(ref)
    if obj is None:
        return Ailment(Part.MODULE, module, Cause.ABSENT, f"{key} is gone{_without_kind(judge, ref)}")
    if isinstance(obj, SlipwayError):
        message = f"{key} cannot be read: {obj.what}; {obj.why}"
        return Ailment(Part.MODULE, module, Cause.UNREADABLE, message)
    try:
        status = object_status(judge, obj)
        if status.current:
            return None
        since = health.unready_since(obj, judge.conditions(obj))
        message = f"{key}: {status.message}"
        if ask:
            message = diagnose(judge.client, [ref], {key: status})
            since = since or min(
                filter(None, map(health.unready_since, unready_pods(judge.client, obj))), default=""
            )
    except SlipwayError as error:
        return Ailment(Part.MODULE, module, Cause.UNREADABLE, f"{key}: {error.what}; {error.why}")
    cause = Cause.FAILED if status.state is health.KStatus.FAILED else Cause.NOT_CURRENT
    return Ailment(Part.MODULE, module, cause, message, since)


def _without_kind(judge: Judge, ref: ObjectRef) -> str:
    """Why nobody could make it again: with its definition, all objects of a kind go."""
    absent = judge.absent(ref.api_version, ref.kind)
    return "" if absent == health.status(None) else f": {absent.message}"

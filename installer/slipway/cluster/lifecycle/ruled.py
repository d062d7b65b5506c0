"""The rules of a module's health: which objects one speaks of, and what of them does not hold."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from slipway.cluster.condition.declared import demand_status
from slipway.cluster.condition.health import KStatus, Status
from slipway.cluster.condition.judging import Judge
from slipway.cluster.lifecycle.drift import ref_key
from slipway.cluster.rest.client import Client, Object
from slipway.model.apigroups import api_group
from slipway.model.modulehealth import HealthRule
from slipway.model.record import ObjectRef

_DEFAULT_CLASS: Final = "storageclass.kubernetes.io/is-default-class"

#: By the key of an object, or the name of a kind.
Pending = dict[str, Status]
#: An object as it was read; None: it is not there.
ObjectOf = Callable[[ObjectRef], Object | None]


def rule_refs(rule: HealthRule, refs: Iterable[ObjectRef]) -> tuple[ObjectRef, ...]:
    """The objects that a rule speaks of, where `refs` are what the module made; none: it speaks of a kind."""
    if rule.default_class:
        return ()
    if rule.name:
        return (ObjectRef(rule.api_version, rule.kind, rule.name, rule.namespace),)
    return tuple(
        ref
        for ref in refs
        if (api_group(ref.api_version), ref.kind) == (api_group(rule.api_version), rule.kind)
        and rule.namespace in {"", ref.namespace}
    )


def unmet(judge: Judge, rule: HealthRule, refs: Iterable[ObjectRef], object_of: ObjectOf) -> Pending:
    """What of a rule does not hold; empty: it holds."""
    if rule.default_class:
        return {} if _has_default(judge.client, rule) else {rule.kind: _waits("no class is the default")}
    found = rule_refs(rule, refs)
    return {**_too_few(rule, found), **dict(_unwell(judge, rule, found, object_of))}


def demands_on(ref: ObjectRef, rules: Iterable[HealthRule]) -> Iterator[HealthRule]:
    """Those of a module's rules that speak of one of its objects."""
    for rule in rules:
        named = ObjectRef(ref.api_version, ref.kind, ref.name, ref.namespace)
        if any(ref_key(one) == ref_key(named) for one in rule_refs(rule, (named,))):
            yield rule


def _too_few(rule: HealthRule, found: tuple[ObjectRef, ...]) -> Pending:
    if rule.name or len(found) >= rule.at_least:
        return {}
    text = f"{len(found)} of at least {rule.at_least} are part of the module"
    return {f"{rule.kind}.{api_group(rule.api_version)}".rstrip("."): _waits(text)}


def _unwell(
    judge: Judge, rule: HealthRule, found: Iterable[ObjectRef], object_of: ObjectOf
) -> Iterator[tuple[str, Status]]:
    for ref in found:
        place = judge.client.resource(ref.api_version, ref.kind)
        if place and place.namespaced and not ref.namespace:
            yield ref_key(ref), _waits("its rule has no namespace, in which it would be looked for")
            continue
        obj = object_of(ref)
        status = judge.status(obj) if obj else judge.absent(ref.api_version, ref.kind)
        if obj and status.current:
            status = demand_status(obj, rule)
        if not status.current:
            yield ref_key(ref), status


def _has_default(client: Client, rule: HealthRule) -> bool:
    return any(map(is_default_class, client.list(rule.api_version, rule.kind)))


def is_default_class(obj: Object) -> bool:
    """Whether a StorageClass says that it is the default."""
    notes: Mapping[str, str] = obj["metadata"].get("annotations") or {}
    return notes.get(_DEFAULT_CLASS) == "true"


def _waits(text: str) -> Status:
    return Status(KStatus.IN_PROGRESS, text)

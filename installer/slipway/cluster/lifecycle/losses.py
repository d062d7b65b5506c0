"""What goes with a module and cannot be made again: claims, made secrets, definitions, and all objects of these."""

import re
from collections.abc import Iterator
from typing import Final

from slipway.catalog import Fate, Removal
from slipway.cluster.lifecycle.attempts import CLAIM, DEFINITION, VOLUME
from slipway.cluster.own.madesecrets import secrets_of
from slipway.cluster.own.records import MODULE_LABEL
from slipway.cluster.rest.client import Client, Object
from slipway.model.record import ModuleRecord, ObjectRef
from slipway.settings import NAMESPACE

_STATEFUL: Final = ("apps/v1", "StatefulSet")


def losses_of(client: Client, record: ModuleRecord, policy: Removal) -> tuple[ObjectRef, ...]:
    """What a removal by this policy deletes now, in a fixed order."""
    found = {
        *_made(client, record, policy),
        *(of_claims(client, record) if policy.data is Fate.DELETE else ()),
        *(of_definitions(client, record) if policy.crds is Fate.DELETE else ()),
        *(secrets_of(client, record.name, [NAMESPACE]) if policy.data is Fate.DELETE else ()),
    }
    objects = [ref for one in found if one.kind == DEFINITION[1] for ref in behind(client, one)]
    return tuple(sorted({*found, *objects}, key=lambda ref: (ref.kind, ref.namespace, ref.name, ref.uid)))


def of_claims(client: Client, record: ModuleRecord) -> Iterator[ObjectRef]:
    """Claims that StatefulSets of a module made: no record names them, and they outlive their release."""
    for release in record.releases:
        namespace = record.extra.releases[release].namespace
        labels = f"app.kubernetes.io/instance={release}"
        for claim in client.list(*CLAIM, namespace, labels=labels, metadata_only=True):
            yield _ref(*CLAIM, claim)
    for ref in (ref for ref in record.objects if (ref.api_version, ref.kind) == _STATEFUL):
        yield from _of_templates(client, ref)


def _of_templates(client: Client, ref: ObjectRef) -> Iterator[ObjectRef]:
    """By their names, which its controller gives them, whatever labels the chart has."""
    found: Object = client.get(*_STATEFUL, ref.name, ref.namespace) or {}
    templates = (found.get("spec") or {}).get("volumeClaimTemplates") or ()
    names = "|".join(re.escape(f"{one['metadata']['name']}-{ref.name}") for one in templates)
    for claim in client.list(*CLAIM, ref.namespace, metadata_only=True) if names else ():
        if re.fullmatch(f"({names})-[0-9]+", claim["metadata"]["name"]):
            yield _ref(*CLAIM, claim)


def of_definitions(client: Client, record: ModuleRecord) -> Iterator[ObjectRef]:
    """Definitions that say they are the module's: those included that a run applied which was killed."""
    for found in client.list(*DEFINITION, labels=f"{MODULE_LABEL}={record.name}", metadata_only=True):
        yield _ref(*DEFINITION, found)


def _made(client: Client, record: ModuleRecord, policy: Removal) -> Iterator[ObjectRef]:
    """Claims, volumes and definitions of the charts themselves, as far as the policy gives them up."""
    for ref in record.objects:
        if fate_of(ref.api_version, ref.kind, policy) is Fate.DELETE:
            found = client.get(ref.api_version, ref.kind, ref.name, ref.namespace)
            if found:
                yield _ref(ref.api_version, ref.kind, found)


def fate_of(api_version: str, kind: str, policy: Removal) -> Fate | None:
    """What a policy says of a kind; None: nothing, it goes with its release."""
    return {CLAIM: policy.data, VOLUME: policy.data, DEFINITION: policy.crds}.get((api_version, kind))


def behind(client: Client, definition: ObjectRef) -> Iterator[ObjectRef]:
    """Everybody's objects of a kind that goes."""
    spec = (client.get(*DEFINITION, definition.name) or {}).get("spec") or {}
    served = next((one["name"] for one in spec.get("versions") or () if one.get("served")), "")
    if served:
        kind, api_version = spec["names"]["kind"], f"{spec['group']}/{served}"
        for item in client.list(api_version, kind, metadata_only=True):
            yield _ref(api_version, kind, item)


def _ref(api_version: str, kind: str, found: Object) -> ObjectRef:
    meta = found["metadata"]
    return ObjectRef(api_version, kind, meta["name"], meta.get("namespace", ""), meta["uid"])

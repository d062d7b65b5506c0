"""What goes with a module and cannot be made again: claims, made secrets, definitions, and all objects of these."""

from collections.abc import Iterator

from slipway.catalog import Fate, Removal
from slipway.cluster.lifecycle.attempts import KEEP, RELEASE
from slipway.cluster.own.madesecrets import secrets_of
from slipway.cluster.rest.client import Client, Object
from slipway.model.record import ModuleRecord, ObjectRef
from slipway.settings import NAMESPACE

CLAIM = ("v1", "PersistentVolumeClaim")
DEFINITION = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")


def losses_of(client: Client, record: ModuleRecord, policy: Removal) -> tuple[ObjectRef, ...]:
    """What a removal by this policy deletes now, in a fixed order."""
    found = {
        *_made(client, record, policy),
        *(of_claims(client, record) if policy.data is Fate.DELETE else ()),
        *(secrets_of(client, record.name, [NAMESPACE]) if policy.data is Fate.DELETE else ()),
    }
    behind = [ref for one in found if one.kind == DEFINITION[1] for ref in _behind(client, one)]
    return tuple(sorted({*found, *behind}, key=lambda ref: (ref.kind, ref.namespace, ref.name, ref.uid)))


def of_claims(client: Client, record: ModuleRecord) -> Iterator[ObjectRef]:
    """Claims that StatefulSets of a module made: no record names them, and they outlive their release."""
    for release in record.releases:
        namespace = record.extra.releases[release].namespace
        labels = f"app.kubernetes.io/instance={release}"
        for claim in client.list(*CLAIM, namespace, labels=labels, metadata_only=True):
            yield _ref(*CLAIM, claim)


def _made(client: Client, record: ModuleRecord, policy: Removal) -> Iterator[ObjectRef]:
    """Claims and definitions of the charts themselves. Helm deletes what it made, whatever our policy says."""
    for ref in record.objects:
        deletes = {CLAIM: policy.data, DEFINITION: policy.crds}.get((ref.api_version, ref.kind))
        found = deletes and client.get(ref.api_version, ref.kind, ref.name, ref.namespace)
        notes = (found["metadata"].get("annotations") or {}) if found else {}
        if found and notes.get(KEEP) != "keep" and (deletes is Fate.DELETE or RELEASE in notes):
            yield _ref(ref.api_version, ref.kind, found)


def _behind(client: Client, definition: ObjectRef) -> Iterator[ObjectRef]:
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

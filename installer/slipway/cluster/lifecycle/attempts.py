"""What attempts that were refused or cut off have left of a release: found in Helm's own history, and taken away.

Helm compares with the revision that was deployed last. What only an attempt after it made would stay for ever once
the edit is taken back; so whoever goes on from there asks first what it may have made, and afterwards what is surplus.
"""

import base64
import zlib
from collections.abc import Iterable
from dataclasses import replace

from slipway.cluster.lifecycle import drift
from slipway.cluster.lifecycle.rendered import objects
from slipway.cluster.rest.client import Client, Object
from slipway.errors import StepError
from slipway.model.record import ObjectRef
from slipway.smallfiles import LIMIT, json_in

#: States of revisions that never came to stand, or that nobody saw standing.
_BROKEN = "failed,pending-install,pending-upgrade,pending-rollback"

#: By Helm on every object: whose it is. Somebody else's of the same name is never touched.
RELEASE = "meta.helm.sh/release-name"
RELEASE_NAMESPACE = "meta.helm.sh/release-namespace"
CLAIM = ("v1", "PersistentVolumeClaim")
VOLUME = ("v1", "PersistentVolume")
DEFINITION = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
#: Kinds that hold what cannot be made again: no attempt, and no upgrade, is reason enough to delete one.
DATA = frozenset({CLAIM, VOLUME, DEFINITION})
#: By charts: an object that outlives its release.
KEEP = "helm.sh/resource-policy"


def object_refs(client: Client, manifest: Iterable[Object], namespace: str) -> tuple[ObjectRef, ...]:
    """The objects of a manifest; those without a namespace of their own are in the release's."""
    found = []
    for item in manifest:
        place = client.resource(item["apiVersion"], item["kind"])
        own = item["metadata"].get("namespace") or namespace
        inside = own if place is None or place.namespaced else ""
        passing = (item.get("spec") or {}).get("ttlSecondsAfterFinished") is not None
        name = item["metadata"]["name"]
        found.append(ObjectRef(item["apiVersion"], item["kind"], name, inside, passing=passing))
    return tuple(found)


def left_by_attempts(client: Client, release: str, namespace: str) -> tuple[ObjectRef, ...]:
    """Objects that are there and that an attempt wanted which failed or was cut off.

    Raises:
        StepError: Helm's history cannot be read.
    """
    labels = f"owner=helm,name={release},status in ({_BROKEN})"
    secrets = client.list("v1", "Secret", namespace, labels=labels)
    wanted = dict.fromkeys(ref for one in secrets for ref in object_refs(client, _manifest(one), namespace))
    found = drift.metadata_by_key(client, wanted)
    there = {ref: found.get(drift.ref_key(ref)) for ref in wanted}
    return tuple(replace(ref, uid=meta["uid"]) for ref, meta in there.items() if meta)


def delete_surplus(client: Client, release: str, namespace: str, surplus: Iterable[ObjectRef]) -> None:
    """Delete what is still there of `surplus`: the release's own objects, but for data and what the chart keeps."""
    for ref in (ref for ref in surplus if (ref.api_version, ref.kind) not in DATA):
        found = client.get(ref.api_version, ref.kind, ref.name, ref.namespace)
        meta = (found or {}).get("metadata") or {}
        notes = meta.get("annotations") or {}
        ours = (notes.get(RELEASE), notes.get(RELEASE_NAMESPACE)) == (release, namespace)
        if ours and notes.get(KEEP) != "keep" and not meta.get("deletionTimestamp"):
            client.delete(ref.api_version, ref.kind, ref.name, ref.namespace, uid=meta["uid"])


def _manifest(secret: Object) -> tuple[Object, ...]:
    """What a revision consists of."""
    release = release_in(secret)
    return tuple(objects(release.get("manifest") or "", where=f"release/{release.get('name', '')}"))


def release_in(secret: Object) -> Object:
    """A revision as Helm keeps it: as JSON, gzipped, in base64; the API adds a base64 of its own.

    Raises:
        StepError: it is none.
    """
    try:
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        return dict(json_in(_unpacked(packed)))
    except (KeyError, TypeError, ValueError, zlib.error) as exc:
        meta = secret["metadata"]
        raise StepError(
            f"Helm's history of {meta['labels']['name']} cannot be read",
            where=f"secret/{meta['namespace']}/{meta['name']}",
            why=str(exc),
            hint="remove this Secret: that revision never came to stand",
        ) from exc


def _unpacked(packed: bytes) -> bytes:
    """Whoever may write Secrets in that namespace can pack a thousand times what one holds."""
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    found = unpacking.decompress(packed, LIMIT)
    if not unpacking.eof:
        raise ValueError(f"it is cut off, or has more than {LIMIT >> 20} MiB")
    return found

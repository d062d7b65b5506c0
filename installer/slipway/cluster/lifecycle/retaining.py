"""What outlives a release whatever its chart does: definitions and claims that are retained.

An upgrade lets be what is annotated in the cluster; an uninstallation deletes what the revision's own text has, so that
is taken out of it first.
"""

import base64
import gzip
import json
import time
from collections.abc import Iterable, Iterator
from typing import Final

from slipway.cluster.lifecycle.attempts import CLAIM, DATA, KEEP, release_in
from slipway.cluster.lifecycle.rendered import objects, parted
from slipway.cluster.rest.client import Client, Object
from slipway.model.record import ModuleRecord, ObjectRef

_STATEFUL: Final = ("apps/v1", "StatefulSet")
#: Seconds that a controller gets to let go of claims; then they are taken from it.
LETS_GO: Final = 10.0
_POLL: Final = 0.2


def mark_kept(client: Client, refs: Iterable[ObjectRef]) -> None:
    """Have Helm let definitions and claims be that its next revision has no more: nobody agreed to lose them."""
    for ref in refs:
        if (ref.api_version, ref.kind) in DATA:
            found = client.get(ref.api_version, ref.kind, ref.name, ref.namespace)
            notes = ((found or {}).get("metadata") or {}).get("annotations") or {}
            if found and notes.get(KEEP) != "keep":
                patch = {"metadata": {"annotations": {KEEP: "keep"}}}
                client.merge(ref.api_version, ref.kind, ref.name, patch, ref.namespace)


def take_out(client: Client, release: str, namespace: str, kinds: frozenset[tuple[str, str]]) -> int:
    """Take objects of these kinds out of Helm's newest revision, which then lets them be. How many they were."""
    labels = f"owner=helm,name={release}"
    secrets = client.list("v1", "Secret", namespace, labels=labels)
    newest = max(secrets, key=lambda one: int(one["metadata"]["labels"].get("version", 0)), default=None)
    if newest is None:
        return 0
    content = release_in(newest)
    manifest, count = without(content.get("manifest") or "", kinds)
    if count:
        content["manifest"] = manifest
        packed = base64.b64encode(gzip.compress(json.dumps(content).encode(), mtime=0))
        patch = {"data": {"release": base64.b64encode(packed).decode()}}
        client.merge("v1", "Secret", newest["metadata"]["name"], patch, namespace)
    return count


def without(manifest: str, kinds: frozenset[tuple[str, str]]) -> tuple[str, int]:
    """A manifest without objects of these kinds, all else as it was; and how many they were."""
    parts, count = [], 0
    for part in parted(manifest):
        found = list(objects(part, where="manifest"))
        staying = [one for one in found if (one.get("apiVersion"), one.get("kind")) not in kinds]
        count += len(found) - len(staying)
        if len(staying) == len(found):
            parts.append(part)
        else:  # a list of several, some of which are kept
            parts += [json.dumps(one) for one in staying]
    return "\n---\n".join(part.strip("\n") for part in parts if part.strip()) + "\n", count


def release_claims(client: Client, record: ModuleRecord) -> None:
    """Have no claim go with a StatefulSet: some say that theirs do."""
    for ref in (ref for ref in record.objects if (ref.api_version, ref.kind) == _STATEFUL):
        found = client.get(*_STATEFUL, ref.name, ref.namespace)
        policy = ((found or {}).get("spec") or {}).get("persistentVolumeClaimRetentionPolicy") or {}
        if found and policy.get("whenDeleted") == "Delete":
            keep = {"whenDeleted": "Retain", "whenScaled": policy.get("whenScaled", "Retain")}
            patch = {"spec": {"persistentVolumeClaimRetentionPolicy": keep}}
            client.merge(*_STATEFUL, ref.name, patch, ref.namespace)
            _let_go(client, found)


def _let_go(client: Client, workload: Object) -> None:
    """Wait until its claims are nobody's; what its controller does not let go is taken from it."""
    deadline = time.monotonic() + LETS_GO
    while owned := list(_owned(client, workload)):
        if time.monotonic() > deadline:
            for claim in owned:
                meta, uid = claim["metadata"], workload["metadata"]["uid"]
                others = [one for one in meta["ownerReferences"] if one["uid"] != uid]
                patch = {"metadata": {"ownerReferences": others or None}}
                client.merge(*CLAIM, meta["name"], patch, meta["namespace"])
            return
        time.sleep(_POLL)


def _owned(client: Client, workload: Object) -> Iterator[Object]:
    uid = workload["metadata"]["uid"]
    for claim in client.list(*CLAIM, workload["metadata"]["namespace"], metadata_only=True):
        if any(one.get("uid") == uid for one in claim["metadata"].get("ownerReferences") or ()):
            yield claim

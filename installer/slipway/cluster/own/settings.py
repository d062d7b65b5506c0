"""Slipway's own things in the cluster: namespace, CRDs, Secrets, and the ClusterConfiguration itself.

In this order, since each needs the one before; the record comes last, and has no digest from the first change on. All
of it is server-side apply as field manager `slipway`, so a second run writes the same and changes nothing.
"""

import base64
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from slipway.api.schema import spec_schema
from slipway.cluster.own.emptied import removals
from slipway.cluster.own.kept import KEY
from slipway.cluster.own.records import SETTINGS_SECRET, encode_step, read_settings_record
from slipway.cluster.rest.client import Client, Object, retry_conflicts
from slipway.cluster.rest.managers import leaves_by_manager
from slipway.digests import canonical_json
from slipway.errors import TransientError
from slipway.model.record import StepRecord
from slipway.settings import API_VERSION, NAMESPACE

#: Seconds until the API server serves a definition that it accepted: one, normally.
ESTABLISH_SECONDS = 30


def apply_settings(
    client: Client,
    document: Mapping[str, Any],
    secrets: Mapping[str, bytes],
    *,
    record: StepRecord,
    crds: Sequence[Object] | None = None,
    force: bool = False,
) -> None:
    """Put all of it into the cluster. `document` is a ClusterConfiguration, `secrets` maps NAME/KEY to values.

    Raises:
        ConflictError: fields of the ClusterConfiguration that somebody else set otherwise, one finding each.
    """
    namespace = document["metadata"].get("namespace") or NAMESPACE
    _begin(client)
    for name in dict.fromkeys((NAMESPACE, namespace)):
        ensure_namespace(client, name)
    apply_crds(client, crds)
    for item in secret_documents(secrets):
        client.apply(item, force=True)
    _apply_configuration(client, _configuration(document, namespace), force=force)
    write_record(client, record)


def _begin(client: Client) -> None:
    """Take the digest off the record: from here on it does not say any more what is there."""
    before = read_settings_record(client)
    if before and before.digest:
        write_record(client, replace(before, digest=""))


def _apply_configuration(client: Client, wanted: Object, *, force: bool) -> None:
    """Apply it; where it empties maps or lists, that comes first (`emptied` says why)."""

    def make_room() -> None:
        meta = wanted["metadata"]
        found = client.get(wanted["apiVersion"], wanted["kind"], meta["name"], meta["namespace"])
        if found is None:
            return
        owned = leaves_by_manager(found["metadata"].get("managedFields") or ())
        operations = removals(wanted["spec"], found.get("spec") or {}, spec_schema(), owned)
        if operations:
            client.patch(found, operations)

    retry_conflicts(make_room)
    client.apply(wanted, force=force)


def ensure_namespace(client: Client, name: str, labels: Mapping[str, str] | None = None) -> bool:
    """Make a namespace; one that has the labels already is left alone. Whether it was changed."""
    found = client.get("v1", "Namespace", name)
    present = (found or {}).get("metadata", {}).get("labels") or {}
    wanted = dict(labels or {})
    if found and all(present.get(key) == value for key, value in wanted.items()):
        return False
    client.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": wanted}}, force=True
    )
    return True


def apply_crds(client: Client, crds: Sequence[Object] | None = None) -> None:
    """Slipway's own CRDs, and wait until their objects can be written."""
    if crds is None:
        from slipway.api.crd import crds as own

        crds = own()
    for crd in crds:
        client.apply(crd, force=True)
    deadline = time.monotonic() + ESTABLISH_SECONDS
    for crd in crds:
        while not _served(client, crd):
            if time.monotonic() > deadline:
                name = crd["metadata"]["name"]
                raise TransientError(f"{name} is not served yet", where=f"crd/{name}")
            time.sleep(0.1)


def _served(client: Client, crd: Object) -> bool:
    """Established, and the list answers: the handler comes a moment after the condition."""
    found = client.get(crd["apiVersion"], crd["kind"], crd["metadata"]["name"]) or {}
    conditions = (found.get("status") or {}).get("conditions") or ()
    if not any(item["type"] == "Established" and item["status"] == "True" for item in conditions):
        return False
    spec = crd["spec"]
    path = f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}?limit=1"
    return client.call("GET", path, missing=None) is not None


def secret_documents(secrets: Mapping[str, bytes]) -> list[Object]:
    """One Secret per NAME with all its KEYs."""
    data: dict[str, dict[str, str]] = defaultdict(dict)
    for reference, value in sorted(secrets.items()):
        name, _, key = reference.partition("/")
        data[name][key] = base64.b64encode(value).decode()
    return [_secret(name, values) for name, values in data.items()]


def write_record(client: Client, record: StepRecord) -> None:
    """The record of this step, beside the Secrets it covers."""
    text = canonical_json(encode_step(record), escaped=True)
    client.apply(_secret(SETTINGS_SECRET, {KEY: base64.b64encode(text.encode()).decode()}), force=True)


def _secret(name: str, data: Mapping[str, str]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "type": "Opaque",
        "data": dict(data),
    }


def _configuration(document: Mapping[str, Any], namespace: str) -> Object:
    """The document as it is applied: what the user wrote, no status."""
    meta = document["metadata"]
    kept = {key: meta[key] for key in ("labels", "annotations") if meta.get(key)}
    return {
        "apiVersion": API_VERSION,
        "kind": "ClusterConfiguration",
        "metadata": {"name": meta["name"], "namespace": namespace, **kept},
        "spec": document.get("spec") or {},
    }

"""What was applied, kept in the cluster: module records (ConfigMaps) and what stands on Node objects.

A record is one JSON document under one key, so it is written atomically. `kept` reads it back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from slipway.clock import utc_text
from slipway.cluster.client import MERGE, Client, Object, retry_conflicts
from slipway.cluster.kept import KEY, module_record, owned_on
from slipway.digests import canonical_json
from slipway.errors import PreflightError
from slipway.model.record import RECORD_FORMAT, ModuleRecord, StepRecord
from slipway.settings import (
    ADDRESS_ANNOTATION,
    API_GROUP,
    BEGUN_ANNOTATION,
    MODULE_RECORD_PREFIX,
    NAMESPACE,
    OWNED_ANNOTATION,
    RECORD_ANNOTATION,
)

#: Marks the ConfigMaps that are module records; its value is the module's name.
MODULE_LABEL = f"{API_GROUP}/module"

#: The time of a record, by the name under which the action plugin `slipway_module` asks for it.
now = utc_text

_API = ("v1", "ConfigMap")


def read_modules(client: Client) -> dict[str, ModuleRecord]:
    """All module records by name."""
    found = client.list(*_API, NAMESPACE, labels=MODULE_LABEL)
    records = [module_record(item) for item in found]
    return {record.name: record for record in records}


def read_module(client: Client, name: str) -> ModuleRecord | None:
    """One module's record."""
    found = client.get(*_API, MODULE_RECORD_PREFIX + name, NAMESPACE)
    return module_record(found) if found else None


def write_module(client: Client, record: ModuleRecord) -> None:
    """Create or replace a record as a whole."""
    name = MODULE_RECORD_PREFIX + record.name
    data = {"format": RECORD_FORMAT, **asdict(record)}
    document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {MODULE_LABEL: record.name}},
        "data": {KEY: canonical_json(data, escaped=True)},
    }
    client.apply(document, force=True)


def delete_module(client: Client, name: str) -> None:
    """Forget a module."""
    client.delete(*_API, MODULE_RECORD_PREFIX + name, NAMESPACE)


def encode_step(record: StepRecord) -> dict[str, Any]:
    """A step's record as the cluster keeps it; what the step made is left out, the host has it."""
    return {key: value for key, value in asdict(record).items() if key != "made"}


def encode_steps(records: Mapping[str, StepRecord]) -> str:
    """Host records for the annotation; what the steps made is left out, the host has it."""
    steps = {role: encode_step(record) for role, record in sorted(records.items())}
    return canonical_json({"format": RECORD_FORMAT, "steps": steps}, escaped=True)


def mark_begun(client: Client, name: str, operation: str, roles: Sequence[str]) -> None:
    """Say on a Node that these roles of its host are about to change. A Node that is gone needs no mark."""
    text = canonical_json({"operation": operation, "roles": sorted(roles)}, escaped=True)
    path = f"/api/v1/nodes/{name}"
    client.call(
        "PATCH",
        path,
        body={"metadata": {"annotations": {BEGUN_ANNOTATION: text}}},
        content=MERGE,
        missing=None,
    )
    client.writes += 1


def apply_node(
    client: Client,
    name: str,
    *,
    labels: Mapping[str, str],
    taints: Sequence[Mapping[str, str]],
    records: Mapping[str, StepRecord],
    address: str = "",
) -> bool:
    """Labels, taints and mirrored records of one Node in one write. False: it was all there already.

    `address`: where SSH reaches it, when that is not the Node's own address.
    Labels and taints that Slipway set earlier and are no longer wanted go; those of others stay.
    """

    def change() -> bool:
        node = client.get("v1", "Node", name)
        if node is None:
            raise PreflightError(
                "there is no such node", where=f"node/{name}", hint="is its kubelet running?"
            )
        patch = node_patch(node, labels, taints, records, address)
        if patch is None:
            return False
        patch["metadata"]["resourceVersion"] = node["metadata"]["resourceVersion"]
        client.merge("v1", "Node", name, patch)
        return True

    return retry_conflicts(change)


def node_patch(
    node: Object,
    labels: Mapping[str, str],
    taints: Sequence[Mapping[str, str]],
    records: Mapping[str, StepRecord],
    address: str = "",
) -> Object | None:
    """The merge patch that brings a Node to the wish; None when it is there."""
    meta = node["metadata"]
    annotations, present = meta.get("annotations") or {}, meta.get("labels") or {}
    owned_labels, owned_taints = owned_on(meta["name"], annotations)
    wanted = [{key: value for key, value in taint.items() if value} for taint in taints]
    keys = {taint_key(taint) for taint in wanted}
    kept = [
        taint
        for taint in (node.get("spec") or {}).get("taints") or []
        if taint_key(taint) not in keys and taint_key(taint) not in owned_taints
    ]
    changed: dict[str, str | None] = dict.fromkeys(set(owned_labels) - set(labels))
    changed |= labels
    notes: dict[str, str | None] = {
        BEGUN_ANNOTATION: None,
        OWNED_ANNOTATION: canonical_json({"labels": sorted(labels), "taints": sorted(keys)}, escaped=True),
        RECORD_ANNOTATION: encode_steps(records),
    }
    if address:
        notes[ADDRESS_ANNOTATION] = address
    same_labels = all(present.get(key) == value for key, value in changed.items())
    same_taints = _as_set([*kept, *wanted]) == _as_set((node.get("spec") or {}).get("taints") or [])
    if same_labels and same_taints and all(annotations.get(key) == text for key, text in notes.items()):
        return None
    patch: Object = {"metadata": {"annotations": notes, "labels": changed}}
    if not same_taints:
        patch["spec"] = {"taints": [*kept, *wanted]}
    return patch


def taint_key(taint: Mapping[str, str]) -> str:
    """What makes a taint the same one: KEY:EFFECT."""
    return f"{taint['key']}:{taint['effect']}"


def _as_set(taints: Sequence[Mapping[str, str]]) -> set[tuple[str, str, str]]:
    return {(taint["key"], taint.get("value", ""), taint["effect"]) for taint in taints}

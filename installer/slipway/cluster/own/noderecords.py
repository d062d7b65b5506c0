"""What Slipway keeps of Nodes, in ConfigMaps that no kubelet can write; and labels and taints, which go by it.

A record belongs to one Node object: it goes with it, and says nothing of a later Node of the same name. Whoever writes
one has read it before, and begins again where somebody else was faster.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Final

from slipway.cluster.own.kept import FORMER, KEY, NODE_LABEL, node_record, owner_of
from slipway.cluster.own.records import encode_step
from slipway.cluster.own.settings import ensure_namespace
from slipway.cluster.rest.client import Client, Object, retry_conflicts
from slipway.digests import canonical_json
from slipway.errors import PreflightError
from slipway.model.record import RECORD_FORMAT, NodeRecord, StepRecord
from slipway.settings import NAMESPACE, NODE_RECORD_PREFIX

_API: Final = ("v1", "ConfigMap")


def change_record(client: Client, name: str, change: Callable[[NodeRecord], NodeRecord]) -> bool:
    """Bring the record of a Node to what `change` makes of it. False: it is so already, or there is no such Node.

    Raises:
        PreflightError: the record cannot be read.
    """

    def once() -> bool:
        node = client.get("v1", "Node", name)
        if node is None:
            return False
        found = read_document(client, name)
        before = node_record(node, found)
        after = change(before)
        _write(client, node, found, before, after)
        return after != before

    return retry_conflicts(once)


def read_document(client: Client, name: str) -> Object | None:
    """The ConfigMap for a Node's record, or None."""
    return client.get(*_API, NODE_RECORD_PREFIX + name, NAMESPACE)


def mark_begun(client: Client, name: str, operation: str, roles: Sequence[str]) -> None:
    """Say of a Node that these roles of its host are about to change. A Node that is gone needs no mark."""
    begun = tuple(sorted(roles))
    change_record(client, name, lambda record: replace(record, operation=operation, begun=begun))


def apply_node(
    client: Client,
    name: str,
    *,
    labels: Mapping[str, str],
    taints: Sequence[Mapping[str, str]],
    records: Mapping[str, StepRecord],
    address: str,
) -> bool:
    """Labels and taints of one Node, and its record. False: it was all there already.

    `address`: where SSH reaches its machine.
    Labels and taints that Slipway set earlier and are no longer wanted go; those of others stay. A key is in the record
    before it is on the Node and as long as it is there: whatever ends this half way, what is Slipway's is known.
    """
    keys = {taint_key(taint) for taint in taints}
    steps = dict(records)

    def once() -> bool:
        node = client.get("v1", "Node", name)
        if node is None:
            raise PreflightError(
                "there is no such node", where=f"node/{name}", hint="is its kubelet running?"
            )
        found = read_document(client, name)
        before = node_record(node, found)
        both = tuple(sorted({*before.labels, *labels})), tuple(sorted({*before.taints, *keys}))
        during = NodeRecord(name, address, steps, *both, drained=before.drained)
        after = replace(during, labels=tuple(sorted(labels)), taints=tuple(sorted(keys)))
        found = _write(client, node, found, before, during)
        patch = node_patch(node, labels, taints, during)
        if patch:
            patch["metadata"]["resourceVersion"] = node["metadata"]["resourceVersion"]
            client.merge("v1", "Node", name, patch)
        _write(client, node, found, during, after)
        return patch is not None or after != before

    return retry_conflicts(once)


def node_patch(
    node: Object, labels: Mapping[str, str], taints: Sequence[Mapping[str, str]], record: NodeRecord
) -> Object | None:
    """The merge patch that brings a Node to the wish; None when it is there. What earlier releases kept on it goes."""
    meta, before = node["metadata"], (node.get("spec") or {}).get("taints") or []
    present, notes = meta.get("labels") or {}, meta.get("annotations") or {}
    wanted = [{key: value for key, value in taint.items() if value} for taint in taints]
    keys = {taint_key(taint) for taint in wanted}
    others = [taint for taint in before if taint_key(taint) not in {*keys, *record.taints}]
    changed: dict[str, str | None] = dict.fromkeys(set(record.labels) - set(labels))
    changed |= labels
    same_labels = all(present.get(key) == value for key, value in changed.items())
    same_taints = _as_set([*others, *wanted]) == _as_set(before)
    former = {key: None for key in FORMER if key in notes}
    if same_labels and same_taints and not former:
        return None
    patch: Object = {"metadata": {"annotations": former, "labels": changed}}
    if not same_taints:
        patch["spec"] = {"taints": [*others, *wanted]}
    return patch


def taint_key(taint: Mapping[str, str]) -> str:
    """What makes a taint the same one: KEY:EFFECT."""
    return f"{taint['key']}:{taint['effect']}"


def encode_node(record: NodeRecord) -> str:
    """The text of a record; what the steps made is left out, the host has it."""
    steps = {role: encode_step(step) for role, step in sorted(record.steps.items())}
    return canonical_json({"format": RECORD_FORMAT, **asdict(record), "steps": steps}, escaped=True)


def _write(
    client: Client, node: Object, found: Object | None, before: NodeRecord, after: NodeRecord
) -> Object | None:
    """The ConfigMap once it holds the record; `found`: as it was read, with `before` in it."""
    if after == before:
        return found
    name = NODE_RECORD_PREFIX + after.name
    meta: Object = {
        "name": name,
        "namespace": NAMESPACE,
        "labels": {NODE_LABEL: after.name},
        "ownerReferences": [owner_of(node)],
    }
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {KEY: encode_node(after)}}
    if found:
        meta["resourceVersion"] = found["metadata"]["resourceVersion"]
        return client.replace(document)
    ensure_namespace(client, NAMESPACE)
    return client.create(document)


def _as_set(taints: Sequence[Mapping[str, str]]) -> set[tuple[str, str, str]]:
    return {(taint["key"], taint.get("value", ""), taint["effect"]) for taint in taints}

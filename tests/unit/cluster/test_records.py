"""Node patches, records and managed fields: pure parts of the cluster's edge."""

import json
from typing import Any

from slipway.cluster.conflicts import conflicting_fields
from slipway.cluster.observe import node_observed
from slipway.cluster.records import encode_steps, node_patch
from slipway.model.record import Intent, Made, MadeKind, StepRecord
from slipway.settings import BEGUN_ANNOTATION, OWNED_ANNOTATION, RECORD_ANNOTATION

GPU = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}
FOREIGN = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
RECORDS = {"node_prepare": StepRecord("d", {"a": "b"}, made=(Made(MadeKind.FILE, "/etc/x", digest="y"),))}


def node(
    labels: dict[str, str], taints: list[dict[str, str]], notes: dict[str, str] | None = None
) -> dict[str, Any]:
    return {
        "metadata": {"name": "n", "labels": labels, "annotations": notes or {}},
        "spec": {"taints": taints},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }


def patched(before: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """What the API server makes of the merge patch."""
    meta = before["metadata"]
    labels = {k: v for k, v in (meta["labels"] | patch["metadata"]["labels"]).items() if v is not None}
    taints = patch.get("spec", before["spec"])["taints"]
    return node(labels, taints, meta["annotations"] | patch["metadata"]["annotations"])


def test_foreign_labels_and_taints_stay_and_own_ones_go() -> None:
    before = node({"kubernetes.io/hostname": "n"}, [FOREIGN])
    patch = node_patch(before, {"disk": "fast"}, [GPU], RECORDS)
    assert patch is not None
    tagged = patched(before, patch)
    assert tagged["metadata"]["labels"] == {"kubernetes.io/hostname": "n", "disk": "fast"}
    assert tagged["spec"]["taints"] == [FOREIGN, GPU]
    assert node_patch(tagged, {"disk": "fast"}, [GPU], RECORDS) is None

    seen = node_observed(tagged)
    assert (seen.owned_labels, seen.owned_taints) == (("disk",), ("gpu:NoSchedule",))
    assert seen.records == {"node_prepare": StepRecord("d", {"a": "b"})}

    patch = node_patch(tagged, {}, [], RECORDS)
    assert patch is not None
    bare = patched(tagged, patch)
    assert bare["metadata"]["labels"] == {"kubernetes.io/hostname": "n"}
    assert bare["spec"]["taints"] == [FOREIGN]


def test_a_label_somebody_took_away_comes_back() -> None:
    notes = {OWNED_ANNOTATION: json.dumps({"labels": ["disk"], "taints": []})}
    notes[RECORD_ANNOTATION] = encode_steps({})
    patch = node_patch(node({}, [], notes), {"disk": "fast"}, [], {})
    assert patch is not None
    assert patch["metadata"]["labels"] == {"disk": "fast"}
    assert "spec" not in patch


def test_a_node_keeps_where_ssh_reaches_it_when_its_own_address_is_another() -> None:
    before = node({}, [])
    before["status"]["addresses"] = [{"type": "InternalIP", "address": "10.1.0.31"}]
    patch = node_patch(before, {}, [], RECORDS, "10.0.0.31")
    assert patch is not None
    after = patched(before, patch)
    after["status"] = before["status"]
    assert node_observed(after).address == "10.0.0.31"
    assert node_patch(after, {}, [], RECORDS, "10.0.0.31") is None


def test_owners_of_fields_in_conflict() -> None:
    cause = {
        "reason": "FieldManagerConflict",
        "message": 'conflict with "kubectl-edit" using v1',
        "field": ".spec.a",
    }
    found = conflicting_fields({"details": {"causes": [cause, {"reason": "Other"}]}})
    assert [(item.path, item.problem) for item in found] == [
        ("spec.a", "was changed in the cluster by kubectl-edit")
    ]


def test_a_mark_of_what_was_begun_is_read_and_goes_with_the_next_copy() -> None:
    mark = json.dumps({"operation": "op-1", "roles": ["container_runtime"]})
    before = node({}, [], {BEGUN_ANNOTATION: mark})
    assert node_observed(before).begun == (Intent("op-1", "host/n/container_runtime", ""),)
    patch = node_patch(before, {}, [], RECORDS)
    assert patch is not None
    assert patch["metadata"]["annotations"][BEGUN_ANNOTATION] is None

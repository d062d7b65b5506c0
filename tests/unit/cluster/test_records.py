"""Node patches, records and managed fields: pure parts of the cluster's edge."""

from typing import Any

from slipway.cluster.observe import node_observed
from slipway.cluster.own.kept import owner_of
from slipway.cluster.own.noderecords import encode_node, node_patch
from slipway.cluster.rest.conflicts import conflicting_fields
from slipway.model.record import Intent, Made, MadeKind, NodeRecord, StepRecord
from slipway.settings import API_GROUP

GPU = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}
FOREIGN = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
STEP = StepRecord("d", {"a": "b"}, made=(Made(MadeKind.FILE, "/etc/x", digest="y"),))
OWN = NodeRecord("n", "10.0.0.9", {"node_prepare": STEP}, labels=("disk",), taints=("gpu:NoSchedule",))


def node(
    labels: dict[str, str], taints: list[dict[str, str]], notes: dict[str, str] | None = None
) -> dict[str, Any]:
    return {
        "metadata": {"name": "n", "uid": "u-1", "labels": labels, "annotations": notes or {}},
        "spec": {"taints": taints},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }


def patched(before: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """What the API server makes of the merge patch."""
    meta = before["metadata"]
    labels = {k: v for k, v in (meta["labels"] | patch["metadata"]["labels"]).items() if v is not None}
    notes = meta["annotations"] | patch["metadata"]["annotations"]
    taints = patch.get("spec", before["spec"])["taints"]
    return node(labels, taints, {key: text for key, text in notes.items() if text is not None})


def kept(record: NodeRecord, of: dict[str, Any]) -> dict[str, Any]:
    """The ConfigMap of a Node."""
    return {"metadata": {"ownerReferences": [owner_of(of)]}, "data": {"record": encode_node(record)}}


def test_foreign_labels_and_taints_stay_and_own_ones_go() -> None:
    before = node({"kubernetes.io/hostname": "n"}, [FOREIGN])
    patch = node_patch(before, {"disk": "fast"}, [GPU], OWN)
    assert patch is not None
    tagged = patched(before, patch)
    assert tagged["metadata"]["labels"] == {"kubernetes.io/hostname": "n", "disk": "fast"}
    assert tagged["spec"]["taints"] == [FOREIGN, GPU]
    assert node_patch(tagged, {"disk": "fast"}, [GPU], OWN) is None

    patch = node_patch(tagged, {}, [], OWN)
    assert patch is not None
    bare = patched(tagged, patch)
    assert bare["metadata"]["labels"] == {"kubernetes.io/hostname": "n"}
    assert bare["spec"]["taints"] == [FOREIGN]


def test_a_label_somebody_took_away_comes_back() -> None:
    patch = node_patch(node({}, [GPU]), {"disk": "fast"}, [GPU], OWN)
    assert patch is not None
    assert patch["metadata"]["labels"] == {"disk": "fast"}
    assert "spec" not in patch


def test_what_an_earlier_release_kept_on_a_node_goes_with_the_next_write() -> None:
    former = f"{API_GROUP}/owned"
    before = node({"theirs": "1"}, [], {former: '{"labels": ["theirs"]}', "other": "x"})
    patch = node_patch(before, {}, [], NodeRecord("n"))
    assert patch == {"metadata": {"annotations": {former: None}, "labels": {}}}
    assert node_patch(patched(before, patch), {}, [], NodeRecord("n")) is None


def test_what_is_kept_of_a_node_is_read_back() -> None:
    one = node({}, [])
    seen = node_observed(one, kept(OWN, one))
    assert (seen.owned_labels, seen.owned_taints) == (("disk",), ("gpu:NoSchedule",))
    assert seen.records == {"node_prepare": StepRecord("d", {"a": "b"})}
    assert (seen.address, seen.unreadable) == ("10.0.0.9", None)


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


def test_a_mark_of_what_was_begun_is_read() -> None:
    one = node({}, [])
    marked = NodeRecord("n", operation="op-1", begun=("container_runtime",))
    assert node_observed(one, kept(marked, one)).begun == (Intent("op-1", "host/n/container_runtime", ""),)

"""managedFields as the API server writes them."""

from slipway.cluster.rest.managers import other_managers
from slipway.model.paths import Entry, Member

WORKER = Entry((("name", "worker-03"),))


def test_leaves_that_others_own_alone_or_with_us() -> None:
    entries = [
        {"manager": "slipway", "fieldsV1": {"f:spec": {"f:a": {}, "f:m": {"f:x": {"f:enabled": {}}}}}},
        {
            "manager": "kubectl",
            "fieldsV1": {"f:spec": {"f:a": {}, "f:m": {".": {}, "f:y": {".": {}, "f:enabled": {}}}}},
        },
        {"manager": "operator", "subresource": "status", "fieldsV1": {"f:status": {}}},
        {"manager": "nobody"},
    ]
    assert other_managers(entries) == {("a",): "kubectl", ("m", "y", "enabled"): "kubectl"}


def test_keys_with_dots_entries_and_members() -> None:
    fields = {
        "f:hosts": {
            "f:defaults": {"f:sysctl": {"f:net.core.somaxconn": {}}},
            "f:items": {'k:{"name":"worker-03"}': {".": {}, "f:address": {}, "f:roles": {'v:"worker"': {}}}},
        }
    }
    found = other_managers([{"manager": "ann", "fieldsV1": {"f:spec": fields}}])
    assert found == {
        ("hosts", "defaults", "sysctl", "net.core.somaxconn"): "ann",
        ("hosts", "items", WORKER, "address"): "ann",
        ("hosts", "items", WORKER, "roles", Member("worker")): "ann",
    }


def test_what_is_there_for_what_is_in_it_is_no_leaf() -> None:
    ours = {"f:items": {'k:{"name":"worker-03"}': {"f:address": {}}}, "f:labels": {}}
    theirs = {"f:items": {'k:{"name":"worker-03"}': {".": {}}}, "f:taints": {"i:0": {}}}
    entries = [
        {"manager": "slipway", "fieldsV1": {"f:spec": ours}},
        {"manager": "ann", "fieldsV1": {"f:spec": theirs}},
    ]
    assert other_managers(entries) == {("taints",): "ann"}

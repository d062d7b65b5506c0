"""Volumes beyond the core's: snapshots."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.lab4.platforms import Enabled, Platform, until

CONTENT = "volumesnapshotcontent/found"


@pytest.mark.level("4", "snapshot-controller")
def test_a_snapshot_that_storage_has_is_bound_to_its_claimant(platform: Platform, enabled: Enabled) -> None:
    """No driver makes one here: this one was there before, as after a restore of the cluster."""
    found, wanted = snapshot()
    with enabled({"snapshot-controller": {}}), let_go(platform), platform.applied(wanted):
        platform.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(found))
        until("it to be bound", lambda: bound(platform) == "found")
        content = platform.kubectl_json("get", CONTENT)["spec"]["volumeSnapshotRef"]
        assert content["uid"] == platform.kubectl_json("get", "volumesnapshot", "wanted")["metadata"]["uid"]


@contextmanager
def let_go(platform: Platform) -> Iterator[None]:
    """What storage had goes in the end: a driver would have taken its finalizers off."""
    try:
        yield
    finally:
        platform.kubectl("delete", CONTENT, "--wait=false", "--ignore-not-found", check=False)
        free = json.dumps({"metadata": {"finalizers": None}})
        platform.kubectl("patch", CONTENT, "--type=merge", "-p", free, check=False)


def snapshot() -> list[dict[str, Any]]:
    """What storage has, and who wants it."""
    found = {"driver": "lab4.internal", "deletionPolicy": "Retain", "source": {"snapshotHandle": "before"}}
    found["volumeSnapshotRef"] = {"name": "wanted", "namespace": "default"}
    return [
        of_snapshots("VolumeSnapshotContent", "found", found),
        of_snapshots("VolumeSnapshot", "wanted", {"source": {"volumeSnapshotContentName": "found"}}),
    ]


def of_snapshots(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    where = {} if kind == "VolumeSnapshotContent" else {"namespace": "default"}
    group = "snapshot.storage.k8s.io/v1"
    return {"apiVersion": group, "kind": kind, "metadata": {"name": name, **where}, "spec": spec}


def bound(platform: Platform) -> str:
    status = platform.kubectl_json("get", "volumesnapshot", "wanted").get("status", {})
    return str(status.get("boundVolumeSnapshotContentName", ""))

"""What makes volumes where no provisioner runs: a claim gets one as soon as its class would have had it made."""

from typing import Any

from tests.apiserver import ApiServer

#: What the scheduler writes into a claim whose class waits for a consumer.
_NODE = "volume.kubernetes.io/selected-node"


def bind_volumes(api: ApiServer) -> None:
    """Bind claims that wait for it, and take away volumes whose class says so when their claims are gone."""
    classes = {one["metadata"]["name"]: one for one in api.items("/apis/storage.k8s.io/v1/storageclasses")}
    for claim in api.items("/api/v1/persistentvolumeclaims"):
        _make(api, claim, classes.get(claim["spec"].get("storageClassName", "")))
    for volume in api.items("/api/v1/persistentvolumes"):
        _take_away(api, volume)


def _make(api: ApiServer, claim: dict[str, Any], wanted: dict[str, Any] | None) -> None:
    waits = wanted and wanted.get("volumeBindingMode") == "WaitForFirstConsumer"
    meta = claim["metadata"]
    if (
        wanted is None
        or claim["spec"].get("volumeName")
        or (waits and _NODE not in meta.get("annotations", {}))
    ):
        return
    spec = {
        "capacity": claim["spec"]["resources"]["requests"],
        "accessModes": claim["spec"]["accessModes"],
        "storageClassName": wanted["metadata"]["name"],
        "persistentVolumeReclaimPolicy": wanted.get("reclaimPolicy", "Delete"),
        "hostPath": {"path": f"/volumes/{meta['uid']}"},
        "claimRef": {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            **{key: meta[key] for key in ("name", "namespace", "uid")},
        },
    }
    body = {"metadata": {"name": f"pvc-{meta['uid']}"}, "spec": spec}
    api.request("POST", "/api/v1/persistentvolumes", body)


def _take_away(api: ApiServer, volume: dict[str, Any]) -> None:
    """As a provisioner does, when its claim is gone."""
    done = volume.get("status", {}).get("phase") in {"Released", "Failed"}
    if done and volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete":
        api.request("DELETE", f"/api/v1/persistentvolumes/{volume['metadata']['name']}")

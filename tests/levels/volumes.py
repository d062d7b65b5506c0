"""What makes volumes where no provisioner runs: a claim gets one as soon as its class would have had it made."""

import contextlib
import threading
from types import TracebackType
from typing import Any, Self

from tests.apiserver import ApiServer

#: What the scheduler writes into a claim whose class waits for a consumer.
_NODE = "volume.kubernetes.io/selected-node"
_EVERY = 0.3


class Volumes:
    """While it lasts, claims of this API server are bound, and volumes go with claims whose class says so."""

    def __init__(self, api: ApiServer) -> None:
        self._api, self._over = api, threading.Event()
        self._thread = threading.Thread(target=self._bind, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _bind(self) -> None:
        while not self._over.wait(_EVERY):
            with contextlib.suppress(OSError):  # the API server begins, or ends
                classes = {
                    one["metadata"]["name"]: one
                    for one in self._items("/apis/storage.k8s.io/v1/storageclasses")
                }
                for claim in self._items("/api/v1/persistentvolumeclaims"):
                    self._make(claim, classes.get(claim["spec"].get("storageClassName", "")))
                for volume in self._items("/api/v1/persistentvolumes"):
                    self._take_away(volume)

    def _make(self, claim: dict[str, Any], wanted: dict[str, Any] | None) -> None:
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
        self._api.request("POST", "/api/v1/persistentvolumes", body)

    def _take_away(self, volume: dict[str, Any]) -> None:
        """As a provisioner does, when its claim is gone."""
        done = volume.get("status", {}).get("phase") in {"Released", "Failed"}
        if done and volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete":
            self._api.request("DELETE", f"/api/v1/persistentvolumes/{volume['metadata']['name']}")

    def _items(self, path: str) -> list[dict[str, Any]]:
        status, answer = self._api.request("GET", path)
        return answer.get("items") or [] if status == 200 else []

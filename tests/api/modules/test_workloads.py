"""Images that workloads name on a real API server, whether a pod of them runs or not."""

import json
from typing import Any

from slipway.cluster.condition.workloads import named_images
from slipway.cluster.rest.client import connect
from tests.apiserver import ApiServer

NAMESPACE, ACCOUNT = "named", "ours"


def workload(api_version: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": kind.lower(), "namespace": NAMESPACE}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


def pod(image: str, **more: Any) -> dict[str, Any]:
    return {"containers": [{"name": "main", "image": image}], "serviceAccountName": ACCOUNT, **more}


def template(image: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": image.rpartition("/")[2]}}, "spec": pod(image, **more)}


def test_workloads_without_a_pod_name_images_too(cluster_api: ApiServer) -> None:
    init = {"initContainers": [{"name": "first", "image": "test/init"}]}
    asleep = {"replicas": 0, "selector": {"matchLabels": {"app": "asleep"}}}
    stateful = {"replicas": 0, "selector": {"matchLabels": {"app": "stateful"}}, "serviceName": "none"}
    daemon = {"selector": {"matchLabels": {"app": "daemon"}}}
    nowhere = {"nodeSelector": {"kubernetes.io/hostname": "nowhere"}}
    again = {"restartPolicy": "Never"}
    job = {"suspend": True, "template": template("test/job", **again)}
    cron = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": template("test/cron", **again)}}}
    wanted = [
        workload("v1", "Pod", pod("test/pod", **init, **nowhere)),
        workload("apps/v1", "Deployment", {**asleep, "template": template("test/asleep")}),
        workload("apps/v1", "StatefulSet", {**stateful, "template": template("test/stateful")}),
        workload("apps/v1", "DaemonSet", {**daemon, "template": template("test/daemon", **nowhere)}),
        workload("batch/v1", "Job", job),
        workload("batch/v1", "CronJob", cron),
    ]
    cluster_api.create_namespace(NAMESPACE)
    cluster_api.kubectl("-n", NAMESPACE, "create", "serviceaccount", ACCOUNT)
    items = {"apiVersion": "v1", "kind": "List", "items": wanted}
    cluster_api.kubectl("apply", "-f", "-", stdin=json.dumps(items))
    try:
        with connect(cluster_api.kubeconfig) as client:
            found = {image for image in named_images(client) if image.startswith("test/")}
    finally:
        cluster_api.kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    names = ("pod", "init", "asleep", "stateful", "daemon", "job", "cron")
    assert found == {f"test/{name}" for name in names}

"""Sets of jobs, and how they fare."""

from typing import Any

from tests.lab4.platforms import BUSYBOX, Platform

#: Pods of each set.
WORKERS = 2


def jobset(name: str, script: str, *, replicas: int, cpu: int = 10, **metadata: Any) -> dict[str, Any]:
    """Each replica a Job of one pod."""
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {"name": name, "namespace": "default", **metadata},
        "spec": {"replicatedJobs": [{"name": "worker", "replicas": replicas, "template": job(script, cpu)}]},
    }


def job(script: str, cpu: int = 10) -> dict[str, Any]:
    container = {"name": "node", "image": BUSYBOX, "command": ["sh", "-ec", script]}
    container["resources"] = {"requests": {"cpu": f"{cpu}m"}}
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container]}
    return {"spec": {"parallelism": 1, "completions": 1, "backoffLimit": 0, "template": {"spec": pod}}}


def holds(platform: Platform, what: str, condition: str) -> bool:
    """Whether a condition of this object is there and true."""
    conditions = platform.kubectl_json("get", what).get("status", {}).get("conditions", [])
    return any((one["type"], one["status"]) == (condition, "True") for one in conditions)

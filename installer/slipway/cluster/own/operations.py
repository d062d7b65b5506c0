"""Operation objects (`op`): the summary of a run where `kubectl get op` shows it. The newest are kept."""

import json
import logging
from collections.abc import Callable
from typing import Any, Final

from slipway.cluster.rest.client import Client
from slipway.errors import ConflictError
from slipway.settings import API_GROUP, API_VERSION

log = logging.getLogger(__name__)

OPERATION: Final = (API_VERSION, "Operation")

#: Label: name of the ClusterConfiguration.
CONFIGURATION_LABEL: Final = f"{API_GROUP}/configuration"

#: Objects kept per ClusterConfiguration.
KEEP: Final = 20

#: Bytes of a status, and of a spec: far below etcd's limit, small enough to list twenty.
STATUS_LIMIT: Final = 256 * 1024 - 16 * 1024


def write_operation(
    client: Client, name: str, namespace: str, *, spec: Callable[[], dict[str, Any]], status: dict[str, Any]
) -> None:
    """Create the object, or update its status. `spec` is asked for once, when there is no object yet."""
    if client.get(*OPERATION, name, namespace) is None:
        _create(client, name, namespace, fitting_spec(spec()))
    client.merge(*OPERATION, name, {"status": fitting_status(status)}, namespace, subresource="status")


def _create(client: Client, name: str, namespace: str, spec: dict[str, Any]) -> None:
    document = {
        "apiVersion": API_VERSION,
        "kind": "Operation",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {CONFIGURATION_LABEL: spec["configuration"]},
        },
        "spec": spec,
    }
    try:
        client.create(document)
    except ConflictError:
        log.debug("operation %s is there already", name)


def close_operation(client: Client, name: str, namespace: str, status: dict[str, Any]) -> None:
    """Say how it ended; what is known of its steps stays. Nothing where there is no such object, or it has ended."""
    found = client.get(*OPERATION, name, namespace)
    if found and not (found.get("status") or {}).get("finishedAt"):
        client.merge(*OPERATION, name, {"status": status}, namespace, subresource="status")


def prune_operations(client: Client, namespace: str, configuration: str) -> None:
    """Delete all but the newest; their names sort by time."""
    labels = f"{CONFIGURATION_LABEL}={configuration}"
    items = client.list(*OPERATION, namespace, labels=labels, metadata_only=True)
    for name in sorted((item["metadata"]["name"] for item in items), reverse=True)[KEEP:]:
        client.delete(*OPERATION, name, namespace)


def fitting_status(status: dict[str, Any]) -> dict[str, Any]:
    """The status, without its successful steps, then without what messages say once more, then without all steps."""
    steps = status.get("steps") or []
    bad = [step for step in steps if step.get("outcome") != "succeeded"]
    brief = [{key: value for key, value in step.items() if key != "failure"} for step in bad]
    for shorter in (steps, bad, brief, brief[:100], []):
        candidate = status | {"steps": shorter}
        if len(json.dumps(candidate)) <= STATUS_LIMIT:
            return candidate
    return status | {"steps": [], "message": str(status.get("message", ""))[:1000]}


def fitting_spec(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec, without reasons, then with its first steps alone, where it is too big; `omitted` counts the others."""
    steps = spec.get("steps") or []
    brief = [{key: value for key, value in step.items() if key != "reasons"} for step in steps]
    for shorter in (steps, brief, brief[:500], []):
        omitted = len(steps) - len(shorter)
        candidate = spec | {"steps": shorter} | ({"omitted": omitted} if omitted else {})
        if len(json.dumps(candidate)) <= STATUS_LIMIT:
            return candidate
    return spec | {"steps": []}

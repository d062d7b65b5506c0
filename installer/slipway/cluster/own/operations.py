"""Operation objects (`op`): the summary of a run where `kubectl get op` shows it. The newest are kept."""

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


def put_operation(client: Client, name: str, namespace: str, spec: Callable[[], dict[str, Any]]) -> None:
    """Create the object where there is none."""
    if client.get(*OPERATION, name, namespace) is None:
        _create(client, name, namespace, spec())


def update_operation(client: Client, name: str, namespace: str, status: dict[str, Any]) -> None:
    """Say what is known now; StepError where there is no object."""
    client.merge(*OPERATION, name, {"status": status}, namespace, subresource="status")


def open_operations(client: Client, namespace: str, configuration: str) -> list[dict[str, Any]]:
    """Those that came to no end yet."""
    labels = f"{CONFIGURATION_LABEL}={configuration}"
    found = client.list(*OPERATION, namespace, labels=labels)
    return [one for one in found if is_open(one)]


def is_open(operation: dict[str, Any]) -> bool:
    """Whether it came to no end yet, by its own word."""
    return not (operation.get("status") or {}).get("finishedAt")


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
    if found and is_open(found):
        client.merge(*OPERATION, name, {"status": status}, namespace, subresource="status")


def prune_operations(client: Client, namespace: str, configuration: str) -> None:
    """Delete all but the newest; their names sort by time."""
    labels = f"{CONFIGURATION_LABEL}={configuration}"
    items = client.list(*OPERATION, namespace, labels=labels, metadata_only=True)
    for name in sorted((item["metadata"]["name"] for item in items), reverse=True)[KEEP:]:
        client.delete(*OPERATION, name, namespace)

"""ClusterConfigurations in the API: read them, write their status. The operator's store."""

from typing import Any, Final

from slipway.cluster.rest.client import JSON_PATCH, Client
from slipway.cluster.rest.managers import held_by_others, other_managers
from slipway.model.observed import LiveConfiguration
from slipway.settings import API_VERSION

CONFIGURATION: Final = (API_VERSION, "ClusterConfiguration")

#: Not the manager of the spec: a status never makes the operator an owner of the user's fields.
STATUS_MANAGER: Final = "slipway-operator"


class Configurations:
    """All ClusterConfigurations of a namespace, or of the cluster."""

    def __init__(self, client: Client, namespace: str = "") -> None:
        self._client = client
        self._namespace = namespace

    def list(self) -> tuple[LiveConfiguration, ...]:
        """All of them, oldest first; of the same second, by name."""
        items = self._client.list(*CONFIGURATION, self._namespace)
        return tuple(live_configuration(item) for item in sorted(items, key=_age))

    def get(self, key: tuple[str, str]) -> LiveConfiguration | None:
        """The one of (namespace, name); None when it is gone."""
        namespace, name = key
        answer = self._client.get(*CONFIGURATION, name, namespace)
        return live_configuration(answer) if answer else None

    def write_status(self, key: tuple[str, str], status: dict[str, Any]) -> None:
        """Replace the status as a whole; nobody else writes it, so no version is compared."""
        namespace, name = key
        path = f"/apis/{API_VERSION}/namespaces/{namespace}/clusterconfigurations/{name}/status"
        patch = [{"op": "add", "path": "/status", "value": status}]
        self._client.call(
            "PATCH",
            path,
            body=patch,
            content=JSON_PATCH,
            query={"fieldManager": STATUS_MANAGER},
            missing=None,
        )


def live_configuration(document: dict[str, Any]) -> LiveConfiguration:
    """One object of the API as data, with the owners of fields that are not Slipway's."""
    metadata = document["metadata"]
    entries = metadata.get("managedFields") or ()
    return LiveConfiguration(
        name=metadata["name"],
        namespace=metadata["namespace"],
        generation=metadata.get("generation", 0),
        spec=document.get("spec") or {},
        annotations=metadata.get("annotations") or {},
        managers=other_managers(entries),
        held=held_by_others(entries),
        status=document.get("status") or {},
        uid=metadata.get("uid", ""),
    )


def _age(document: dict[str, Any]) -> tuple[str, str, str]:
    metadata = document["metadata"]
    return metadata["creationTimestamp"], metadata["namespace"], metadata["name"]

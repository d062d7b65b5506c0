"""A kind of custom resources of the tests' own, and a stand-in for the controller that acts on them."""

from typing import Any, Final

from slipway.cluster.rest.client import Client

GROUP: Final = "health.example.com"
API_VERSION: Final = f"{GROUP}/v1"


def definition(kind: str, *, has_status: bool = True, scope: str = "Namespaced") -> dict[str, Any]:
    """The CustomResourceDefinition of a kind, whose objects may hold anything."""
    plural = f"{kind.lower()}s"
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}} if has_status else {},
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": scope,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [version],
        },
    }


def write_status(client: Client, kind: str, name: str, namespace: str, status: dict[str, Any]) -> None:
    """As a controller does: by itself, beside the object."""
    client.merge(API_VERSION, kind, name, {"status": status}, namespace, subresource="status")

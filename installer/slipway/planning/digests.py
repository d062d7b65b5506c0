"""Digests of a step's inputs: canonical, secret-free, and explainable part by part."""

from collections.abc import Mapping
from typing import Any

from slipway.digests import json_digest
from slipway.model.placeholders import SecretValue

#: Hex digits of a part's digest: enough to tell two values apart, short enough for an annotation.
PART_DIGITS = 12

#: Inputs made of several fields: a part for each of their keys, so that a plan names the one that changed.
NESTED = frozenset(
    {
        "has",
        "kubernetes_control_plane_cluster",
        "kubernetes_control_plane_encryption",
        "module_secrets",
        "node_disks_disks",
    }
)


def digest(value: Any, secrets: Mapping[str, str]) -> str:
    """sha256 of the canonical text; a secret counts by its HMAC, so a rotated one is a change."""
    return json_digest(_sealed(value, secrets))


def parts(inputs: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, str]:
    """A short digest for each input alone; of NESTED ones for each key."""
    flat: dict[str, Any] = {}
    for name, value in inputs.items():
        if name in NESTED and isinstance(value, Mapping):
            flat.update({f"{name}.{key}": item for key, item in value.items()})
        else:
            flat[name] = value
    return {
        name: digest(value, secrets).removeprefix("sha256:")[:PART_DIGITS]
        for name, value in sorted(flat.items())
    }


def references(value: Any) -> frozenset[str]:
    """Every secret that the value mentions."""
    if isinstance(value, SecretValue):
        return frozenset({value.reference})
    if isinstance(value, Mapping):
        return frozenset().union(*(references(item) for item in value.values()))
    if isinstance(value, list | tuple):
        return frozenset().union(*(references(item) for item in value))
    return frozenset()


def _sealed(value: Any, secrets: Mapping[str, str]) -> Any:
    if isinstance(value, SecretValue):
        return {"$hmac": secrets.get(value.reference, "absent")}
    if isinstance(value, Mapping):
        return {str(key): _sealed(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_sealed(item, secrets) for item in value]
    return value

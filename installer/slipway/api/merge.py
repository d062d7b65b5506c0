"""HostSettings laid over one another: maps merge, all else replaces, and only what a user set counts."""

from collections.abc import Iterable, Mapping
from typing import Any

from slipway.model.configuration import Host, HostItem, Hosts, HostSettings


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Later layers over earlier ones; the layers themselves are left as they are."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            below = merged.get(key)
            both = isinstance(value, Mapping) and isinstance(below, Mapping)
            merged[key] = merge(below, value) if both else _copy(value)  # type: ignore[arg-type]
    return merged


def resolve(hosts: Hosts) -> tuple[Host, ...]:
    """Every host with its settings: defaults, then its groups in the order it names them, then its own."""
    return tuple(_resolved(hosts, item) for item in hosts.items)


def _resolved(hosts: Hosts, item: HostItem) -> Host:
    layers = _user_set([hosts.defaults, *(hosts.groups[name] for name in item.groups), item.settings])
    return Host(
        name=item.name,
        address=item.address,
        roles=item.roles,
        groups=item.groups,
        settings=HostSettings.model_validate(merge(*layers)),
    )


def _user_set(layers: Iterable[HostSettings]) -> list[dict[str, Any]]:
    return [layer.model_dump(by_alias=True, exclude_unset=True) for layer in layers]


def _copy(value: Any) -> Any:
    return merge(value) if isinstance(value, Mapping) else value

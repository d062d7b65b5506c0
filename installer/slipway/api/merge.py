"""HostSettings laid over one another: maps merge, all else replaces, and only what a user set counts."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slipway.api.yamlfile import step
from slipway.model.host.items import Host, HostItem, Hosts
from slipway.model.host.settings import HostSettings

#: Names of layers; a group's is GROUP and its name.
DEFAULTS, GROUP, OWN = "defaults", "group", "host"
#: Of `ssh`, what opens a host: one of them is used.
_LOGINS = ("secretRef", "passwordRef")


@dataclass(frozen=True, slots=True)
class Setting:
    """One leaf of a host's settings: its path below `settings`, the value in force and the layer that set it."""

    path: str
    value: Any
    layer: str


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


def sources(hosts: Hosts, name: str) -> tuple[Setting, ...]:
    """Where a host's settings come from: every leaf that some layer set, also to the built-in default, by path."""
    item = next(item for item in hosts.items if item.name == name)
    names = [DEFAULTS, *(f"{GROUP} {group}" for group in item.groups), OWN]
    return origins(list(zip(names, _layers(hosts, item), strict=True)))


def origins(layers: Iterable[tuple[str, Mapping[str, Any]]]) -> tuple[Setting, ...]:
    """Every leaf of the merged layers and the name of the layer that it is from; an empty map says nothing."""
    named = list(layers)
    merged = merge(*(layer for _, layer in named))
    return tuple(
        Setting(_path(keys), value, next(name for name, layer in reversed(named) if _has(layer, keys)))
        for keys, value in sorted(_leaves(merged, ()))
    )


def _leaves(value: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, item in value.items():
        if isinstance(item, Mapping):
            yield from _leaves(item, (*above, key))
        else:
            yield (*above, key), item


def _has(layer: Any, keys: tuple[str, ...]) -> bool:
    """Whether a layer says something there. The last that does is in force: what replaces a map ends its leaves."""
    for key in keys:
        if not isinstance(layer, Mapping) or key not in layer:
            return False
        layer = layer[key]
    return True


def _path(keys: tuple[str, ...]) -> str:
    path = ""
    for key in keys:
        path = step(path, key)
    return path


def _layers(hosts: Hosts, item: HostItem) -> list[dict[str, Any]]:
    return _user_set([hosts.defaults, *(hosts.groups[name] for name in item.groups), item.settings])


def _resolved(hosts: Hosts, item: HostItem) -> Host:
    layers = _layers(hosts, item)
    return Host(
        name=item.name,
        address=item.address,
        roles=item.roles,
        groups=item.groups,
        addresses=item.addresses,
        links=item.links,
        settings=HostSettings.model_validate(merge(*map(_with_one_login, layers))),
    )


def _with_one_login(layer: Mapping[str, Any]) -> Mapping[str, Any]:
    """A layer that gives a key takes away the password of those below it, and the other way round."""
    login = layer.get("ssh") or {}
    given = [name for name in _LOGINS if login.get(name)]
    return {**layer, "ssh": {**dict.fromkeys(_LOGINS), **login}} if given else layer


def _user_set(layers: Iterable[HostSettings]) -> list[dict[str, Any]]:
    return [layer.model_dump(by_alias=True, exclude_unset=True) for layer in layers]


def _copy(value: Any) -> Any:
    return merge(value) if isinstance(value, Mapping) else value

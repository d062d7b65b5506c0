"""In which order modules come: what they require, and what they use where it is on, before them."""

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from slipway.catalog.modules import Module, Stage
from slipway.errors import ConfigurationError


def order_of(modules: Mapping[str, Module], before: Mapping[str, Iterable[str]]) -> list[str]:
    """All modules, those `before` each first; among equals the network stage, then by name.

    Raises:
        ConfigurationError: they wait for each other in a circle.
    """
    sorter = TopologicalSorter({name: before.get(name, ()) for name in modules})
    try:
        sorter.prepare()
    except CycleError as exc:
        raise ConfigurationError(
            "modules require or use each other in a circle",
            where="spec.modules",
            why=" -> ".join(exc.args[1]),
            hint="this is a defect of these modules; who uses another without needing it first says first: false",
        ) from exc
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=lambda name: (modules[name].stage is not Stage.NETWORK, name))
        order += ready
        sorter.done(*ready)
    return order

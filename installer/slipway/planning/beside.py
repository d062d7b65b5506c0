"""Several ClusterConfigurations in one cluster: whose the hosts are, and who has which modules already."""

from collections.abc import Iterable, Mapping
from typing import Final

from slipway.api.read import parse_spec
from slipway.catalog import Catalog
from slipway.errors import ConfigurationError
from slipway.model.configuration import Configuration
from slipway.model.observed import LiveConfiguration
from slipway.model.record import ModuleRecord
from slipway.settings import NAMESPACE

#: The module whose settings say which namespaces of teams are followed.
OPERATOR: Final = "operator"

NO_RECORDS: Mapping[str, ModuleRecord] = {}


def beside(
    configuration: Configuration,
    everyone: Iterable[LiveConfiguration],
    catalog: Catalog,
    records: Mapping[str, ModuleRecord] = NO_RECORDS,
) -> Configuration:
    """The configuration with what it finds in the cluster.

    A module is somebody else's when the ClusterConfiguration with hosts selects it, when another one enables it, or
    when its record says so. One whose ClusterConfiguration is gone is nobody's. Who writes one where none is followed
    has nothing by that, and stands in nobody's way.
    """
    mine = (configuration.namespace, configuration.name)
    read = [found for one in everyone if (one.namespace, one.name) != mine and (found := _read(one))]
    followed = _followed_namespaces((configuration, *read))
    others = [other for other in read if other.namespace in followed]
    owners = {owner_of(one) for one in read}
    elsewhere = {name: owner_of(other) for other in reversed(others) for name in _has(other, catalog)}
    elsewhere |= {name: record.owner for name, record in records.items() if record.owner in owners}
    cluster = next((other for other in others if other.hosts), None)
    news = {"cluster": None if configuration.hosts else cluster, "elsewhere": elsewhere}
    return configuration.model_copy(update=news)


def site_beside(configuration: Configuration, everyone: Iterable[LiveConfiguration]) -> Configuration:
    """The one that says how the cluster and its registry are: that of the hosts, else the configuration itself."""
    if configuration.hosts:
        return configuration
    mine = (configuration.namespace, configuration.name)
    read = (found for one in everyone if (one.namespace, one.name) != mine and (found := _read(one)))
    return next((other for other in read if other.hosts), configuration)


def owner_of(configuration: Configuration) -> str:
    """How a module record names its ClusterConfiguration."""
    return f"{configuration.namespace}/{configuration.name}"


def _followed_namespaces(configurations: Iterable[Configuration]) -> set[str]:
    """Slipway's own, and those of teams, which only a ClusterConfiguration there names."""
    own = [one.spec.modules.get(OPERATOR) for one in configurations if one.namespace == NAMESPACE]
    named = (module.settings.get("namespaces") for module in own if module)
    return {NAMESPACE, *(name for names in named if isinstance(names, list) for name in names)}


def _read(live: LiveConfiguration) -> Configuration | None:
    """None: it is not accepted, and has nothing."""
    if live.namespace != NAMESPACE and live.spec.get("hosts"):
        return None
    try:
        return parse_spec(live.spec, name=live.name, namespace=live.namespace, generation=live.generation)
    except ConfigurationError:
        return None


def _has(configuration: Configuration, catalog: Catalog) -> Iterable[str]:
    if configuration.hosts:
        return (name for name, chosen in catalog.selection(configuration).items() if chosen.enabled)
    return (name for name, spec in configuration.spec.modules.items() if spec.enabled)

"""Whether a ClusterConfiguration is accepted: by itself (`api`, `catalog`), where it is, and beside the others. Pure.

Two may not share hosts or modules: the oldest wins. Hosts, and what all share, are only in Slipway's own namespace;
other namespaces have to be allowed, since whoever may write there has modules installed.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from slipway.api.read import parse_spec, refusal
from slipway.catalog import Catalog
from slipway.errors import ConflictError, Finding
from slipway.findings import FindingCode
from slipway.model.configuration import Configuration, Spec
from slipway.model.observed import LiveConfiguration
from slipway.planning.beside import beside, site_beside
from slipway.settings import NAMESPACE

#: No module of others is known.
NOBODYS: Mapping[str, str] = {}


def site_of(live: LiveConfiguration, everyone: Sequence[LiveConfiguration]) -> Configuration:
    """The configuration by which the registry is found for this one.

    Raises:
        ConfigurationError: with every mistake in its fields.
    """
    return site_beside(_read(live), everyone)


def accepted_configuration(
    live: LiveConfiguration,
    everyone: Sequence[LiveConfiguration],
    catalog: Catalog,
    allowed: Collection[str] = (),
) -> Configuration:
    """The configuration to follow, with what it finds beside it. `allowed`: namespaces besides Slipway's own.

    Raises:
        ConfigurationError: with every mistake, module names and settings included.
        ConflictError: naming who has it already.
    """
    configuration = beside(_read(live), everyone, catalog)
    findings = [*_misplaced(configuration, allowed), *catalog.check(configuration)]
    if findings:
        raise refusal(findings, where=f"{live.namespace}/{live.name}")
    followed = [one for one in everyone if one.namespace in {NAMESPACE, *allowed}]
    refuse_second_owner(live, followed, configuration.elsewhere)
    return configuration


def _read(live: LiveConfiguration) -> Configuration:
    return parse_spec(live.spec, name=live.name, namespace=live.namespace, generation=live.generation)


def _misplaced(configuration: Configuration, allowed: Collection[str]) -> Iterator[Finding]:
    """What a namespace other than Slipway's own may not have; all of it, where it is not allowed."""
    namespace, cluster = configuration.namespace, configuration.cluster
    if namespace == NAMESPACE:
        if cluster and configuration.spec.module_sources:
            text = f"only ClusterConfiguration {cluster.name}, which has the hosts, names sources of modules"
            yield Finding("spec.moduleSources", text, hint="name it there", code=FindingCode.MODULES_ONLY)
        return
    if namespace not in allowed:
        owner = f"{cluster.namespace}/{cluster.name}" if cluster else f"the operator of {NAMESPACE}"
        yield Finding(
            "metadata.namespace",
            f"no ClusterConfiguration is followed in namespace {namespace}",
            expected="",
            hint=f"name it in spec.modules.operator.settings.namespaces of {owner}",
            code=FindingCode.NAMESPACE,
        )
    unsaid = Spec().model_dump(exclude={"modules"}, by_alias=True)
    said = configuration.spec.model_dump(exclude={"modules"}, by_alias=True)
    for name in (name for name, value in said.items() if value != unsaid[name]):
        text = f"only a ClusterConfiguration in {NAMESPACE} has it: here are modules only"
        yield Finding(f"spec.{name}", text, hint="leave it out", code=FindingCode.MODULES_ONLY)


def refuse_second_owner(
    live: LiveConfiguration, everyone: Sequence[LiveConfiguration], elsewhere: Mapping[str, str] = NOBODYS
) -> None:
    """Refuse what an older ClusterConfiguration has already; `everyone` that is followed is sorted, oldest first.

    `elsewhere`: modules that others have, also those that they do not name but require, and whose they are.
    """
    older = everyone[: _position(live, everyone)]
    findings = [*_hosts(live, older), *_modules(live, older, elsewhere)]
    if findings:
        raise ConflictError(
            "another ClusterConfiguration has this already; the oldest wins",
            where=f"ClusterConfiguration {live.namespace}/{live.name}",
            findings=tuple(findings),
            hint="remove it from one of the two",
        )


def _position(live: LiveConfiguration, everyone: Sequence[LiveConfiguration]) -> int:
    names = [(item.namespace, item.name) for item in everyone]
    mine = (live.namespace, live.name)
    return names.index(mine) if mine in names else len(names)


def _hosts(live: LiveConfiguration, older: Sequence[LiveConfiguration]) -> list[Finding]:
    if not live.host_items:
        return []
    owner = next((item for item in older if item.host_items), None)
    problem = f"the hosts of this cluster are those of {owner.namespace}/{owner.name}" if owner else ""
    return [Finding("spec.hosts", problem, code=FindingCode.SECOND_HOSTS)] if owner else []


def _modules(
    live: LiveConfiguration, older: Sequence[LiveConfiguration], elsewhere: Mapping[str, str]
) -> list[Finding]:
    owners = {f"{item.namespace}/{item.name}": item for item in reversed(older)}
    taken = {name: owner for name, owner in elsewhere.items() if owner in owners}
    for owner, item in owners.items():  # one that is off is nobody's
        specs: Mapping[str, Any] = item.spec.get("modules") or {}
        taken |= {name: owner for name, spec in specs.items() if (spec or {}).get("enabled") is not False}
    return [
        Finding(f"spec.modules.{name}", f"belongs to {taken[name]}", code=FindingCode.SECOND_OWNER)
        for name in live.spec.get("modules") or {}
        if name in taken
    ]

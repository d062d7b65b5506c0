"""Whether a ClusterConfiguration is accepted: by itself (`api`, `catalog`), and beside the others. Pure.

Two may not share hosts or modules: the oldest wins.
"""

from collections.abc import Sequence

from slipway.api.read import parse_spec, refusal
from slipway.catalog import Catalog
from slipway.errors import ConflictError, Finding
from slipway.model.configuration import Configuration
from slipway.model.observed import LiveConfiguration


def accept(live: LiveConfiguration, everyone: Sequence[LiveConfiguration], catalog: Catalog) -> Configuration:
    """The configuration to follow.

    Raises:
        ConfigurationError: with every mistake, module names and settings included.
        ConflictError: naming who has it already.
    """
    configuration = parse_spec(
        live.spec, name=live.name, namespace=live.namespace, generation=live.generation
    )
    findings = catalog.check(configuration)
    if findings:
        raise refusal(findings, where=f"{live.namespace}/{live.name}")
    check_alone(live, everyone)
    return configuration


def check_alone(live: LiveConfiguration, everyone: Sequence[LiveConfiguration]) -> None:
    """Refuse what an older ClusterConfiguration has already; `everyone` is sorted, oldest first."""
    older = everyone[: _position(live, everyone)]
    findings = [*_hosts(live, older), *_modules(live, older)]
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
    if not live.spec.get("hosts"):
        return []
    owner = next((item for item in older if item.spec.get("hosts")), None)
    problem = f"the hosts of this cluster are those of {owner.namespace}/{owner.name}" if owner else ""
    return [Finding("spec.hosts", problem, code="second-hosts")] if owner else []


def _modules(live: LiveConfiguration, older: Sequence[LiveConfiguration]) -> list[Finding]:
    taken = {name: item for item in reversed(older) for name in item.spec.get("modules") or {}}
    return [
        Finding(
            f"spec.modules.{name}",
            f"belongs to {taken[name].namespace}/{taken[name].name}",
            code="second-owner",
        )
        for name in live.spec.get("modules") or {}
        if name in taken
    ]

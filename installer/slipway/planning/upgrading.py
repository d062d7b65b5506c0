"""The way of a module from the version that stands to the one that is wanted, and the way back."""

from collections.abc import Iterable, Iterator, Mapping

from slipway.catalog import Module
from slipway.catalog.relations.succession import UpgradeFrom, UpgradeStep, upgrades_from
from slipway.model.observed import DefinitionChange
from slipway.model.plan import Because, Reason, WayBack
from slipway.model.record import ModuleRecord
from slipway.planning.requests.request import UpgradeRequest, UpgradeStepRequest
from slipway.planning.together.ground import Ground


def way_of(module: Module, record: ModuleRecord | None) -> list[UpgradeFrom]:
    """What the module declares of an upgrade from what stands, oldest first."""
    return upgrades_from(module, record.stood) if record else []


def upgrade_request(ground: Ground, name: str, way: Iterable[UpgradeFrom]) -> UpgradeRequest | None:
    """The same for a run; None: nothing is to be done or known besides."""
    parts = list(way)

    def steps(those: Iterable[UpgradeStep]) -> tuple[UpgradeStepRequest, ...]:
        return tuple(UpgradeStepRequest(one.name, ground.objects(name, one), one.timeout) for one in those)

    made = UpgradeRequest(
        steps(one for part in parts for one in part.before),
        steps(one for part in parts for one in part.after),
        _no_way_back(parts),
    )
    return None if made == UpgradeRequest() else made


def way_reasons(module: Module, record: ModuleRecord, way: Iterable[UpgradeFrom]) -> Iterator[Reason]:
    """What the upgrade stops and what it runs, told before somebody agrees."""
    parts, known = list(way), record.extra.upgrade
    done = known.done if known and known.until == module.version else ()
    versions = f"{record.stood} -> {module.version}"
    for part in parts:
        if part.disruptive:
            yield Reason(Because.EFFECT, f"{versions}: {part.disruptive}")
    for when, steps in (
        ("before it comes", [one for part in parts for one in part.before]),
        ("once it is healthy", [one for part in parts for one in part.after]),
    ):
        for step in steps:
            text = "has run" if step.name in done else f"runs, {step.timeout} s at most"
            yield Reason(Because.EFFECT, f"{versions}: {step.name} {text}, {when}")


def way_back(
    module: Module,
    record: ModuleRecord | None,
    way: Iterable[UpgradeFrom],
    changes: Mapping[str, DefinitionChange],
) -> WayBack | None:
    """How what stands comes back; None: it gets no other version. `changes`: of the definitions that are there."""
    if record is None or record.stood in {"", module.version}:
        return None
    declared = _no_way_back(way)
    stored = (
        f"objects of {name} are stored as {change.stored} from then on, which no definition without it takes"
        for name, change in sorted(changes.items())
        if change.stored
    )
    return WayBack(record.stood, (*((declared,) if declared else ()), *stored), bars=bool(declared))


def _no_way_back(way: Iterable[UpgradeFrom]) -> str:
    return "; ".join(one.no_way_back for one in way if one.no_way_back)

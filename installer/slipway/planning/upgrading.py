"""The way of a module from the version that stands to the one that is wanted, and the way back."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from slipway.catalog import Module
from slipway.catalog.relations.succession import SNAPSHOT, UpgradeFrom, UpgradeStep, upgrades_from
from slipway.model.observed import ClaimObserved, ClusterObserved, DefinitionChange
from slipway.model.plan import Because, Hold, Reason, WayBack
from slipway.model.record import ModuleRecord
from slipway.planning.requests.request import UpgradeRequest, UpgradeStepRequest
from slipway.planning.snapshots import snapshot_reasons, snapshot_step, unread_hold
from slipway.planning.together.ground import Ground


@dataclass(frozen=True, slots=True)
class Way:
    """What a step of a module has besides, where it is an upgrade."""

    request: UpgradeRequest | None = None
    reasons: tuple[Reason, ...] = ()
    asks: bool = False
    """Whether somebody has to agree to it."""
    back: WayBack | None = None
    hold: Hold | None = None


def way_of(ground: Ground, name: str, record: ModuleRecord | None, cluster: ClusterObserved) -> Way:
    """The way from what stands; of what is to be no other version, none."""
    module = ground.catalog.modules[name]
    if record is None or record.stood in {"", module.version}:
        return Way()
    parts = declared(module, record)
    saves = any(one.snapshot for one in parts)
    claims = cluster.claims.get(name, ()) if saves else ()
    done = _done(module, record)
    told = snapshot_reasons(claims, taken=SNAPSHOT in done)
    return Way(
        request=_request(ground, name, parts, claims),
        reasons=(*told, *_reasons(f"{record.stood} -> {module.version}", parts, done)),
        asks=any(one.disruptive or one.no_way_back for one in parts)
        or any(not claim.snapshot_class for claim in claims),
        back=_back(record.stood, _no_way_back(parts), cluster.definitions.get(name, {}), claims),
        hold=unread_hold(name) if saves and name not in cluster.claims else None,
    )


def saves_claims(module: Module, record: ModuleRecord | None) -> bool:
    """Whether an upgrade from what stands takes snapshots of the module's claims."""
    return record is not None and any(one.snapshot for one in declared(module, record))


def declared(module: Module, record: ModuleRecord) -> list[UpgradeFrom]:
    """What the module says of an upgrade from what stands, oldest first."""
    return upgrades_from(module, record.stood)


def _request(
    ground: Ground, name: str, parts: Sequence[UpgradeFrom], claims: Iterable[ClaimObserved]
) -> UpgradeRequest | None:
    """What a run has to know of it; None: nothing besides its releases."""

    def steps(those: Iterable[UpgradeStep]) -> tuple[UpgradeStepRequest, ...]:
        return tuple(UpgradeStepRequest(one.name, ground.objects(name, one), one.timeout) for one in those)

    saving = snapshot_step(claims, ground.catalog.modules[name].version)
    made = UpgradeRequest(
        ((saving,) if saving else ()) + steps(one for part in parts for one in part.before),
        steps(one for part in parts for one in part.after),
        _no_way_back(parts),
    )
    return None if made == UpgradeRequest() else made


def _done(module: Module, record: ModuleRecord) -> tuple[str, ...]:
    """Steps of this very upgrade that have ended well."""
    known = record.extra.upgrade
    return known.done if known and known.until == module.version else ()


def _reasons(versions: str, parts: Sequence[UpgradeFrom], done: Collection[str]) -> Iterator[Reason]:
    """What the upgrade stops and what it runs, told before somebody agrees."""
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


def _back(
    version: str,
    barred: str,
    changes: Mapping[str, DefinitionChange],
    claims: Iterable[ClaimObserved],
) -> WayBack:
    """How that version comes back. `changes`: of the definitions that are there."""
    stored = (
        f"objects of {name} are stored as {change.stored} from then on, which no definition without it takes"
        for name, change in sorted(changes.items())
        if change.stored
    )
    saved = tuple(str(claim) for claim in claims if claim.snapshot_class)
    return WayBack(version, (*((barred,) if barred else ()), *stored), bars=bool(barred), saved=saved)


def _no_way_back(parts: Sequence[UpgradeFrom]) -> str:
    return "; ".join(one.no_way_back for one in parts if one.no_way_back)

"""Is there room for what the modules ask? Told before the first change; a pod that finds none only says Pending."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from slipway.catalog import Catalog, Module
from slipway.errors import ERROR, WARNING, Finding
from slipway.findings import FindingCode
from slipway.model.amounts import Amount, total
from slipway.model.configuration import Configuration
from slipway.model.observed import HostObserved, NodeObserved, Observed
from slipway.model.plan import Action, Change, Plan, StepKind
from slipway.planning.beside import owner_of
from slipway.planning.kubeadm import taints

#: Requests that kubeadm writes into the static pods of a control plane: API server, controller manager, scheduler, etcd
#: (kubernetes/cmd/kubeadm/app/phases/controlplane and etcd: componentResources, 100m and 100Mi of etcd).
CONTROL_PLANE: Final = Amount(650, 100 << 20)
#: Of the two pods of CoreDNS (kubeadm/app/phases/addons/dns).
DNS: Final = Amount(200, 140 << 20)
#: What a kubelet keeps free of pods unless it is told otherwise (kubelet: evictionHard memory.available).
EVICTION: Final = 100 << 20
#: Share of what there is from which on it is said.
NEARLY_FULL: Final = 0.8
#: The largest modules that are named.
NAMED: Final = 3
_KEEPS_AWAY: Final = frozenset({"NoSchedule", "NoExecute"})


def capacity_findings(
    configuration: Configuration, catalog: Catalog, observed: Observed, plan: Plan
) -> Iterator[Finding]:
    """Nothing where the plan brings no module, or where nobody knows what a node has.

    An error where it brings one that finds no room, else a warning: what runs already is not mended by a refusal.
    """
    applied = [step for step in plan.steps if step.kind is StepKind.MODULE and step.action == Action.APPLY]
    if not applied:
        return
    asked = _asked(configuration, catalog, observed)
    have = _free(configuration, observed, total(_amount(*one, per_node=True) for one in asked.values()))
    if have is None:
        return
    fixed = {name: _amount(*one, per_node=False) for name, one in asked.items()}
    need = total([*fixed.values(), DNS] if configuration.hosts else fixed.values())
    lacking = need.beyond(have)
    if need.share_of(have) <= NEARLY_FULL:
        return
    largest = sorted(fixed, key=lambda name: (-fixed[name].share_of(have), name))[:NAMED]
    named = ", ".join(f"{name} ({fixed[name]})" for name in largest if fixed[name])
    said = "too little capacity" if lacking else "capacity is nearly used up"
    new = {step.target for step in applied if step.change is Change.CREATE}
    yield Finding(
        "spec.modules",
        f"{said}: need {need}, have {have}, the largest are {named}",
        expected=f"{lacking} more" if lacking else "room for workloads",
        hint=_way_out(catalog, configuration, fixed, new, lacking) if lacking else "add a host",
        code=FindingCode.CAPACITY,
        severity=ERROR if lacking and new else WARNING,
    )


def _asked(
    configuration: Configuration, catalog: Catalog, observed: Observed
) -> dict[str, tuple[Module, Mapping[str, Any]]]:
    """Modules that will be on, whoever has them, with their settings; those of others with the defaults."""
    selection = catalog.selection(configuration)
    mine = [name for name, chosen in selection.items() if chosen.enabled]
    owner = owner_of(configuration)
    records = observed.cluster.modules.items()
    others = [name for name, one in records if one.owner != owner and name in catalog.modules]
    specs = configuration.spec.modules
    asked: dict[str, Mapping[str, Any]] = {name: {} for name in others}
    asked |= {name: specs[name].settings if name in specs else {} for name in mine}
    return {
        name: (catalog.modules[name], catalog.settings(catalog.modules[name], settings))
        for name, settings in asked.items()
    }


def _amount(module: Module, settings: Mapping[str, Any], *, per_node: bool) -> Amount:
    """What it asks of the cluster, or of each node."""
    return total(
        request.amount * _times(request.times, settings)
        for request in module.resources
        if request.per_node is per_node
    )


def _times(path: str, settings: Mapping[str, Any]) -> int:
    found: Any = settings
    for key in path.split(".") if path else ():
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if path and isinstance(found, int) else 1


def _free(configuration: Configuration, observed: Observed, everywhere: Amount) -> Amount | None:
    """What nodes have for pods that ask for none in particular; None: nobody knows, or there is no such node.

    Each node has less by what every one of them runs (`everywhere`), a control plane by its own components.
    """
    nodes = observed.cluster.nodes
    free: list[Amount] = []
    for host in configuration.hosts:
        has = _allocatable(nodes.get(host.name), observed.hosts.get(host.name))
        if not has:
            return None
        own = CONTROL_PLANE if host.control_plane else Amount()
        if not any(taint["effect"] in _KEEPS_AWAY for taint in taints(host)):
            free.append(has.beyond(everywhere + own))
    if not configuration.hosts:  # those of another one, as they say of themselves
        if not all(node.allocatable for node in nodes.values()):
            return None
        away = {
            name
            for name, node in nodes.items()
            for taint in node.taints
            if taint.get("effect") in _KEEPS_AWAY
        }
        free = [node.allocatable.beyond(everywhere) for name, node in nodes.items() if name not in away]
    return total(free) if free else None


def _allocatable(node: NodeObserved | None, seen: HostObserved | None) -> Amount:
    """As its kubelet says; of a host that is no node yet, what a kubelet would say."""
    if node and node.allocatable:
        return node.allocatable
    if seen is None or not seen.facts.memory:
        return Amount()
    return Amount(seen.facts.cpus * 1000, (seen.facts.memory << 20) - EVICTION)


def _way_out(
    catalog: Catalog,
    configuration: Configuration,
    fixed: Mapping[str, Amount],
    new: set[str],
    lacking: Amount,
) -> str:
    """The smallest of the modules that come which would do by itself, or else all that nobody needs; or a host."""
    selection = catalog.selection(configuration)
    needed = {name for chosen in selection.values() if chosen.enabled for name in chosen.requires}
    free = sorted(new - needed, key=lambda name: (fixed[name].cpu, fixed[name].memory, name))
    alone = [name for name in free if not lacking.beyond(fixed[name])]
    room = f"add hosts with {lacking}"
    if alone:
        return f"spec.modules.{alone[0]}.enabled: false; or {room}"
    if free and not lacking.beyond(total(fixed[name] for name in free)):
        chosen: list[str] = []
        for name in reversed(free):  # the largest first: fewest modules
            chosen.append(name)
            if not lacking.beyond(total(fixed[one] for one in chosen)):
                break
        return f"{', '.join(f'spec.modules.{name}.enabled: false' for name in chosen)}; or {room}"
    return room

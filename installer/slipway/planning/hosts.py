"""Steps of hosts: roles, the Node's metadata, and hosts that left."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from slipway.model.bundle import BundleManifest
from slipway.model.configuration import Configuration
from slipway.model.host.items import Host
from slipway.model.observed import NodeObserved, Observed
from slipway.model.plan import REPLICA, Action, Because, Change, Reason, Step, StepId, StepKind
from slipway.model.record import StepRecord
from slipway.planning.decide import Desired, Seen, decide
from slipway.planning.digests import digest
from slipway.planning.encryption import REWRITE_STEP, encryption_of, with_stage
from slipway.planning.holding import at_once, away
from slipway.planning.kubeadm import taints
from slipway.planning.labels import OF_GPUS, node_labels
from slipway.planning.recorded import intents_of, records_of
from slipway.planning.returned import returned
from slipway.planning.roles import BY_NAME, role_variables, roles_of
from slipway.planning.roles.facts import Facts, facts_of
from slipway.planning.roles.kubernetes import CONTROL_PLANE

MIRROR_STEP = "mirror/site/push"
#: The copy on a second host: nothing waits for it.
REPLICA_STEP = f"mirror/{REPLICA}/push"
#: Image names of pods, where Docker runs: the rule comes, the rule goes.
IMAGE_NAMES = "image-names"
ADMISSION_STEP = str(StepId(StepKind.ADMISSION, IMAGE_NAMES, Action.APPLY))
WITHDRAWAL_STEP = str(StepId(StepKind.ADMISSION, IMAGE_NAMES, Action.REMOVE))


def step_id(host: str, role: str) -> str:
    """Id of a host's role step."""
    return str(StepId(StepKind.HOST, host, role))


def membership_step(host: Host) -> str:
    """The step after which the host is a node."""
    return step_id(host.name, "kubernetes_control_plane" if host.control_plane else "kubernetes_worker")


def host_steps(
    configuration: Configuration, roles: Mapping[str, str], bundle: BundleManifest, observed: Observed
) -> Iterator[Step]:
    """Every role step that has to run, host by host in the order given."""
    steps = tuple(_each(configuration, roles, bundle, observed))
    yield from _host_by_host(steps, configuration, observed)


def _each(
    configuration: Configuration, roles: Mapping[str, str], bundle: BundleManifest, observed: Observed
) -> Iterator[Step]:
    encryption = encryption_of(configuration, observed)
    for host in configuration.hosts:
        facts = replace(known(observed, host.name), keys=encryption.planes.get(host.name, ()))
        mine = roles_of(configuration, host, facts)
        for role in mine:
            kind = BY_NAME[role]
            desired = Desired(
                kind=StepKind.HOST,
                target=host.name,
                action=role,
                inputs=role_variables(configuration, bundle, host, role, facts),
                content=roles.get(role, ""),
                needs=_needs(configuration, observed, host, role, mine[: mine.index(role)]),
                rolling=kind.rolling,
                disruptive=_named(role, kind.disruptive | kind.disruptive_on(host)),
                destructive=_named(role, kind.destructive),
                disruptive_drift=partial(kind.disruptive_drift, host),
            )
            step = decide(desired, _seen(observed, host, role), observed.secrets)
            if step:
                yield _told(with_stage(step, encryption), host, observed)


def _told(step: Step, host: Host, observed: Observed) -> Step:
    """With what it will do to the host as it is now. Only a host that was read tells."""
    seen = observed.hosts.get(host.name)
    if seen is None or not seen.reachable:
        return step
    found = tuple(BY_NAME[step.action].consequences(host, seen))
    reasons = tuple(Reason(Because.EFFECT, consequence.text) for consequence in found)
    lost = any(consequence.destructive for consequence in found)
    return replace(step, reasons=(*step.reasons, *reasons), destructive=step.destructive or lost)


def _host_by_host(
    steps: tuple[Step, ...], configuration: Configuration, observed: Observed
) -> Iterator[Step]:
    """The same with rolling steps waiting for those of the hosts before: one that fails stops the rest.

    A host that does not answer is none of those before.
    """
    rolling = [step for step in steps if step.rolling and step.action != CONTROL_PLANE.name]
    rolling = [step for step in rolling if not away(observed, step.target)]
    most = at_once(configuration, observed)
    waits: dict[str, tuple[str, ...]] = {}
    for action in {step.action for step in rolling}:
        mine = [step.id for step in rolling if step.action == action]
        for index, name in enumerate(mine):
            begin = index - index % most
            waits[name] = tuple(mine[max(begin - most, 0) : begin])
    for step in steps:
        yield replace(step, needs=(*step.needs, *waits.get(step.id, ())))


def node_steps(
    configuration: Configuration, observed: Observed, host_plan: tuple[Step, ...]
) -> Iterator[Step]:
    """Metadata of nodes whose labels, taints or mirrored records are not what they should be."""
    of_host: dict[str, list[Step]] = {}
    for step in host_plan:
        of_host.setdefault(step.target, []).append(step)
    for host in configuration.hosts:
        node = observed.cluster.nodes.get(host.name)
        mine = of_host.get(host.name, [])
        records = _records_after(observed, host, mine)
        inputs: dict[str, Any] = {
            "labels": node_labels(host, known(observed, host.name), observed.hosts.get(host.name), node),
            "taints": taints(host),
            "records": {role: {"digest": r.digest, "parts": r.parts} for role, r in records.items()},
            "address": host.address,
        }
        reasons = tuple(_node_reasons(host, node, records, inputs, changing=bool(mine)))
        if reasons:
            yield Step(
                id=f"{StepKind.NODE}/{host.name}/{Action.METADATA}",
                kind=StepKind.NODE,
                target=host.name,
                action=Action.METADATA,
                change=Change.UPDATE if node else Change.CREATE,
                digest=digest(inputs, observed.secrets),
                needs=tuple(dict.fromkeys((membership_step(host), *(step.id for step in mine)))),
                reasons=reasons,
                inputs=inputs,
            )


def known(observed: Observed, host: str) -> Facts:
    """What this reading tells of a host."""
    return facts_of(observed.hosts.get(host), records_of(observed, host))


def _named(role: str, names: frozenset[str]) -> frozenset[str]:
    return frozenset(f"{role}_{name}" for name in names)


def _needs(
    configuration: Configuration, observed: Observed, host: Host, role: str, before: tuple[str, ...]
) -> tuple[str, ...]:
    earlier = [other for other in before if other != "registry"]
    needs = [step_id(host.name, earlier[-1])] if earlier else []
    takes_packages = role == "node_disks" and host not in configuration.registry_hosts
    if role == "node_prepare" or takes_packages:
        needs.append(MIRROR_STEP)
    planes = configuration.control_planes
    if role == "kubernetes_control_plane" and planes.index(host) > 0:
        others = [plane for plane in planes[: planes.index(host)] if not away(observed, plane.name)]
        needs.append(step_id(others[-1].name if others else planes[0].name, role))
    if role == "kubernetes_control_plane":
        needs.append(WITHDRAWAL_STEP)  # afterwards it may serve no such rules any more
        needs.append(REWRITE_STEP)  # afterwards it may read no other key any more
    if role == "kubernetes_worker":
        needs.append(step_id(planes[0].name, "kubernetes_control_plane"))
    if role == "kubernetes_worker" and host.settings.runtime.type == "docker":
        needs.append(ADMISSION_STEP)  # pods come to it at once
    return tuple(needs)


def _seen(observed: Observed, host: Host, role: str) -> Seen:
    seen = observed.hosts.get(host.name)
    record = records_of(observed, host.name).get(role)
    if seen is None or not seen.reachable:
        return Seen(record, intents_of(observed, host.name))
    mine = (drift for drift in seen.drift if drift.step == step_id(host.name, role))
    return Seen(record, seen.intents, (*mine, *returned(host, seen, role)))


def _records_after(observed: Observed, host: Host, mine: Iterable[Step]) -> dict[str, StepRecord]:
    done = {step.action: StepRecord(step.digest, step.parts) for step in mine}
    return {**records_of(observed, host.name), **done}


def _node_reasons(
    host: Host,
    node: NodeObserved | None,
    records: Mapping[str, StepRecord],
    inputs: Mapping[str, Any],
    *,
    changing: bool,
) -> Iterator[Reason]:
    if node is None:
        yield Reason(Because.ABSENT, "the node is new")
        return
    labels = inputs["labels"]
    stale = set(node.owned_labels) - set(labels)
    wrong = stale | {key for key, value in labels.items() if node.labels.get(key) != value}
    if wrong - (OF_GPUS - set(host.settings.labels)):
        path = f"spec.hosts.items[{host.name}].settings.labels"
        yield Reason(Because.FIELD, f"{path} changed", path)
    elif wrong:
        path = f"spec.hosts.items[{host.name}].settings.nvidia"
        yield Reason(Because.FOLLOWS, "its labels tell of its GPUs", path)
    wanted = {(t["key"], t.get("value", ""), t["effect"]) for t in inputs["taints"]}
    there = {(t["key"], t.get("value", ""), t["effect"]) for t in node.taints}
    owned = {tuple(item.rsplit(":", 1)) for item in node.owned_taints}
    surplus = {t for t in there - wanted if (t[0], t[2]) in owned}
    if wanted - there or surplus:
        path = f"spec.hosts.items[{host.name}].settings.taints"
        yield Reason(Because.FIELD, f"{path} changed", path)
    mirrored = {role: record.digest for role, record in node.records.items()}
    if changing:  # its copy says so until it is written anew
        yield Reason(Because.FOLLOWS, "keeps a copy of the host's new records")
    elif node.begun or mirrored != {role: record.digest for role, record in records.items()}:
        yield Reason(Because.DRIFT, "its copy of the host's records is out of date")
    elif node.address != host.address:
        yield Reason(Because.DRIFT, f"its record does not say that its machine is at {host.address}")

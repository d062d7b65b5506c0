"""Where things stand, for `slipway status`: the cluster and its operation, or before there is one, the hosts.

Reads only, and no more than it shows: no bundle, no plan, no look for drift.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slipway.clock import utc_text
from slipway.engine import journal
from slipway.engine.context import Context
from slipway.engine.kubeconfig import fetch_kubeconfig
from slipway.errors import SlipwayError
from slipway.holders import name_of
from slipway.model.configuration import Configuration
from slipway.model.observed import ClusterObserved, HostObserved, LiveConfiguration
from slipway.model.operation import ProgressKind
from slipway.model.plan import StepId
from slipway.model.record import ModulePhase
from slipway.model.standing import Ailment, Cause, Part, Standing
from slipway.model.status import ConditionType, Phase, ReadyReason, TargetPhase
from slipway.planning.roles import roles_of
from slipway.planning.roles.facts import Facts
from slipway.planning.standing import owned, standing_of
from slipway.probe.fleet import Fleet
from slipway.probe.hosts import read_hosts

#: Phase of a cluster that was there (its kubeconfig is) and whose API does not answer.
UNREACHABLE = "Unreachable"


@dataclass(frozen=True, slots=True)
class Target:
    """One line: a condition, a node, a module or a host."""

    name: str
    state: str
    version: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One that runs or ran. `where`: `here` or `operator`; `now`: what it is doing."""

    id: str
    where: str
    outcome: str = ""
    started: str = ""
    now: str = ""
    percent: int = 0

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return not self.outcome


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it. `cluster` false: there is no API to ask, `why` says more, and `hosts` what their records say."""

    name: str
    read_at: str
    cluster: bool
    phase: str = ""
    why: str = ""
    version: str = ""
    conditions: tuple[Target, ...] = ()
    nodes: tuple[Target, ...] = ()
    modules: tuple[Target, ...] = ()
    hosts: tuple[Target, ...] = ()
    operations: tuple[Operation, ...] = field(default=())
    standing: Standing = field(default_factory=Standing)
    """What is sick now."""
    certificates: str = ""
    """When those of the control plane end (ISO 8601); empty where nobody said."""

    @property
    def degraded(self) -> bool:
        """Whether something is not well, as seen now or as its operator says."""
        return not self.standing.well or self.phase in {Phase.DEGRADED, Phase.FAILED, UNREACHABLE}


def overview(context: Context) -> Overview:
    """Look once."""
    observed, hosts = _cluster(context), {}
    if not observed.reachable:
        hosts = _hosts(context)
        planes = [host.name for host in context.configuration.control_planes]
        if any(hosts[name].kubernetes for name in planes) and fetch_kubeconfig(context):
            observed = _cluster(context)
    own = newest_here(context.state / "operations")
    read_at = utc_text()
    if not observed.reachable:
        return Overview(
            name=context.configuration.name,
            read_at=read_at,
            cluster=False,
            phase=UNREACHABLE if context.kubeconfig and context.kubeconfig.exists() else "no cluster",
            why=observed.error,
            hosts=tuple(_host(seen, context.configuration) for seen in hosts.values()),
            operations=own,
        )
    live = _live(context, observed)
    status = live.status if live else {}
    now = with_failed(standing_of(context.configuration, observed, expected=_named(live)), context, observed)
    return Overview(
        name=context.configuration.name,
        read_at=read_at,
        cluster=True,
        phase=_phase(live, now),
        version=observed.version,
        conditions=tuple(_conditions(status, now)),
        nodes=tuple(_nodes(observed)),
        modules=tuple(_modules(observed)),
        operations=(*operation_of_operator(status), *own),
        standing=now,
        certificates=_certificates(context),
    )


def with_failed(now: Standing, context: Context, observed: ClusterObserved) -> Standing:
    """What is sick, and modules whose last change failed: nobody looks at their objects until they are mended."""
    failed = (
        Ailment(Part.MODULE, name, Cause.FAILED, record.message or "its last change failed", record.time)
        for name, record in sorted(observed.modules.items())
        if record.phase is ModulePhase.FAILED and owned(context.configuration, record)
    )
    return replace(now, sick=(*now.sick, *failed))


def _certificates(context: Context) -> str:
    from slipway.cluster.rest.certificates import api_certificate_end

    end = api_certificate_end(context.client())
    return utc_text(datetime.fromtimestamp(end, UTC)) if end else ""


def newest_here(directory: Path) -> tuple[Operation, ...]:
    """The newest operation of this machine's journal."""
    name, happened = journal.newest_operation(directory)
    if not happened:
        return ()
    started = utc_text(datetime.fromtimestamp(happened[0]["time"], UTC))
    if happened[-1]["kind"] == ProgressKind.FINISHED:
        return (Operation(name, "here", happened[-1]["text"], started, percent=100),)
    if journal.running_process(directory) is None:
        return (Operation(name, "here", "interrupted", started, _now(happened)),)
    last = {event["step"]: event["kind"] for event in happened}  # a step that is tried again ends twice
    ended = list(last.values()).count(ProgressKind.STEP_FINISHED)
    share = ended * 100 // max(1, len(happened[0]["data"].get("steps", ())))
    return (Operation(name, "here", "", started, _now(happened), share),)


def operation_of_operator(status: dict[str, Any]) -> Iterable[Operation]:
    """The operation that a ClusterConfiguration's status tells of."""
    told = status.get("operation") or {}
    if told.get("id"):
        yield Operation(
            told["id"],
            "operator",
            told.get("outcome", ""),
            told.get("started", ""),
            told.get("step", ""),
            told.get("percent", 0),
        )


def _now(happened: list[dict[str, Any]]) -> str:
    """Steps that began and did not end, each with the last that was heard of it."""
    open_steps: dict[str, str] = {}
    for event in happened:
        if event["kind"] == ProgressKind.STEP_STARTED:
            open_steps[event["step"]] = ""
        elif event["kind"] == ProgressKind.STEP_FINISHED:
            open_steps.pop(event["step"], None)
        elif event["kind"] in {ProgressKind.TASK, ProgressKind.WAITS} and event["step"] in open_steps:
            open_steps[event["step"]] = event["text"]
    return ", ".join(f"{step} ({task})" if task else step for step, task in open_steps.items())


def _cluster(context: Context) -> ClusterObserved:
    from slipway.cluster.observe import observe

    if context.kubeconfig and not context.kubeconfig.exists():
        return ClusterObserved(reachable=False, error="no kubeconfig of it on this machine")
    try:
        return observe(context.client(), expectations=context.catalog.expectations)
    except SlipwayError as error:
        return ClusterObserved(reachable=False, error=error.what)


def _live(context: Context, observed: ClusterObserved) -> LiveConfiguration | None:
    mine = (context.configuration.namespace, context.configuration.name)
    return next((c for c in observed.configurations if (c.namespace, c.name) == mine), None)


def _named(live: LiveConfiguration | None) -> set[str]:
    """Hosts of the ClusterConfiguration in the cluster: they have to be there."""
    items = ((live.spec.get("hosts") or {}).get("items") or ()) if live else ()
    return {item["name"] for item in items}


def _phase(live: LiveConfiguration | None, now: Standing) -> str:
    """What the operator said last, unless it is too good for what is seen now: it may be gone itself."""
    if live is None:
        return "not in the cluster yet"
    told = str(live.status.get("phase", ""))
    return Phase.DEGRADED if told in {Phase.READY, ""} and not now.well else told


def _conditions(status: dict[str, Any], now: Standing) -> Iterable[Target]:
    """As the operator said them last, but none is true that is not so now."""
    sick = {part: [one.name for one in now.sick if one.part is part] for part in Part}
    against = {
        ConditionType.HOSTS_READY: sick[Part.NODE],
        ConditionType.MODULES_READY: sick[Part.MODULE],
        ConditionType.READY: [one.name for one in now.sick],
    }
    for one in status.get("conditions") or ():
        names = list(dict.fromkeys(against.get(one["type"], ())))
        if one["status"] == "True" and names:
            yield Target(one["type"], "False", ReadyReason.DEGRADED, f"not well: {', '.join(names)}")
        else:
            yield Target(one["type"], one["status"], one.get("reason", ""), one.get("message", ""))


def _modules(observed: ClusterObserved) -> Iterable[Target]:
    for name, record in sorted(observed.modules.items()):
        ailments = observed.sick.get(name, ())
        message = "; ".join(one.message for one in ailments) or record.message
        yield Target(name, TargetPhase.UNHEALTHY if ailments else record.phase, record.version, message)


def _nodes(observed: ClusterObserved) -> Iterable[Target]:
    for _, node in sorted(observed.nodes.items()):
        yield Target(
            node.name, TargetPhase.READY if node.ready else TargetPhase.NOT_READY, node.version, node.message
        )


def _hosts(context: Context) -> dict[str, HostObserved]:
    hosts = context.configuration.hosts
    if not hosts:
        return {}
    with Fleet(hosts, context.access()) as fleet:
        return read_hosts(context.configuration, fleet, deep=False)


def _host(host: HostObserved, configuration: Configuration) -> Target:
    if not host.reachable:
        return Target(host.name, host.error_code, message=host.error)
    wanted = next(item for item in configuration.hosts if item.name == host.name)
    roles = roles_of(configuration, wanted, Facts(gpus=bool(host.survey.gpus)))
    done = [role for role in roles if role in host.records]
    state = "installed" if len(done) == len(roles) else f"{len(done)} of {len(roles)} steps"
    rest = [role for role in roles if role not in done]
    begun = [StepId.parse(intent.step).action for intent in host.intents]
    notes = [f"in {', '.join(begun)}"] if begun else [f"next: {rest[0]}"] if rest else []
    if host.lock and host.lock.left:
        notes.append(f"held by {name_of(host.lock.holder)}")
    return Target(host.name, state, message="; ".join(notes))

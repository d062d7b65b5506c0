"""Host steps: one Ansible run over the hosts of the batch, each carrying its own steps and their variables."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from slipway.catalog import Catalog, Stage
from slipway.engine.artifacts import local_artifacts, local_packages
from slipway.engine.board import Board
from slipway.engine.interpreter import ensure_python
from slipway.engine.run import Run
from slipway.model.bundle import BundleManifest
from slipway.model.configuration import Configuration
from slipway.model.host.items import REGISTRY_GROUP, WORKERS, Host
from slipway.model.operation import Failure
from slipway.model.plan import Step
from slipway.model.systems import system_of
from slipway.planning.draining import MEMBERSHIP
from slipway.planning.sitenames import has_docker, site_name
from slipway.probe.fleet import Fleet
from slipway.runner import (
    EventKind,
    RunnerEvent,
    RunnerFailure,
    RunnerResult,
    connection_variables,
    interpreter,
)
from slipway.runner import (
    run as run_playbook,
)

PLAYBOOK = "install.yml"

#: Of Kubernetes' own images, those that every node needs.
SANDBOX = "/pause"
ON_EVERY_NODE = ("/kube-proxy", SANDBOX)


def run_hosts(steps: tuple[Step, ...], run: Run) -> None:
    """Run the roles; a step has succeeded when its record is on its host."""
    board, context = run.board, run.context
    giver = credentials_host(steps, run)
    steps, pythons = _with_python(steps, run, giver)
    if not steps:
        return
    board.counts.ansible_runs += 1
    result = run_playbook(
        PLAYBOOK,
        hosts=host_variables(steps, run, pythons, giver),
        groups=hosts_by_role(context.configuration.hosts, registry=context.configuration.registry_hosts),
        extra=run_variables(run),
        directory=context.state / "runs",
        secrets=context.secret,
        known_hosts=context.known_hosts,
        on_event=listener(steps, board),
        cancelled=run.cancelled,
    )
    if not run.cancelled():
        explain_unrecorded(steps, result, run)


def listener(steps: Iterable[Step], board: Board) -> Callable[[RunnerEvent], None]:
    """What tells the board how far these steps are. A host's word counts for its own."""
    planned = {(step.target, step.id) for step in steps}
    changed: Counter[str] = Counter()
    current: dict[str, str] = {}

    def on_event(event: RunnerEvent) -> None:
        if event.step and (event.host, event.step) not in planned:
            return
        if event.kind is EventKind.STEP_BEGUN:
            current[event.host] = event.step
            board.begin(event.step)
        elif event.kind is EventKind.STEP_DONE:
            board.succeed(event.step, changed=changed[event.step])
            current.pop(event.host, None)
        elif event.kind is EventKind.TASK_STARTED:
            board.task(event.host, event.task, current.get(event.host, ""))
        elif event.kind is EventKind.CHANGED:
            changed[current.get(event.host, "")] += 1

    return on_event


def credentials_host(steps: Iterable[Step], run: Run) -> str:
    """The control plane that lets others join: the first one, or while that does not answer, another member.

    In no digest: who gave the credentials makes no difference afterwards.
    """
    first, *others = run.context.configuration.control_planes
    if not any(step.action in MEMBERSHIP for step in steps):
        return first.name
    nodes = run.observed.cluster.nodes
    members = [first, *(plane for plane in others if plane.name in nodes)]
    with Fleet(members, run.context.access()) as fleet:
        answers, _ = fleet.each(lambda session: session.run("true"))
    return next((plane.name for plane in members if plane.name in answers), first.name)


def _with_python(
    steps: tuple[Step, ...], run: Run, giver: str
) -> tuple[tuple[Step, ...], dict[str, bool | None]]:
    """Steps of hosts on which Ansible has a Python, and which one; the others have failed."""
    names = _names(steps, run, giver)
    chosen = [host for host in run.context.configuration.hosts if host.name in names]
    pythons, errors = ensure_python(run.context, chosen, run.observed.hosts, run.pythons)
    for step in steps:
        if step.target in errors:
            run.board.fail_with(step.id, errors[step.target])
    return tuple(step for step in steps if step.target not in errors), pythons


def _names(steps: Iterable[Step], run: Run, giver: str) -> set[str]:
    """Hosts of the batch, who lets others join, and the first control plane, whose plan joining hosts look at."""
    return {step.target for step in steps} | {run.context.configuration.control_planes[0].name, giver}


def explain_unrecorded(steps: Iterable[Step], result: RunnerResult, run: Run) -> None:
    """Give every step that has no record its reason."""
    open_steps = list(steps)
    for failure in result.failures:
        step = failed_step(open_steps, failure, run.board.results)
        if step:
            run.board.fail(step.id, failure_of(failure, result))
        if failure.unreachable:
            run.board.silent.add(failure.host)
    log = f"the run's log: {result.log}" if result.log else ""
    # Ansible ends a run when all hosts of one play failed: what comes after is none the worse, and runs again.
    ended = Failure("the run ended before this step", hint=log, retryable=True)
    run.board.end_batch(open_steps, ended)


def failure_of(failure: RunnerFailure, result: RunnerResult) -> Failure:
    """A host's failure in our words."""
    where = f"host/{failure.host}" + (f", role {failure.role}" if failure.role else "")
    hint = f"log: {result.log}" if result.log else ""
    return Failure(f"{failure.task}: {failure.message}", where, failure.why, hint, failure.unreachable)


def failed_step(steps: Iterable[Step], failure: RunnerFailure, ended: Container[str]) -> Step | None:
    """The step that the failure names, or of its role, else the first one of its host that has not ended."""
    mine = [s for s in steps if s.target == failure.host and s.id not in ended]
    named = [s for s in mine if s.id == failure.step or s.action == failure.role]
    return next(iter(named or mine), None)


def host_variables(
    steps: Iterable[Step], run: Run, pythons: Mapping[str, bool | None], giver: str
) -> dict[str, dict[str, Any]]:
    """Variables of every host of the batch, and of the control plane that lets others join."""
    context = run.context
    chosen = _names(steps, run, giver)
    variables: dict[str, dict[str, Any]] = {}
    for host in context.configuration.hosts:
        if host.name not in chosen:
            continue
        mine = [step for step in steps if step.target == host.name]
        variables[host.name] = {
            **connection_variables(context.configuration.ssh_of(host), host.address, context.known_hosts),
            **interpreter(bundled=pythons.get(host.name)),
            **{name: value for step in mine for name, value in step.inputs.items()},
            "slipway_steps": {step.action: _step_variables(step, run) for step in mine},
            "slipway_local_artifacts": _carried(mine, run),
            "slipway_epoch": run.locks.epoch_on(host.name),
        }
        if host.control_plane:  # others join by it, also when it has no step itself
            variables[host.name]["kubernetes_control_plane_address"] = host.address
        for step in mine:
            if step.action in MEMBERSHIP:
                variables[host.name][f"{step.action}_credentials_host"] = giver
        seen = run.observed.hosts.get(host.name)
        if seen and seen.reachable:
            variables[host.name]["slipway_facts"] = asdict(seen.facts)
    return variables


def _carried(steps: Iterable[Step], run: Run) -> dict[str, str]:
    """What goes to one host over SSH, by name: two hosts of the registry may have different processors."""
    wanted = [step.inputs["registry_artifact"] for step in steps if "registry_artifact" in step.inputs]
    return {
        **local_artifacts(run.context, wanted),
        **local_packages(run.context, _carried_packages(steps, run)),
    }


def _step_variables(step: Step, run: Run) -> dict[str, Any]:
    catalog = run.context.catalog
    return {
        "step": step.id,
        "digest": step.digest,
        "parts": step.parts,
        "catalog": catalog.digest,
        "version": catalog.version,
    }


def hosts_by_role(hosts: Iterable[Host], *, registry: Iterable[Host]) -> dict[str, list[str]]:
    """Inventory groups by role."""
    members = list(hosts)
    return {
        "control_planes": [host.name for host in members if host.control_plane],
        WORKERS: [host.name for host in members if not host.control_plane],
        REGISTRY_GROUP: [host.name for host in registry],
    }


def run_variables(run: Run) -> dict[str, Any]:
    """Variables of the run itself, which enter no digest."""
    return {
        "slipway_operation": run.board.operation,
        "slipway_holder": run.context.holder,
        "slipway_site": run.observed.site,
        "slipway_images": first_images(run.context.configuration, run.context.catalog, run.context.manifest),
    }


def _carried_packages(steps: Iterable[Step], run: Run) -> list[dict[str, Any]]:
    """Package repositories that go to the registry's host over SSH: its disks come before its registry."""
    mine = [step for step in steps if step.action == "node_disks" and not step.inputs["node_disks_registry"]]
    found = []
    for step in mine:
        seen = run.observed.hosts.get(step.target)
        facts = seen.facts if seen and seen.reachable else None
        repositories = step.inputs["node_disks_repositories"]
        own = system_of(facts.os_id, facts.os_version, repositories) if facts else ""
        found += [one for system, one in repositories.items() if own in ("", system)]
    return found


def first_images(
    configuration: Configuration, catalog: Catalog, bundle: BundleManifest
) -> dict[str, list[str]]:
    """What the first pods of each host need: a new host fetches it while the cluster comes to be. In no digest.

    By the names that pods will have. Docker's hosts fetch theirs when they start them.
    """
    kubernetes = configuration.spec.kubernetes
    if kubernetes is None:
        return {}
    chosen = (name for name, it in catalog.selection(configuration).items() if it.enabled)
    network = [
        image
        for name in chosen
        if catalog.modules[name].stage is Stage.NETWORK
        for image in catalog.images_for(configuration, name)
    ]

    def named(image: str) -> str:
        # What pods stand on is no container of theirs, so its name is the runtime's own.
        own = not has_docker(configuration) or image.rpartition(":")[0].endswith(SANDBOX)
        return image if own else site_name(configuration, bundle, image)

    control_plane = list(catalog.versions.release(kubernetes.version).images)
    worker = [image for image in control_plane if image.rpartition(":")[0].endswith(ON_EVERY_NODE)]
    return {
        host.name: [named(image) for image in (*(control_plane if host.control_plane else worker), *network)]
        for host in configuration.hosts
        if host.settings.runtime.type == "containerd"
    }

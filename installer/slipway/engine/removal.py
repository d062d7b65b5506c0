"""Hosts leave, for a while or for good: drained; let in again, or their Node deleted and the host reset."""

from collections.abc import Mapping
from typing import Any

from slipway.engine.context import Context
from slipway.engine.interpreter import python_for_reset
from slipway.engine.run import Run
from slipway.errors import StepError
from slipway.model.host.items import Host, stranger
from slipway.model.host.settings import HostSettings
from slipway.model.plan import Step
from slipway.runner import RunnerEvent, RunnerResult, connection_variables, interpreter
from slipway.runner import run as run_playbook

PLAYBOOK = "reset.yml"
_UNITS = {"s": 1, "m": 60, "h": 3600}


def remove_node(step: Step, run: Run) -> int:
    """Drain and delete a node that the configuration no longer names, then reset its host."""
    from slipway.cluster import nodes

    context, name = run.context, step.target
    client = context.client()
    seconds = seconds_of(context.configuration.spec.upgrade.drain_timeout)
    # Marked as ours to let in again: whoever takes the edit back gets a node that takes pods.
    evicted = nodes.take_out(client, name, seconds=seconds, cancelled=run.cancelled)
    run.board.counts.ansible_runs += 1
    # The address is that of the Node's record, which no kubelet writes; the machine there has to be the one as well.
    policy = {"node_reset_named": True}
    result = reset_hosts(context, {name: step.inputs["address"]}, policy, run.observed.site)
    if not result.ok:
        failure = result.failures[0] if result.failures else None
        raise StepError(
            f"host {name} is drained, but could not be reset",
            where=step.id,
            why=f"{failure.task}: {failure.message}" if failure else "the run ended early",
            hint="apply again; a host that is gone for good: slipway host forget " + name,
        )
    nodes.delete_node(client, name)
    return evicted + 1


def take_out(step: Step, run: Run) -> int:
    """Drain a node that stays."""
    from slipway.cluster import nodes

    context = run.context
    seconds = seconds_of(context.configuration.spec.upgrade.drain_timeout)
    return nodes.take_out(context.client(), step.target, seconds=seconds, cancelled=run.cancelled)


def let_in(step: Step, run: Run) -> int:
    """Give it back once it is healthy."""
    from slipway.cluster import nodes

    context = run.context
    seconds = seconds_of(context.configuration.spec.upgrade.drain_timeout)
    return int(nodes.let_in(context.client(), step.target, seconds=seconds, cancelled=run.cancelled))


def reset_hosts(
    context: Context,
    addresses: Mapping[str, str],
    policy: Mapping[str, Any],
    site: str,
    on_event: Any = lambda _event: None,
) -> RunnerResult:
    """Run the reset role. `policy` holds node_reset_... variables."""
    hosts = context.configuration.spec.hosts
    if hosts is None:
        raise StepError("there are no hosts to reset", where=context.configuration.name)
    named = {host.name: host for host in context.configuration.hosts}
    bare = [_bare(named.get(name), name, address) for name, address in addresses.items()]
    pythons = python_for_reset(context, bare)
    variables = {
        host.name: {
            **connection_variables(context.configuration.ssh_of(host), host.address, context.known_hosts),
            **interpreter(bundled=pythons[host.name]),
            **policy,
        }
        for host in bare
    }

    def heard(event: RunnerEvent) -> None:
        on_event(event)

    return run_playbook(
        PLAYBOOK,
        hosts=variables,
        extra={"slipway_site": site, "slipway_holder": context.holder},
        directory=context.state / "runs",
        secrets=context.secret,
        known_hosts=context.known_hosts,
        on_event=heard,
    )


def _bare(named: Host | None, name: str, address: str) -> Host:
    """A host that is to lose all that it has; one that is named is logged into as it says."""
    found = stranger(name, address)
    if named is None:
        return found
    return found.model_copy(update={"settings": HostSettings(ssh=named.settings.ssh)})


def seconds_of(text: str) -> float:
    """Seconds of 30s, 10m or 1h."""
    return float(text[:-1]) * _UNITS[text[-1]]

"""`slipway reset`: some hosts, or all. The cluster is told first where it still answers."""

import shutil
from collections.abc import Callable, Sequence

from slipway.engine.context import Context
from slipway.engine.removal import reset_hosts, seconds_of
from slipway.errors import SlipwayError
from slipway.runner import EventKind, RunnerEvent, RunnerResult
from slipway.secrets import site_id


def reset(
    context: Context, names: Sequence[str], *, delete_data: bool, tell: Callable[[str], None]
) -> RunnerResult:
    """Drain and delete the nodes when others remain, then reset the hosts."""
    configuration = context.configuration
    everything = len(names) == len(configuration.hosts)
    if not everything:
        _leave(context, names, tell)
    policy = {
        "node_reset_container_data": "delete" if delete_data else "retain",
        "node_reset_registry": "delete" if delete_data else "retain",
        "node_reset_registry_data_root": configuration.spec.registry.data_root,
    }
    addresses = {host.name: host.address for host in configuration.hosts if host.name in names}

    def on_event(event: RunnerEvent) -> None:
        if event.kind is EventKind.TASK_STARTED:
            tell(f"{event.host}: {event.task}")

    result = reset_hosts(context, addresses, policy, site_id(context.secrets, configuration.name), on_event)
    if everything and result.ok and context.kubeconfig:
        context.kubeconfig.unlink(missing_ok=True)
        shutil.rmtree(context.state / "runs", ignore_errors=True)
    return result


def _leave(context: Context, names: Sequence[str], tell: Callable[[str], None]) -> None:
    from slipway.cluster import nodes

    seconds = seconds_of(context.configuration.spec.upgrade.drain_timeout)
    for name in names:
        try:
            tell(f"{name}: drain")
            nodes.drain(context.client(), name, seconds=seconds)
            nodes.delete_node(context.client(), name)
        except SlipwayError as error:
            tell(f"{name}: the cluster could not be told ({error.what}); resetting the host all the same")

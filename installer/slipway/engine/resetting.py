"""`slipway reset`: some hosts, or all. Under the same locks as an operation, and only hosts of this site.

The cluster is told first where it still answers.
"""

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack

from slipway.engine.context import Context
from slipway.engine.foreign import ForeignClusterError, refuse_other_name
from slipway.engine.locking import Locks
from slipway.engine.removal import reset_hosts, seconds_of
from slipway.errors import ConfigurationError, Finding, SlipwayError, before_changes
from slipway.findings import FindingCode
from slipway.model.observed import HostObserved
from slipway.probe.fleet import Fleet
from slipway.probe.hosts import read_hosts
from slipway.runner import EventKind, RunnerEvent, RunnerResult
from slipway.secrets import site_id
from slipway.settings import LOCK_SECONDS


def reset(
    context: Context, names: Sequence[str], *, delete_data: bool, tell: Callable[[str], None]
) -> RunnerResult:
    """Drain and delete the nodes when others remain, then reset the hosts.

    Raises:
        ConflictError: somebody else is changing one of the hosts, or the cluster.
        ConfigurationError: a machine is of another site, or another host, or the cluster is another one. Nothing was
            changed then, on no host.
    """
    site = site_id(context.secrets, context.configuration.name)
    begun = threading.Event()

    def note(text: str) -> None:
        """Of the locks; that the Lease goes with its cluster is no news."""
        if not begun.is_set():
            tell(text)

    with ExitStack() as held:
        with before_changes():
            seen = _epochs_of_no_strangers(context, names, site)
            cluster = _cluster_answers(context, tell)
            locks = Locks(context, names, cluster=cluster, seen=seen, note=note, seconds=LOCK_SECONDS)
            held.enter_context(locks)
        begun.set()
        return _reset(context, names, site, delete_data=delete_data, tell=tell)


def _epochs_of_no_strangers(context: Context, names: Sequence[str], site: str) -> dict[str, int]:
    """The epochs of the hosts' locks. One that cannot be read is no stranger: a reset makes it free again."""
    chosen = [host for host in context.configuration.hosts if host.name in names]
    with Fleet(chosen, context.access()) as fleet:
        seen = read_hosts(context.configuration, fleet)
    findings = tuple(strangers(seen, site))
    if findings:
        raise ConfigurationError(
            "machines that are not these hosts are not reset",
            where=context.configuration.name,
            findings=findings,
            hint="see whether the addresses are right; those of another cluster: reset them from its workspace",
        )
    return {name: host.lock.epoch for name, host in seen.items() if host.lock}


def strangers(seen: Mapping[str, HostObserved], site: str) -> Iterator[Finding]:
    """Hosts whose own record names another site, or another host."""
    for name, host in seen.items():
        if host.cluster not in {"", site}:
            text = f"it belongs to site {host.cluster}, not {site}"
            yield Finding(f"host/{name}", text, code=FindingCode.FOREIGN)
        elif host.recorded not in {"", name}:
            text = f"it is {host.recorded}, by the machine's own record"
            yield Finding(f"host/{name}", text, code=FindingCode.ANOTHER_HOST)


def _cluster_answers(context: Context, tell: Callable[[str], None]) -> bool:
    """Whether there is a cluster whose Lease can be taken; a dead one is a reason for a reset."""
    if context.kubeconfig is not None and not context.kubeconfig.exists():
        return False
    try:
        refuse_other_name(context.client(), context.configuration.name, context.kubeconfig)
    except ForeignClusterError:
        raise
    except SlipwayError as error:
        tell(f"the cluster does not answer ({error.what}): only the hosts' locks are taken")
        return False
    return True


def _reset(
    context: Context, names: Sequence[str], site: str, *, delete_data: bool, tell: Callable[[str], None]
) -> RunnerResult:
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

    result = reset_hosts(context, addresses, policy, site, on_event)
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

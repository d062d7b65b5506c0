"""Which host keys a run believes: those that the cluster keeps, and what a command line met first.

The cluster's go before a machine's own: they are the site's. An operator has no others.
"""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.errors import SlipwayError
from slipway.model.host.ssh import SSH
from slipway.model.hostkeys import HostKeys, Keys, host_label, laid_over
from slipway.probe.fleet import Fleet
from slipway.probe.known_hosts import KnownHosts
from slipway.settings import bastion_keys

if TYPE_CHECKING:
    from slipway.engine.context import Context


def take_host_keys(context: "Context", file: Path) -> None:
    """Into the file that probe and Ansible read, and the one beside it; what is pinned is put there by who connects.

    Raises:
        SlipwayError: for an operator, the API does not say what is kept.
    """
    alone = context.document is None
    kept = _kept(context) if alone else _kept_for_people(context)
    if kept is not None:
        KnownHosts(file).believe(kept.hosts, alone=alone)
        KnownHosts(bastion_keys(file)).believe(kept.bastion, alone=alone)


def share_host_keys(context: "Context") -> None:
    """Give the cluster what this machine knows of the hosts' keys and the bastion's; pinned ones replace others there.

    Only the document's own hosts: an address may have been another machine's once. Those that nobody has met yet are
    met now, while somebody is there; of one that does not answer there is nothing to give.
    """
    from slipway.cluster.own.hostkeys import change_host_keys

    hosts = context.configuration.spec.hosts
    if context.document is None or hosts is None:
        return
    ssh, file = hosts.ssh, context.known_hosts
    labels = {host_label(host.address, ssh.port): host for host in context.configuration.hosts}
    strangers = [host for label, host in labels.items() if not KnownHosts(file).of(label)]
    if strangers and context.on_first_contact and not ssh.host_keys:
        with Fleet(strangers, context.access()) as fleet:
            fleet.each(lambda session: session.run("true", sudo=False))
    mine = HostKeys(_known(file, labels), _known(bastion_keys(file), _bastion_label(ssh)))

    def change(kept: HostKeys) -> HostKeys:
        return HostKeys(
            _joined(kept.hosts, mine.hosts, pinned=bool(ssh.host_keys)),
            _joined(kept.bastion, mine.bastion, pinned=bool(ssh.bastion and ssh.bastion.host_keys)),
        )

    change_host_keys(context.client(), change)


def change_everywhere(context: "Context", change: Callable[[HostKeys], HostKeys]) -> str:
    """Change what the cluster keeps; why it does not, empty where it does or there is none that this machine knows."""
    from slipway.cluster.own.hostkeys import change_host_keys
    from slipway.cluster.own.settings import ensure_namespace
    from slipway.settings import NAMESPACE

    if context.kubeconfig is None or not context.kubeconfig.exists():
        return ""
    try:
        ensure_namespace(context.client(), NAMESPACE)
        change_host_keys(context.client(), change)
    except SlipwayError as error:
        return error.what
    return ""


def _kept(context: "Context") -> HostKeys:
    from slipway.cluster.own.hostkeys import read_host_keys

    return read_host_keys(context.client())


def _kept_for_people(context: "Context") -> HostKeys | None:
    """Where there is no cluster, or it does not say, a person goes by what this machine knows."""
    if context.kubeconfig is None or not context.kubeconfig.exists():
        return None
    try:
        return _kept(context)
    except SlipwayError:
        return None


def _bastion_label(ssh: SSH) -> set[str]:
    return {host_label(ssh.bastion.address, ssh.bastion.port)} if ssh.bastion else set()


def _known(file: Path, labels: Collection[str]) -> Keys:
    return tuple(key for key in KnownHosts(file).all() if key.host in labels)


def _joined(kept: Keys, mine: Keys, *, pinned: bool) -> Keys:
    return laid_over(mine, kept) if pinned else laid_over(kept, mine)

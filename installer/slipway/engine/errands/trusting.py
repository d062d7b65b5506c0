"""`slipway host trust`: which key a host shows, which one is known, and from now on which one is believed.

First `introduction_of`, so that somebody can compare, then `trust`. Whoever answers at the host's address is asked for
its key and is told nothing. Keys that the ClusterConfiguration pins are changed there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from slipway.api.explain import nearest
from slipway.engine.context import Context
from slipway.engine.enquiry.hostview import read_node
from slipway.engine.hostkeys import change_everywhere
from slipway.errors import ConfigurationError, PreflightError, SlipwayError
from slipway.model.host.ssh import SSH
from slipway.model.hostkeys import HostKey, HostKeys, host_label, laid_over
from slipway.probe.access import Login, Logins
from slipway.probe.connect import shown_key
from slipway.probe.fleet import bastion_of
from slipway.probe.known_hosts import KnownHosts
from slipway.settings import bastion_keys


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a host shows, or the bastion, and what is known of it; none of that: it was never met."""

    name: str
    bastion: bool
    shown: HostKey
    known: tuple[HostKey, ...]

    @property
    def news(self) -> bool:
        """Whether it is another key than the known one."""
        return self.shown not in self.known


def introduction_of(context: Context, name: str, *, bastion: bool = False) -> Introduction:
    """Ask a host for its key: one that file, cluster or a Node name, or an address; or the bastion, without a name.

    Raises:
        ConfigurationError: there is no such host, or its keys are pinned.
        HostError: nobody answers there.
    """
    hosts = context.configuration.spec.hosts
    if hosts is None:
        raise ConfigurationError("the ClusterConfiguration has no hosts", where=context.configuration.name)
    logins = context.access()
    through = None if bastion else bastion_of(logins)
    if bastion:
        name, (address, login) = "bastion", _bastion(logins)
    else:
        address, login = _address(context, name), logins.stranger
    try:
        shown = shown_key(name, address, login, through=through, bastion=bastion)
    finally:
        if through:
            through.close()
    _refuse_pinned(hosts.ssh, login, shown, bastion=bastion)
    known = tuple(login.known_hosts.of(host_label(address, login.port)))
    return Introduction(name, bastion, shown, known)


def refuse_other(introduction: Introduction, fingerprint: str) -> None:
    """Refuse a host that shows another key than the one that somebody expects.

    Raises:
        PreflightError: with both.
    """
    if introduction.shown.fingerprint != fingerprint:
        raise PreflightError(
            "it shows another host key than the one that is expected",
            where=f"host/{introduction.name}",
            why=f"it shows {introduction.shown.shown}, and expected is {fingerprint}",
            hint="look at its console again; if that shows what is expected, somebody is in between",
        )


def trust(context: Context, introduction: Introduction) -> str:
    """Believe that key alone, here and in the cluster; why the cluster does not have it, empty where it has."""
    keys = (introduction.shown,)

    def change(kept: HostKeys) -> HostKeys:
        if introduction.bastion:
            return HostKeys(kept.hosts, laid_over(keys, kept.bastion))
        return HostKeys(laid_over(keys, kept.hosts), kept.bastion)

    file = context.known_hosts
    KnownHosts(bastion_keys(file) if introduction.bastion else file).believe(keys)
    return change_everywhere(context, change)


def _bastion(logins: Logins) -> tuple[str, Login]:
    if logins.bastion is None:
        raise ConfigurationError("there is no bastion", where="spec.hosts.ssh.bastion")
    return logins.bastion


def _address(context: Context, name: str) -> str:
    """Of the file, else of the ClusterConfiguration in the cluster, which others edit too, else of a Node."""
    addresses = {host.name: host.address for host in context.configuration.hosts}
    if name not in addresses:
        addresses |= dict(_in_cluster(context, name))
    if name in addresses:
        return addresses[name]
    try:
        return str(ip_address(name))
    except ValueError:
        raise ConfigurationError(
            f"there is no host {name}",
            where=context.configuration.name,
            hint=nearest(name, list(addresses)) or "name one as spec.hosts.items does, or its address",
        ) from None


def _in_cluster(context: Context, name: str) -> Iterator[tuple[str, str]]:
    from slipway.cluster.own.configurations import Configurations

    if context.kubeconfig is None or not context.kubeconfig.exists():
        return
    try:
        node = read_node(context, name)
        everyone = Configurations(context.client()).list()
    except SlipwayError:  # then it is known by the file alone
        return
    if node and node.address:
        yield name, node.address
    for live in everyone:
        for item in live.host_items:
            yield str(item.get("name")), str(item.get("address"))


def _refuse_pinned(ssh: SSH, login: Login, shown: HostKey, *, bastion: bool) -> None:
    if ssh.bastion.host_keys if bastion and ssh.bastion else ssh.host_keys:
        raise ConfigurationError(
            "its keys are pinned in the ClusterConfiguration",
            where=f"{login.place}.hostKeys",
            why=f"it shows {shown.shown}",
            hint=f"compare that with what the console there shows, then put in: {shown.line}",
        )

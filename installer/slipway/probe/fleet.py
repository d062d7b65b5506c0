"""One connection per host, used side by side: what the engine holds for the length of an operation."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self, TypeVar

from slipway.model.configuration import Configuration
from slipway.model.host.items import Host
from slipway.model.hostkeys import HostKey
from slipway.probe.access import HostError, Logins
from slipway.probe.connect import BastionConnection
from slipway.probe.ssh import SSHSession
from slipway.secrets import Secrets
from slipway.settings import PROBE_PARALLEL

T = TypeVar("T")


class Fleet:
    """Sessions by host name, in the configuration's order. Nothing is connected before it is used."""

    def __init__(self, hosts: Iterable[Host], logins: Logins) -> None:
        self.hosts = {host.name: host for host in hosts}
        self.bastion = bastion_of(logins)
        self.sessions = {
            host.name: SSHSession(host.name, host.address, logins.to(host), self.bastion)
            for host in self.hosts.values()
        }

    @classmethod
    def of(
        cls,
        configuration: Configuration,
        secrets: Secrets,
        known_hosts: Path,
        *,
        on_first_contact: Callable[[HostKey], None] | None = None,
    ) -> "Fleet":
        """All hosts of a configuration; none of them when it has no hosts."""
        if configuration.spec.hosts is None:
            raise ValueError("a configuration without hosts has no fleet")
        ssh = configuration.spec.hosts.ssh
        return cls(configuration.hosts, Logins(ssh, secrets, known_hosts, on_first_contact))

    def each(
        self, action: Callable[[SSHSession], T], hosts: Iterable[str] | None = None
    ) -> tuple[dict[str, T], dict[str, HostError]]:
        """Do something on hosts in parallel: what came of it, and who could not be reached."""
        names = [name for name in self.sessions if hosts is None or name in set(hosts)]
        results: dict[str, T] = {}
        errors: dict[str, HostError] = {}
        if not names:
            return results, errors
        with ThreadPoolExecutor(min(len(names), PROBE_PARALLEL), thread_name_prefix="ssh") as pool:
            futures = {name: pool.submit(action, self.sessions[name]) for name in names}
            for name, future in futures.items():
                try:
                    results[name] = future.result()
                except HostError as exc:
                    errors[name] = exc
        return results, errors

    def close(self) -> None:
        """End all connections."""
        for session in self.sessions.values():
            session.close()
        if self.bastion:
            self.bastion.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def bastion_of(logins: Logins) -> BastionConnection | None:
    """The machine in between, if there is one; not connected yet."""
    bastion = logins.bastion
    return BastionConnection(*bastion) if bastion else None

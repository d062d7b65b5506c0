"""How hosts are logged into, and what may go wrong with that: who, by what, through which machine in between.

All that can go wrong with a host has a code (`HostError.code`), which is what preflight, engine and status show.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from slipway.errors import PreflightError
from slipway.model.codes import HostCode
from slipway.model.fields import SecretRef
from slipway.model.host.ssh import SSH
from slipway.model.hostkeys import HostKey
from slipway.probe.known_hosts import KnownHosts
from slipway.secrets import Secrets
from slipway.settings import bastion_keys

_HINTS: Final = {
    HostCode.UNREACHABLE: "check address and port, and that the host is up",
    HostCode.TIMEOUT: "check the network between this machine and the host",
    HostCode.AUTH: "install the public key for that user, or correct spec.hosts.ssh.user or its secretRef",
    HostCode.HOST_KEY: "if the host was reinstalled: slipway host trust; if not, somebody may be in between",
    HostCode.UNTRUSTED: "compare its key with what the host's console shows, then: slipway host trust",
    HostCode.SUDO: "allow the user sudo without password, or give spec.hosts.ssh.become.secretRef",
    HostCode.SHELL: "the user needs a POSIX shell as login shell",
}


class HostError(PreflightError):
    """A host could not be reached or used."""

    def __init__(self, host: str, code: HostCode, what: str, *, why: str = "", hint: str = "") -> None:
        super().__init__(what, where=f"host/{host}", why=why, hint=hint or _HINTS[code])
        self.host = host
        self.code = code

    @property
    def text(self) -> str:
        """What and why in one line."""
        return f"{self.what}: {self.why}" if self.why else self.what


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in, by key or by password, and which host keys are believed. `place`: the field that says so."""

    user: str
    port: int
    known_hosts: KnownHosts
    place: str
    key: bytes | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Access:
    """How hosts are logged into: one for all of them. `bastion`: the machine in between and the way into it."""

    login: Login
    sudo_password: bytes | None = field(default=None, repr=False)
    bastion: tuple[str, Login] | None = None

    @classmethod
    def of(
        cls,
        ssh: SSH,
        secrets: Secrets,
        known_hosts: Path,
        on_first_contact: Callable[[HostKey], None] | None = None,
    ) -> "Access":
        """From the configuration; reads the secrets, pins the host keys.

        Raises:
            ConfigurationError: a secret is missing.
        """
        known = KnownHosts(known_hosts, on_first_contact=on_first_contact)
        known.pin(ssh.host_keys)

        def line(reference: SecretRef) -> bytes:
            return secrets.read(f"{reference.name}/{reference.key}").rstrip(b"\r\n")

        login = Login(
            ssh.user,
            ssh.port,
            known,
            "spec.hosts.ssh",
            key=None if ssh.password_ref else secrets.read(f"{ssh.secret_ref.name}/{ssh.secret_ref.key}"),
            password=line(ssh.password_ref).decode() if ssh.password_ref else None,
        )
        become = ssh.become.secret_ref if ssh.become else None
        return cls(
            login, line(become) if become else None, _bastion(ssh, secrets, known_hosts, on_first_contact)
        )


def _bastion(
    ssh: SSH, secrets: Secrets, known_hosts: Path, on_first_contact: Callable[[HostKey], None] | None
) -> tuple[str, Login] | None:
    bastion, reference = ssh.bastion, ssh.bastion_key
    if bastion is None or reference is None:
        return None
    known = KnownHosts(bastion_keys(known_hosts), on_first_contact=on_first_contact)
    known.pin(bastion.host_keys)
    key = secrets.read(f"{reference.name}/{reference.key}")
    return bastion.address, Login(bastion.user, bastion.port, known, "spec.hosts.ssh.bastion", key=key)

"""How hosts are logged into, and what may go wrong with that: who, by what, through which machine in between.

All that can go wrong with a host has a code (`HostError.code`), which is what preflight, engine and status show.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from slipway.errors import PreflightError
from slipway.model.codes import HostCode
from slipway.model.fields import SecretRef
from slipway.model.host.items import Host
from slipway.model.host.ssh import SSH
from slipway.model.hostkeys import HostKey
from slipway.probe.known_hosts import KnownHosts
from slipway.secrets import Secrets, text_of
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
    """Who logs in, by key or by password, and which host keys are believed. `place`: the field that says so.

    `secret_at`: the field that names key or password, where that is another one.
    """

    user: str
    port: int
    known_hosts: KnownHosts
    place: str
    key: bytes | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    secret_at: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """How one host is logged into, and becomes root there."""

    login: Login
    sudo_password: bytes | None = field(default=None, repr=False)


class Logins:
    """How all hosts are logged into, each by what opens it, and the machine in between; secrets are read when needed.

    `on_first_contact` shows somebody the key of a host that was never met; None: nobody, and none is believed.
    """

    def __init__(
        self,
        ssh: SSH,
        secrets: Secrets,
        known_hosts: Path,
        on_first_contact: Callable[[HostKey], None] | None = None,
    ) -> None:
        self._ssh = ssh
        self._secrets = secrets
        self._file = known_hosts
        self._on_first_contact = on_first_contact

    def to(self, host: Host) -> Access:
        """The way to one host.

        Raises:
            ConfigurationError: a secret is missing.
        """
        own = host.settings.ssh
        ssh = self._ssh.by(own)
        become = ssh.become.secret_ref if ssh.become else None
        login = replace(
            self.stranger,
            secret_at=f"settings.ssh of {host.name}" if own.secret_ref or own.password_ref else "",
            key=None if ssh.password_ref else self._value(ssh.secret_ref),
            password=self._text(ssh.password_ref) if ssh.password_ref else None,
        )
        return Access(login, self._line(become) if become else None)

    @property
    def stranger(self) -> Login:
        """To a host that is told nothing: only where it is asked, and which keys are believed."""
        known = self._believed(self._file, self._ssh.host_keys)
        return Login(self._ssh.user, self._ssh.port, known, "spec.hosts.ssh")

    @property
    def bastion(self) -> tuple[str, Login] | None:
        """The machine in between and the way into it.

        Raises:
            ConfigurationError: its key is missing.
        """
        bastion, reference = self._ssh.bastion, self._ssh.bastion_key
        if bastion is None or reference is None:
            return None
        known = self._believed(bastion_keys(self._file), bastion.host_keys)
        place = "spec.hosts.ssh.bastion"
        return bastion.address, Login(bastion.user, bastion.port, known, place, key=self._value(reference))

    def _believed(self, file: Path, pinned: Sequence[str]) -> KnownHosts:
        known = KnownHosts(file, on_first_contact=self._on_first_contact)
        known.pin(pinned)
        return known

    def _value(self, reference: SecretRef) -> bytes:
        return self._secrets.read(f"{reference.name}/{reference.key}")

    def _text(self, reference: SecretRef) -> str:
        return text_of(self._secrets, f"{reference.name}/{reference.key}").rstrip("\r\n")

    def _line(self, reference: SecretRef) -> bytes:
        return self._value(reference).rstrip(b"\r\n")

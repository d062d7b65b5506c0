"""One SSH connection to one host, and scripts run through it as root: with `keys` the only importer of paramiko.

A script travels on stdin, so that neither it nor a sudo password is ever in an argument list. All that can go
wrong with a host has one of six codes (`HostError.code`), which is what preflight, engine and status show.
"""

import shlex
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self

from slipway.errors import PreflightError
from slipway.model.host.ssh import SSH
from slipway.probe.keys import NotPinnedError, host_key, private_key, recording
from slipway.probe.known_hosts import HostKey, KnownHosts, host_label
from slipway.secrets import Secrets
from slipway.settings import SSH_CONNECT_SECONDS

if TYPE_CHECKING:
    from paramiko import Channel, SSHClient

Code = Literal["unreachable", "timeout", "auth", "host-key", "sudo", "shell"]

#: Seconds a script may take unless its caller knows better.
SCRIPT_SECONDS: Final = 30.0

_READY: Final = b"slipway-ready\n"
#: Reads lines until its header (sudo leaves the password unread where it needs none), says that the shell works,
#: then takes exactly the script from stdin; what follows on stdin is the script's own input.
_BOOT: Final = (
    "while IFS= read -r l; do case $l in slipway-script:*) break;; esac; done; "
    'echo slipway-ready; eval "$(head -c "${l#slipway-script:}")"'
)

_HINTS: Final[dict[str, str]] = {
    "unreachable": "check address and port, and that the host is up",
    "timeout": "check the network between this machine and the host",
    "auth": "install the public key for that user, or correct spec.hosts.ssh.user or its secretRef",
    "host-key": "if the host was reinstalled: slipway host forget; if not, somebody may be in between",
    "sudo": "allow the user sudo without password, or give spec.hosts.ssh.become.secretRef",
    "shell": "the user needs a POSIX shell as login shell",
}


class HostError(PreflightError):
    """A host could not be reached or used."""

    def __init__(self, host: str, code: Code, what: str, *, why: str = "", hint: str = "") -> None:
        super().__init__(what, where=f"host/{host}", why=why, hint=hint or _HINTS[code])
        self.host = host
        self.code: Code = code


@dataclass(frozen=True, slots=True)
class Access:
    """How hosts are logged into: one for all of them."""

    user: str
    port: int
    key: bytes = field(repr=False)
    password: bytes | None = field(repr=False)
    known_hosts: KnownHosts

    @classmethod
    def of(
        cls,
        ssh: SSH,
        secrets: Secrets,
        known_hosts: Path,
        on_first_contact: Callable[[HostKey], None] = lambda _key: None,
    ) -> "Access":
        """From the configuration; reads the secrets, pins the host keys."""
        known = KnownHosts(known_hosts, on_first_contact=on_first_contact)
        known.pin(ssh.host_keys)
        become = ssh.become.secret_ref if ssh.become else None
        return cls(
            user=ssh.user,
            port=ssh.port,
            key=secrets.read(f"{ssh.secret_ref.name}/{ssh.secret_ref.key}"),
            password=secrets.read(f"{become.name}/{become.key}").rstrip(b"\n") if become else None,
            known_hosts=known,
        )


class Session:
    """A connection, made on first use and again after it broke; one script at a time per channel, any thread."""

    def __init__(self, name: str, address: str, access: Access) -> None:
        self.name = name
        self.address = address
        self.access = access
        self._client: SSHClient | None = None
        self._lock = threading.Lock()

    def run(
        self,
        script: str,
        *,
        stdin: bytes = b"",
        sudo: bool = True,
        timeout: float = SCRIPT_SECONDS,
    ) -> tuple[int, bytes, bytes]:
        """Run a POSIX-sh script, as root unless `sudo` is false; its exit code, output and error output."""
        from paramiko import SSHException

        become = sudo and self.access.user != "root"
        deadline = time.monotonic() + timeout
        try:
            channel = self._channel(timeout=timeout)
            with channel:
                channel.settimeout(timeout)
                channel.exec_command(_command(become=become, password=self.access.password is not None))
                channel.sendall(self._stdin(script, stdin, become=become))
                channel.shutdown_write()
                out, err = _drain(channel, deadline)
                code = _exit_status(channel, deadline)
        except TimeoutError as exc:
            self.close()
            raise HostError(self.name, "timeout", f"a script did not end within {timeout:.0f} s") from exc
        except (SSHException, EOFError, OSError) as exc:
            self.close()
            raise HostError(self.name, "unreachable", "the connection broke", why=str(exc)) from exc
        return code, self._output(out, err, become=become), err

    def close(self) -> None:
        """End the connection; the next script makes a new one."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _stdin(self, script: str, data: bytes, *, become: bool) -> bytes:
        body = script.encode()
        password = self.access.password + b"\n" if become and self.access.password is not None else b""
        return password + b"slipway-script:%d\n" % len(body) + body + data

    def _output(self, out: bytes, err: bytes, *, become: bool) -> bytes:
        """What the script itself printed; what a login shell printed before is dropped."""
        _, ready, rest = out.partition(_READY)
        if ready:
            return rest
        why = err.decode(errors="replace").strip() or out.decode(errors="replace").strip()
        if become and "sudo" in why:
            raise HostError(self.name, "sudo", f"{self.access.user} cannot become root", why=_last(why))
        raise HostError(self.name, "shell", "the login shell runs no script", why=_last(why))

    def _channel(self, *, timeout: float) -> "Channel":
        """A new channel on the connection, which is made if there is none."""
        with self._lock:
            if self._client is None or not _alive(self._client):
                self._client = self._connect()
            transport = self._client.get_transport()
        if transport is None:
            raise EOFError("the connection was closed")
        return transport.open_session(timeout=timeout)

    def _connect(self) -> "SSHClient":
        import paramiko

        label = host_label(self.address, self.access.port)
        client = paramiko.SSHClient()
        for known in self.access.known_hosts.of(label):
            client.get_host_keys().add(label, known.kind, host_key(known))
        client.set_missing_host_key_policy(recording(self.access.known_hosts))
        try:
            client.connect(
                self.address,
                port=self.access.port,
                username=self.access.user,
                pkey=private_key(self.access.key),
                timeout=SSH_CONNECT_SECONDS,
                banner_timeout=SSH_CONNECT_SECONDS,
                auth_timeout=SSH_CONNECT_SECONDS,
                allow_agent=False,
                look_for_keys=False,
            )
        except Exception as exc:
            client.close()
            raise self._translated(exc) from exc
        return client

    def _translated(self, exc: Exception) -> Exception:
        """Errors of paramiko and of the socket as ours."""
        import paramiko

        where = f"{self.address}:{self.access.port}"
        if isinstance(exc, paramiko.BadHostKeyException):
            key = f"{exc.key.get_name()} {exc.key.fingerprint}"
            hint = (
                f"if the host was reinstalled: slipway host forget {self.name} (takes {self.address} out of "
                f"{self.access.known_hosts.path}), or pin its new key in spec.hosts.ssh.hostKeys; "
                "if not, somebody may be in between"
            )
            why = f"it shows {key}, but another one is known"
            return HostError(self.name, "host-key", "its host key has changed", why=why, hint=hint)
        if isinstance(exc, NotPinnedError):
            hint = "check it on the host's console, then add it to spec.hosts.ssh.hostKeys"
            why = f"it shows {exc.shown.kind} {exc.shown.fingerprint}"
            return HostError(self.name, "host-key", "none of its keys is pinned", why=why, hint=hint)
        if isinstance(exc, paramiko.AuthenticationException):
            why = f"{self.access.user}@{where}: {str(exc).rstrip('.')}"
            return HostError(self.name, "auth", "the SSH key is not accepted", why=why)
        if isinstance(exc, TimeoutError):
            return HostError(self.name, "timeout", f"no answer within {SSH_CONNECT_SECONDS} s", why=where)
        if isinstance(exc, (paramiko.SSHException, socket.gaierror, OSError, EOFError)):
            return HostError(self.name, "unreachable", "no SSH connection", why=f"{where}: {_reason(exc)}")
        return exc


def _command(*, become: bool, password: bool) -> str:
    """What sshd is asked to run: constant, so that nothing of ours shows in a process list."""
    root = ["sudo", "-S", "-p", "", "--"] if password else ["sudo", "-n", "--"]
    return shlex.join(["env", "LC_ALL=C", *(root if become else []), "sh", "-c", _BOOT])


def _drain(channel: "Channel", deadline: float) -> tuple[bytes, bytes]:
    """All output, then all error output: the window is far larger than what our scripts complain."""
    parts: list[bytes] = []
    for receive in (channel.recv, channel.recv_stderr):
        chunks = []
        while chunk := _within(channel, deadline, receive):
            chunks.append(chunk)
        parts.append(b"".join(chunks))
    return parts[0], parts[1]


def _within(channel: "Channel", deadline: float, receive: Callable[[int], bytes]) -> bytes:
    channel.settimeout(max(deadline - time.monotonic(), 0.01))
    return receive(1 << 16)


def _exit_status(channel: "Channel", deadline: float) -> int:
    if not channel.status_event.wait(max(deadline - time.monotonic(), 0.01)):
        raise TimeoutError
    return channel.exit_status


def _alive(client: "SSHClient") -> bool:
    transport = client.get_transport()
    return transport is not None and transport.is_active()


def _reason(exc: Exception) -> str:
    """The errno's text where there is one: paramiko wraps it."""
    errors = getattr(exc, "errors", None)
    first = next(iter(errors.values())) if isinstance(errors, dict) and errors else exc
    return str(getattr(first, "strerror", "") or first)


def _last(text: str) -> str:
    return text.splitlines()[-1] if text else ""

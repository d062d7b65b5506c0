"""Making connections: to a host, directly or through the bastion. paramiko's errors become ours here."""

import logging
import socket
import threading
from contextlib import closing
from typing import TYPE_CHECKING

from slipway.model.codes import HostCode
from slipway.model.hostkeys import HostKey, host_label
from slipway.probe.access import HostError, Login
from slipway.probe.keys import UnknownKeyError, host_key, private_key, recording
from slipway.settings import SSH_CONNECT_SECONDS

if TYPE_CHECKING:
    from paramiko import Channel, SSHClient

#: It logs, with tracebacks, what is raised besides; where nobody listens to logs that would go to stderr.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class BastionConnection:
    """The connection to the machine in between: one for all hosts, made on first use and again after it broke."""

    def __init__(self, address: str, login: Login) -> None:
        self.address = address
        self.login = login
        self._lock = threading.Lock()
        self._client: SSHClient | None = None
        self._tries = 0
        self._error: HostError | None = None

    def channel(self, host: str, address: str, port: int) -> "Channel":
        """A way to a host's port.

        Raises:
            HostError: the bastion cannot be used, or does not get there.
        """
        import paramiko

        transport = self._connected(host).get_transport()
        where = f"{address}:{port}"
        try:
            assert transport is not None  # noqa: S101 - it has just been connected
            return transport.open_channel(
                "direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=SSH_CONNECT_SECONDS
            )
        except (paramiko.SSHException, EOFError, OSError) as exc:
            what = f"the bastion {self.address} does not get to it"
            hint = f"from {self.address}, check the way to {where}, and that its sshd allows forwarding"
            raise HostError(
                host, HostCode.UNREACHABLE, what, why=f"{where}: {reason(exc)}", hint=hint
            ) from exc

    def close(self) -> None:
        """End the connection; the next channel makes a new one."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _connected(self, host: str) -> "SSHClient":
        """Who waited while somebody else failed has failed too: a bastion that is down is asked once, not by each."""
        seen = self._tries
        with self._lock:
            if self._client is not None and alive(self._client):
                return self._client
            if self._error and self._tries != seen:
                error = self._error
                raise HostError(host, error.code, error.what, why=error.why, hint=error.hint)
            self._tries += 1
            self._error = None
            try:
                self._client = connect(host, self.address, self.login, bastion=True)
            except HostError as error:
                self._error = error
                raise
            return self._client


def connect(
    host: str, address: str, login: Login, *, through: BastionConnection | None = None, bastion: bool = False
) -> "SSHClient":
    """Connect and log in. `bastion`: this is the way to the bastion itself, on the way to `host`.

    Raises:
        HostError: with the code of what went wrong.
    """
    import paramiko

    label = host_label(address, login.port)
    client = paramiko.SSHClient()
    for known in login.known_hosts.of(label):
        client.get_host_keys().add(label, known.kind, host_key(known))
    client.set_missing_host_key_policy(recording(login.known_hosts))
    try:
        client.connect(
            address,
            port=login.port,
            username=login.user,
            pkey=private_key(login.key, login.secret_at or login.place) if login.key is not None else None,
            password=login.password,
            sock=through.channel(host, address, login.port) if through else None,
            timeout=SSH_CONNECT_SECONDS,
            banner_timeout=SSH_CONNECT_SECONDS,
            auth_timeout=SSH_CONNECT_SECONDS,
            allow_agent=False,
            look_for_keys=False,
        )
    except Exception as exc:
        client.close()
        raise _translated(exc, host, address, login, bastion=bastion) from exc
    return client


def shown_key(
    host: str, address: str, login: Login, *, through: BastionConnection | None = None, bastion: bool = False
) -> HostKey:
    """The key that a host shows now, or the bastion; whoever answers there is told nothing.

    Raises:
        HostError: it does not answer, or not as an SSH server.
    """
    import paramiko

    try:
        way = (
            through.channel(host, address, login.port)
            if through
            else socket.create_connection((address, login.port), SSH_CONNECT_SECONDS)
        )
        with closing(paramiko.Transport(way)) as transport:
            transport.banner_timeout = SSH_CONNECT_SECONDS
            transport.start_client(timeout=SSH_CONNECT_SECONDS)
            key = transport.get_remote_server_key()
    except Exception as exc:
        raise _translated(exc, host, address, login, bastion=bastion) from exc
    return HostKey(host_label(address, login.port), key.get_name(), key.get_base64())


def _translated(exc: Exception, host: str, address: str, login: Login, *, bastion: bool) -> Exception:
    """Errors of paramiko and of the socket as ours."""
    import paramiko

    where = f"{address}:{login.port}"
    at = f"the bastion {where}: " if bastion else ""
    if isinstance(exc, paramiko.BadHostKeyException):
        why = f"it shows {exc.key.get_name()} {exc.key.fingerprint}, but another one is known"
        hint = _changed_key_hint(host, login, bastion=bastion)
        return HostError(host, HostCode.HOST_KEY, f"{at}its host key has changed", why=why, hint=hint)
    if isinstance(exc, UnknownKeyError):
        what = "none of its keys is pinned" if exc.pinned else "its host key is not known yet"
        command = f"slipway host trust {'--bastion' if bastion else host}"
        way = f"add it to {login.place}.hostKeys" if exc.pinned else command
        hint = f"compare it with what the console there shows, then: {way}"
        why = f"it shows {exc.shown.shown}"
        return HostError(host, HostCode.UNTRUSTED, f"{at}{what}", why=why, hint=hint)
    if isinstance(exc, paramiko.AuthenticationException):
        kind, hint = ("SSH key", "") if login.password is None else ("password", _REFUSED_HINT)
        if bastion:
            hint = f"install the public key for that user, or correct {login.place}.user or its secretRef"
        why = f"{login.user}@{where}: {str(exc).rstrip('.')}"
        return HostError(host, HostCode.AUTH, f"{at}the {kind} is not accepted", why=why, hint=hint)
    hint = "check its address and port, and that it is up" if bastion else ""
    if isinstance(exc, TimeoutError):
        what = f"{at}no answer within {SSH_CONNECT_SECONDS} s"
        return HostError(host, HostCode.TIMEOUT, what, why=where, hint=hint)
    if isinstance(exc, (paramiko.SSHException, socket.gaierror, OSError, EOFError)):
        why = f"{where}: {reason(exc)}"
        return HostError(host, HostCode.UNREACHABLE, f"{at}no SSH connection", why=why, hint=hint)
    return exc


_REFUSED_HINT = (
    "correct the secret in spec.hosts.ssh.passwordRef (or the host's own) or spec.hosts.ssh.user, and look whether "
    "its sshd allows PasswordAuthentication, for root also PermitRootLogin"
)


def _changed_key_hint(host: str, login: Login, *, bastion: bool) -> str:
    pinned = f"put its new key into {login.place}.hostKeys"
    way = pinned if login.known_hosts.pinned else f"slipway host trust {'--bastion' if bastion else host}"
    return f"if the {'bastion' if bastion else 'host'} was reinstalled: {way}; if not, somebody may be in between"


def alive(client: "SSHClient") -> bool:
    """Whether a connection still stands."""
    transport = client.get_transport()
    return transport is not None and transport.is_active()


def reason(exc: Exception) -> str:
    """The errno's text where there is one: paramiko wraps it."""
    errors = getattr(exc, "errors", None)
    first = next(iter(errors.values())) if isinstance(errors, dict) and errors else exc
    return str(getattr(first, "strerror", "") or getattr(first, "text", "") or first)

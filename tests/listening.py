"""An SSH server of a test's own, on loopback, that does what the test says and ends with it."""

import contextlib
import io
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import paramiko

from slipway.probe.access import Access, Login
from slipway.probe.known_hosts import KnownHosts
from slipway.probe.ssh import SSHSession

#: What a server hears when whoever asked is gone.
GONE = (OSError, EOFError, paramiko.SSHException)


class Welcoming(paramiko.ServerInterface):
    """Lets everybody in who shows a key."""

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.common.OPEN_SUCCEEDED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.common.AUTH_SUCCESSFUL


def private_key() -> bytes:
    """A new one, as a file has it."""
    text = io.StringIO()
    paramiko.ECDSAKey.generate().write_private_key(text)
    return text.getvalue().encode()


def session_with(port: int, directory: Path) -> SSHSession:
    """Of root with a key of its own, to a server on this machine; host keys are kept in the directory."""
    known = KnownHosts(directory / "known_hosts", on_first_contact=lambda _key: None)
    login = Login("root", port, known, "spec.hosts.ssh", key=private_key())
    return SSHSession("w", "127.0.0.1", Access(login))


@contextmanager
def accepting(
    server: Callable[[], paramiko.ServerInterface],
    *,
    key: paramiko.PKey | None = None,
    address: str = "127.0.0.1",
    port: int = 0,
) -> Iterator[int]:
    """Serve every connection by a `server` of its own; the port. `key`: the host's, or a new one."""
    key, transports = key or paramiko.ECDSAKey.generate(), list[paramiko.Transport]()
    with socket.create_server((address, port)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):  # the test is over
                while True:
                    connection, _ = listener.accept()
                    transport = paramiko.Transport(connection)
                    transports.append(transport)
                    transport.add_server_key(key)
                    with contextlib.suppress(*GONE):
                        transport.start_server(server=server())

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for transport in transports:
                transport.close()


@dataclass
class Machine:
    """What answers at a port of loopback by a key of its own, and all that it was given: logins, and what came in."""

    key: paramiko.PKey = field(default_factory=paramiko.ECDSAKey.generate)
    address: str = "127.0.0.1"
    port: int = 0
    given: list[bytes] = field(default_factory=list)

    @contextmanager
    def up(self) -> Iterator[None]:
        with accepting(
            lambda: Curious(self), key=self.key, address=self.address, port=self.port
        ) as self.port:
            yield


class Curious(Welcoming):
    """Lets in whoever comes, by key or password, and reads along."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def get_allowed_auths(self, username: str) -> str:
        return "publickey,password"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.machine.given.append(username.encode())
        return paramiko.common.AUTH_SUCCESSFUL

    def check_auth_password(self, username: str, password: str) -> int:
        self.machine.given.append(password.encode())
        return paramiko.common.AUTH_SUCCESSFUL

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=self.answer, args=(channel,), daemon=True).start()
        return True

    def answer(self, channel: paramiko.Channel) -> None:
        with contextlib.suppress(*GONE):
            while part := channel.recv(1 << 16):
                self.machine.given.append(part)
            channel.sendall(b"slipway-ready\n")
            channel.send_exit_status(0)
            channel.close()

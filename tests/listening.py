"""An SSH server of a test's own, on loopback, that does what the test says and ends with it."""

import contextlib
import io
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
        return paramiko.OPEN_SUCCEEDED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.AUTH_SUCCESSFUL


def session_with(port: int, directory: Path) -> SSHSession:
    """Of root with a key of its own, to a server on this machine; host keys are kept in the directory."""
    text = io.StringIO()
    paramiko.ECDSAKey.generate().write_private_key(text)
    known = KnownHosts(directory / "known_hosts")
    login = Login("root", port, known, "spec.hosts.ssh", key=text.getvalue().encode())
    return SSHSession("w", "127.0.0.1", Access(login))


@contextmanager
def accepting(server: type[paramiko.ServerInterface]) -> Iterator[int]:
    """Serve every connection by a `server` of its own; the port."""
    key, transports = paramiko.ECDSAKey.generate(), list[paramiko.Transport]()
    with socket.create_server(("127.0.0.1", 0)) as listener:

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

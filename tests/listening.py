"""An SSH server of a test's own, on loopback, that does what the test says and ends with it."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import paramiko

#: What a server hears when whoever asked is gone.
GONE = (OSError, EOFError, paramiko.SSHException)


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

"""One SSH connection to one host, and scripts run through it as root; with `connect` and `keys` all that has paramiko.

A script travels on stdin, so that neither it nor a sudo password is ever in an argument list.
"""

import shlex
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Self

from slipway.model.codes import HostCode
from slipway.probe.access import Access, HostError
from slipway.probe.connect import BastionConnection, alive, connect

if TYPE_CHECKING:
    from paramiko import Channel, SSHClient

#: Seconds a script may take unless its caller knows better.
SCRIPT_SECONDS: Final = 30.0

#: Bytes of one answer: a host says far less, and one that goes on for ever must not fill this machine.
LONGEST: Final = 64 << 20

_READY: Final = b"slipway-ready\n"
#: Reads lines until its header (sudo leaves the password unread where it needs none), says that the shell works,
#: then takes exactly the script from stdin; what follows on stdin is the script's own input.
_BOOT: Final = (
    "while IFS= read -r l; do case $l in slipway-script:*) break;; esac; done; "
    'echo slipway-ready; eval "$(head -c "${l#slipway-script:}")"'
)


class SSHSession:
    """A connection, made on first use and again after it broke; one script at a time per channel, any thread."""

    def __init__(
        self, name: str, address: str, access: Access, bastion: BastionConnection | None = None
    ) -> None:
        self.name = name
        self.address = address
        self.access = access
        self.bastion = bastion
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

        become = sudo and self.access.login.user != "root"
        deadline = time.monotonic() + timeout
        try:
            channel = self._channel(timeout=timeout)
            with channel:
                channel.settimeout(timeout)
                channel.exec_command(_command(become=become, password=self.access.sudo_password is not None))
                refused = _given(channel, self._stdin(script, stdin, become=become))
                out, err = _drain(channel, deadline)
                code = _exit_status(channel, deadline)
                if refused and code < 0:  # not what was run has ended, but the connection
                    raise refused
        except TimeoutError as exc:
            self.close()
            raise HostError(
                self.name, HostCode.TIMEOUT, f"a script did not end within {timeout:.0f} s"
            ) from exc
        except _Endless as exc:
            self.close()
            what = f"it prints more than {LONGEST >> 20} MiB in answer to a script"
            raise HostError(self.name, HostCode.SHELL, what) from exc
        except (SSHException, EOFError, OSError) as exc:
            self.close()
            raise HostError(self.name, HostCode.UNREACHABLE, "the connection broke", why=str(exc)) from exc
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
        password = (
            self.access.sudo_password + b"\n" if become and self.access.sudo_password is not None else b""
        )
        return password + b"slipway-script:%d\n" % len(body) + body + data

    def _output(self, out: bytes, err: bytes, *, become: bool) -> bytes:
        """What the script itself printed; what a login shell printed before is dropped."""
        _, ready, rest = out.partition(_READY)
        if ready:
            return rest
        why = err.decode(errors="replace").strip() or out.decode(errors="replace").strip()
        if become and "sudo" in why:
            raise HostError(
                self.name, HostCode.SUDO, f"{self.access.login.user} cannot become root", why=_last(why)
            )
        raise HostError(self.name, HostCode.SHELL, "the login shell runs no script", why=_last(why))

    def _channel(self, *, timeout: float) -> "Channel":
        """A new channel on the connection, which is made if there is none."""
        with self._lock:
            if self._client is None or not alive(self._client):
                self._client = connect(self.name, self.address, self.access.login, through=self.bastion)
            transport = self._client.get_transport()
        if transport is None:
            raise EOFError("the connection was closed")
        return transport.open_session(timeout=timeout)


class _Endless(Exception):  # noqa: N818 - an answer, and no fault of ours
    """It prints more than anybody wants to hear."""


def _command(*, become: bool, password: bool) -> str:
    """What sshd is asked to run: constant, so that nothing of ours shows in a process list.

    The script's $1 is where this connection comes from, as the host sees it. sudo takes it out of the environment.
    """
    root = ["sudo", "-S", "-p", "", "--"] if password else ["sudo", "-n", "--"]
    words = ["env", "LC_ALL=C", *(root if become else []), "sh", "-c", _BOOT, "slipway"]
    return f'{shlex.join(words)} "$SSH_CONNECTION"'


def _given(channel: "Channel", data: bytes) -> OSError | None:
    """Hand data to what runs there; the error where it ended without taking it all, as a login that is refused does."""
    try:
        channel.sendall(data)
        channel.shutdown_write()
    except TimeoutError:
        raise
    except OSError as exc:
        return exc
    return None


def _drain(channel: "Channel", deadline: float) -> tuple[bytes, bytes]:
    """All output, then all error output: the window is far larger than what our scripts complain."""
    parts: list[bytes] = []
    for receive in (channel.recv, channel.recv_stderr):
        chunks, size = [], 0
        while chunk := _within(channel, deadline, receive):
            chunks.append(chunk)
            size += len(chunk)
            if size > LONGEST:
                raise _Endless
        parts.append(b"".join(chunks))
    return parts[0], parts[1]


def _within(channel: "Channel", deadline: float, receive: Callable[[int], bytes]) -> bytes:
    channel.settimeout(max(deadline - time.monotonic(), 0.01))
    return receive(1 << 16)


def _exit_status(channel: "Channel", deadline: float) -> int:
    if not channel.status_event.wait(max(deadline - time.monotonic(), 0.01)):
        raise TimeoutError
    return channel.exit_status


def _last(text: str) -> str:
    return text.splitlines()[-1] if text else ""

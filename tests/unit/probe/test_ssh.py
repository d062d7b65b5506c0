"""What a login that is refused, or a connection that breaks, is told as: against an SSH server on loopback."""

import contextlib
import threading
from pathlib import Path

import paramiko
import pytest

from slipway.model.codes import HostCode
from slipway.probe.access import HostError
from tests.listening import GONE, Welcoming, accepting, session_with

#: More than a channel takes in before somebody reads.
LARGE = bytes(8 << 20)


class Refusing(Welcoming):
    """Lets everybody in, to a program that reads nothing."""

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Timer(0.2, self.end, (channel,)).start()
        return True

    def end(self, channel: paramiko.Channel) -> None:
        """As nologin does."""
        with contextlib.suppress(*GONE):
            channel.sendall_stderr(b"This account is currently not available.\n")
            channel.send_exit_status(1)
            channel.close()


class Breaking(Refusing):
    """The connection goes before anything has ended."""

    def end(self, channel: paramiko.Channel) -> None:
        channel.get_transport().close()


@pytest.mark.parametrize(("server", "code"), [(Refusing, HostCode.SHELL), (Breaking, HostCode.UNREACHABLE)])
def test_a_program_that_takes_nothing_is_no_broken_connection(
    server: type[paramiko.ServerInterface], code: HostCode, tmp_path: Path
) -> None:
    with (
        accepting(server) as port,
        session_with(port, tmp_path) as session,
        pytest.raises(HostError) as caught,
    ):
        session.run("true", stdin=LARGE, timeout=20)
    assert caught.value.code is code
    if code is HostCode.SHELL:
        assert "not available" in caught.value.why

"""A node's connection table: what it forwards now, with the addresses that things had before it replaced them."""

from typing import Final

from slipway.probe.ssh import SSHSession

#: Where there is no conntrack, the kernel may have the same as a file.
_SCRIPT: Final = """
if command -v conntrack >/dev/null; then exec conntrack -L 2>/dev/null; fi
exec cat /proc/net/nf_conntrack
"""


def read_connections(session: SSHSession) -> str | None:
    """The table as its tool prints it; None: the host has no way to show it.

    Connections that nobody answers stay in it for half a minute (UDP) to two minutes (TCP).

    Raises:
        HostError: the host cannot be reached.
    """
    code, out, _ = session.run(_SCRIPT)
    return None if code else out.decode(errors="replace")

"""The bundle's own Python on hosts that have none Ansible can use: put there over plain SSH, whole or not at all."""

from functools import cache
from importlib.resources import files

from slipway.model.codes import HostCode
from slipway.probe.access import HostError
from slipway.probe.ssh import SSHSession

#: Seconds for about 20 MB through a slow line, and for a slow disk.
_SECONDS = 600.0


def install_python(session: SSHSession, archive: bytes, digest: str) -> None:
    """Put it in place of any other of ours.

    Raises:
        HostError: the host cannot be reached, it arrived damaged, or it does not run there.
    """
    head = f"{digest.removeprefix('sha256:')}\n".encode()
    code, _, err = session.run(_script(), stdin=head + archive, timeout=_SECONDS)
    if code:
        raise HostError(
            session.name,
            HostCode.SHELL,
            "the bundle's own Python could not be put on the host",
            why=err.decode(errors="replace").strip()[-500:],
            hint="/opt/slipway needs 150 MB, and may not be mounted noexec; then apply again",
        )


@cache
def _script() -> str:
    return files("slipway.probe").joinpath("python.sh").read_text(encoding="utf-8")

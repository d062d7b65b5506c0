"""Reading hosts: one round trip each, side by side; the look for drift is part of it.

Called by the engine for the scopes `targets` and `full`. A host that cannot be read is part of the result, with
the code of what went wrong; nothing is raised for it.
"""

import time
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from slipway.errors import StepError
from slipway.model.codes import HostCode
from slipway.model.configuration import Configuration
from slipway.model.host.items import Host
from slipway.model.observed import HostObserved
from slipway.probe.access import HostError
from slipway.probe.fleet import Fleet
from slipway.probe.parse import ReadError, parse_host
from slipway.probe.ssh import SCRIPT_SECONDS, SSHSession

#: A slow disk hashes about 100 MB/s; the programs of a node have about 1 GB.
_HASH_SECONDS = 120.0


def read_hosts(
    configuration: Configuration, fleet: Fleet, *, hosts: Iterable[str] | None = None, deep: bool = False
) -> dict[str, HostObserved]:
    """Hosts as they are now, in the configuration's order; `deep` also compares recorded files."""
    paths = {name: _disk_paths(configuration, host) for name, host in fleet.hosts.items()}
    names = list(fleet.hosts) if hosts is None else list(hosts)
    read, errors = fleet.each(lambda session: _read(session, paths[session.name], deep=deep), names)
    failed = {
        name: HostObserved(name, error_code=e.code, error=e.text, hint=e.hint) for name, e in errors.items()
    }
    return {name: read.get(name) or failed[name] for name in fleet.hosts if name in names}


def fetch_file(session: SSHSession, path: str, *, timeout: float = 30.0) -> bytes:
    """A file of a host, read as root."""
    code, out, err = session.run(
        'IFS= read -r p; exec cat -- "$p"', stdin=f"{path}\n".encode(), timeout=timeout
    )
    if code:
        why = err.decode(errors="replace").strip()
        raise StepError(f"{path} cannot be read", where=f"host/{session.name}", why=why)
    return out


def _read(session: SSHSession, paths: list[str], *, deep: bool) -> HostObserved:
    asked = time.time()
    code, out, err = session.run(
        _script(deep=deep),
        stdin="".join(f"{path}\n" for path in paths).encode(),
        timeout=_HASH_SECONDS if deep else SCRIPT_SECONDS,
    )
    answered = time.time()
    if code:
        raise HostError(
            session.name, HostCode.SHELL, "the probe failed", why=err.decode(errors="replace").strip()
        )
    try:
        return parse_host(session.name, out.decode(errors="replace"), asked=asked, answered=answered)
    except ReadError as exc:
        hint = "a newer Slipway reads it; if it is damaged, `slipway reset` makes the host free again"
        return HostObserved(session.name, error_code=HostCode.RECORD, error=str(exc), hint=hint)


def _disk_paths(configuration: Configuration, host: Host) -> list[str]:
    """Where Kubernetes, images and the registry will put their data, and on which disks."""
    paths = ["/", "/var/lib/kubelet", host.settings.runtime.root]
    paths += ["/var/lib/etcd", "fsync /var/lib/etcd"] if host.control_plane else []
    paths += [f"disk {disk.id}" for disk in host.settings.disks.values()]
    paths += [configuration.spec.registry.data_root] if host in configuration.registry_hosts else []
    return list(dict.fromkeys(paths))


@cache
def _script(*, deep: bool) -> str:
    """The scripts, and the word by which a whole answer is known."""
    folder = files("slipway.probe")
    names = ("read.sh", "survey.sh", *(("drift.sh",) if deep else ()))
    parts = [folder.joinpath(name).read_text(encoding="utf-8") for name in names]
    return "".join([*parts, "section end echo complete\n"])

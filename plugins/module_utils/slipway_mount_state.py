"""What a host has of our mounts, and the way back. Used by slipway_mount_host and slipway_reset."""

from __future__ import annotations

import contextlib
import glob
import os
import socket
from typing import Any

from ansible.module_utils import slipway_mounts as units
from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import must, read_text, run
from ansible.module_utils.slipway_paths import rmdir, unlink

#: Seconds to reach a server of a mount, and for systemd to mount or unmount, which ends itself before.
REACH_SECONDS, SYSTEMD_SECONDS = 5, units.TIMEOUT + 30
WANTS = f"{units.UNITS}/multi-user.target.wants"


def own_units() -> dict[str, str]:
    """Text of every unit file of ours for one mount."""
    found = {}
    for path in glob.glob(f"{units.UNITS}/*.mount") + glob.glob(f"{units.UNITS}/*.automount"):
        text = read_text(path) or ""
        if units.name_in(text):
            found[path] = text
    return found


def shared_paths() -> list[str]:
    """Our files that are no unit of a mount, and are there."""
    drop_ins = [f"{units.UNITS}/{unit}.d/{units.DROP_IN}" for unit in (*units.RUNTIMES, units.KUBELET)]
    wanted = [*drop_ins, f"{units.UNITS}/{units.AGAIN_UNIT}", *glob.glob(f"{units.SETTINGS}/*")]
    return [path for path in wanted if os.path.lexists(path)]


def there() -> list[str]:
    """Everything of ours."""
    return [*own_units(), *shared_paths()]


def table() -> list[dict[str, Any]]:
    """What is mounted."""
    return units.mount_table(read_text("/proc/self/mountinfo") or "")


def claimed(path: str) -> str:
    """Who else mounts something there; empty: nobody."""
    for line in (read_text("/etc/fstab") or "").splitlines():
        fields = line.split()
        if (
            len(fields) > 1
            and not line.lstrip().startswith("#")
            and units.unescape(fields[1]).rstrip("/") == path
        ):
            return "/etc/fstab"
    for unit in (units.mount_unit(path), units.automount_unit(path)):
        text = read_text(f"{units.UNITS}/{unit}")
        if text is not None and not units.name_in(text):
            return f"{units.UNITS}/{unit}"
    return ""


def unreached(servers: list[dict[str, Any]]) -> str:
    """Why none of the servers can be reached; empty: one answers, or none is known."""
    reasons = []
    for server in servers:
        place = f"{server['address']} port {server['port']}"
        try:
            with socket.create_connection((server["address"], server["port"]), timeout=REACH_SECONDS):
                return ""
        except socket.gaierror:
            reasons.append(f"the name {server['address']} cannot be resolved")
        except OSError as error:
            why = "no answer" if isinstance(error, TimeoutError) else (error.strerror or str(error)).lower()
            reasons.append(f"{place} cannot be reached ({why})")
    return ", ".join(reasons)


def outdated(names: list[str]) -> bool:
    """Whether systemd has not read a unit as it is now."""
    shown_now = must(["systemctl", "show", "--property=LoadState,NeedDaemonReload", *names])
    return "LoadState=not-found" in shown_now or "NeedDaemonReload=yes" in shown_now


def last_words(unit: str) -> str:
    """What a unit's program said before it failed, without what systemd says of every failure."""
    argv = ["journalctl", "--unit", unit, "--lines", "20", "--no-pager", "--output", "cat", "--boot"]
    lines = run(argv).stdout.splitlines()
    own = [
        line for line in lines if line.startswith(("mount", "umount", "ceph", "unable", "fuse", "failed to"))
    ]
    return " / ".join(dict.fromkeys(own[-3:]))


def remove(path: str, unit: str = "") -> None:
    """A file of ours; with a unit its link at boot, and the place where it mounted when that is empty."""
    with contextlib.suppress(FileNotFoundError):
        unlink(f"{WANTS}/{os.path.basename(path)}")
    with contextlib.suppress(FileNotFoundError):
        unlink(path)
    with contextlib.suppress(OSError):
        if (
            path.startswith((f"{units.SETTINGS}/", f"{units.UNITS}/"))
            and os.path.dirname(path) != units.UNITS
        ):
            rmdir(os.path.dirname(path))
    if unit:
        with contextlib.suppress(OSError, HostError):
            rmdir(units.where_in(unit))


def release() -> None:
    """Unmount and remove all of ours, whoever uses it: the host leaves. Data that was written is written out first."""
    run(["systemctl", "stop", units.AGAIN_UNIT])
    own = own_units()
    for path in sorted(own, reverse=True):
        run(["systemctl", "stop", os.path.basename(path)], timeout=SYSTEMD_SECONDS)
    for place in sorted({units.where_in(text) for text in own.values()}, reverse=True):
        if units.mounted_at(table(), place):
            run(["umount", "--lazy", "--no-canonicalize", place], timeout=SYSTEMD_SECONDS)
    for path in there():
        remove(path, own.get(path, ""))
    with contextlib.suppress(OSError):
        rmdir(units.SETTINGS)

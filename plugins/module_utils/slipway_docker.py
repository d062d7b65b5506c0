"""Docker under Slipway's settings: where they are, and the way back. Used by slipway_reset."""

from __future__ import annotations

import os

from ansible.module_utils.slipway_host import read_text, run
from ansible.module_utils.slipway_jsonfile import Shared
from ansible.module_utils.slipway_paths import remove_tree, rmdir, unlink

DROP_IN = "/etc/systemd/system/docker.service.d/60-slipway.conf"
UNIT = "/etc/systemd/system/cri-docker.service"
CERTS = "/etc/docker/certs.d"
DAEMON = "/etc/docker/daemon.json"
UNITS = ("cri-docker.service", "docker.service", "docker.socket")
#: Roles that have keys in Docker's settings.
ROLES = ("container_runtime", "node_nvidia")
OURS = "# Written by Slipway."


def there() -> list[str]:
    """What of ours there is."""
    memories = [Shared(DAEMON, role).memory for role in ROLES]
    return [*authorities(), *(path for path in (DROP_IN, UNIT, *memories) if os.path.lexists(path))]


def authorities() -> list[str]:
    """Directories of registries that hold an authority of ours."""
    names = os.listdir(CERTS) if os.path.isdir(CERTS) else []
    paths = (f"{CERTS}/{name}" for name in sorted(names))
    return [path for path in paths if (read_text(f"{path}/ca.crt") or "").startswith(OURS)]


def stop() -> None:
    """Docker stays installed and does not run: without its settings its data root would be another one."""
    if there():
        for unit in UNITS:
            run(["systemctl", "disable", "--now", unit], timeout=120)


def release() -> None:
    """Take our settings away, and leave others'."""
    for path in authorities():
        remove_tree(path)
    if os.path.isdir(CERTS) and not os.listdir(CERTS):
        rmdir(CERTS)
    for role in ROLES:
        Shared(DAEMON, role).release()
    for path in (UNIT, DROP_IN):
        if os.path.lexists(path):
            unlink(path)

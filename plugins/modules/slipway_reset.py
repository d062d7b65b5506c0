#!/usr/bin/python
"""Takes a host out of its cluster and removes what Slipway put on it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slipway_reset
short_description: Make a node a plain host again
description:
  - Stops the kubelet, runs kubeadm reset, ends all containers, unmounts what they left and what Slipway mounted,
    removes network links, files, units and records. Kernel parameters in force, host name, resolver and swap are what
    they were before.
  - Packages and the kernel modules that are loaded stay.
  - Every part may be gone already; a killed reset is repeated.
options:
  site:
    description: Identity of the cluster. A host that carries another one is refused.
    type: str
    default: ""
  host:
    description: Name of the host that is meant. A machine whose record names another one is refused.
    type: str
    default: ""
  named:
    description: >-
      Whether the machine has to be that host by its own word, its record's or its name: the address may be wrong, or a
      lie of somebody whose host is to go.
    type: bool
    default: false
  container_data_root:
    description: The container runtime's data root. Unset, the one that its settings name.
    type: path
  keep_container_data:
    description: Keep it.
    type: bool
    default: true
  keep_registry:
    description: Keep a site registry that runs here.
    type: bool
    default: true
  registry_data_root:
    description: The registry's blobs.
    type: path
    default: /var/lib/slipway-registry
author:
  - Slipway
"""

EXAMPLES = r"""
- name: Take the node down
  slipway_reset:
    keep_container_data: false
"""

RETURN = r"""
removed:
  description: What was there and is no more.
  type: list
  returned: always
"""

import contextlib
import glob
import os
import shutil
from typing import Any

from ansible.module_utils import (
    slipway_before,
    slipway_chrony,
    slipway_disks,
    slipway_docker,
    slipway_firewalls,
    slipway_mount_state,
    slipway_resolver,
    slipway_runtimes,
    slipway_swap,
)
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import (
    STATE_DIR,
    fail,
    locked,
    read_json,
    read_text,
    run,
    with_block,
)
from ansible.module_utils.slipway_kubeadm import LOCK, LOCK_SECONDS, cri_socket, remnants
from ansible.module_utils.slipway_made import made, removable
from ansible.module_utils.slipway_paths import empty, remove_tree, rmdir, write_atomic
from ansible.module_utils.slipway_running import end_containers, flush_rules, unmount

KUBELET_DIRECTORY = "/var/lib/kubelet"
#: Links that network providers leave; deleting one deletes its peer.
LINKS = ("cni0", "flannel.1", "kube-ipvs0")
NODE_PATHS = (
    "/etc/cni/net.d",
    "/etc/kubernetes",
    "/opt/cni/bin",
    "/run/flannel",
    "/var/lib/cni",
    "/var/lib/etcd",
    KUBELET_DIRECTORY,
    "/var/log/containers",
    "/var/log/pods",
)
JOURNALD = "/etc/systemd/journald.conf.d/60-slipway.conf"
#: A keepalived without our check is somebody else's.
BALANCER_CHECK, BALANCER_UNIT = "/etc/keepalived/slipway-api-answers", "keepalived.service"
NVIDIA_UNIT, ROUTES_UNIT = "slipway-nvidia.service", "slipway-routes.service"
FIREWALL_UNIT = "slipway-firewall.service"
HOST_PATHS = (
    BALANCER_CHECK,
    "/etc/containerd",
    "/etc/keepalived/keepalived.conf",
    "/etc/logrotate.d/slipway",
    "/etc/modules-load.d/slipway.conf",
    "/etc/nvidia-container-runtime",
    "/etc/security/limits.d/60-slipway.conf",
    "/etc/sysctl.d/90-slipway.conf",
    JOURNALD,
    *slipway_resolver.DROP_INS,
    "/etc/systemd/system.conf.d/60-slipway.conf",
    "/opt/containerd/image-verifier/bin/00-slipway",
    "/etc/systemd/system/containerd.service",
    "/etc/systemd/system/containerd.service.d/60-slipway.conf",
    "/etc/systemd/system/kubelet.service",
    "/etc/systemd/system/kubelet.service.d",
    "/etc/nftables.d/slipway.nft",
    f"/etc/systemd/system/{FIREWALL_UNIT}",
    f"/etc/systemd/system/{NVIDIA_UNIT}",
    f"/etc/systemd/system/{ROUTES_UNIT}",
    "/run/cdi/nvidia.yaml",
    "/run/containerd",
)
PROGRAMS = (
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "kubeadm",
    "kubectl",
    "kubelet",
    "nvidia-cdi-hook",
    "nvidia-container-runtime",
    "nvidia-ctk",
)
#: Directories that some of these made; those that are empty then go.
DIRECTORIES = (
    "/etc/cni",
    "/etc/nftables.d",
    "/opt/cni",
    "/opt/containerd/image-verifier/bin",
    "/opt/containerd/image-verifier",
    "/opt/containerd",
    "/etc/systemd/system/containerd.service.d",
    "/etc/systemd/system/docker.service.d",
    "/etc/systemd/journald.conf.d",
    "/etc/systemd/resolved.conf.d",
    "/etc/systemd/system.conf.d",
)
#: They read what is removed only when they start.
READERS = ("systemd-journald.service",)
#: The bundle's Python, and what killed attempts to put it there left. Beside it may lie the Slipway that runs this.
INTERPRETER_DIR = "/opt/slipway"
INTERPRETERS = (f"{INTERPRETER_DIR}/python", f"{INTERPRETER_DIR}/.python.*")
REGISTRY_UNITS = ("slipway-registry-gc.service", "slipway-registry-push.service", "slipway-registry.service")
REGISTRY_USER = "slipway-registry"
REGISTRY_PATHS = (
    "/etc/slipway-registry",
    "/usr/local/bin/slipway-registry",
    *(f"/etc/systemd/system/{unit}" for unit in REGISTRY_UNITS),
)


def data_root() -> str:
    """Where the container runtime keeps its data, by its own settings."""
    name = read_json(f"{STATE_DIR}/runtime.json").get("runtime") or "containerd"
    runtime = slipway_runtimes.RUNTIMES[name]
    return runtime.data_root() or runtime.usual_root


def there(path: str) -> bool:
    """Whether something is left at a path."""
    return os.path.lexists(path)


def remove(path: str) -> None:
    """Remove a file or directory; a mount point is emptied."""
    if os.path.ismount(path):
        empty(path)
    else:
        remove_tree(path)


def leftovers(path: str) -> bool:
    """Whether a path holds anything; an empty mount point does not count."""
    return there(path) and not (os.path.ismount(path) and not os.listdir(path))


def stop(*units: str) -> None:
    """Stop and disable; units that are not there are fine."""
    for unit in units:
        run(["systemctl", "disable", "--now", unit], timeout=120)


def node_down(p: dict[str, Any]) -> None:
    """Out of the cluster, nothing running or mounted."""
    stop("kubelet.service")
    if remnants() and shutil.which("kubeadm"):
        run(["kubeadm", "reset", "--force", "--cri-socket", cri_socket()], timeout=600)
    slipway_docker.stop()
    stop("containerd.service", NVIDIA_UNIT, *([BALANCER_UNIT] if there(BALANCER_CHECK) else ()))
    end_containers()
    unmount(KUBELET_DIRECTORY, "/run/containerd", "/run/netns", p["container_data_root"])
    for link in LINKS:
        run(["ip", "link", "delete", link])
    for name in os.listdir("/run/netns") if os.path.isdir("/run/netns") else ():
        if name.startswith("cni-"):
            run(["ip", "netns", "delete", name])
    flush_rules()


def container_data(p: dict[str, Any]) -> list[str]:
    """What containers left, if it is to go: before the settings, which alone say where it is."""
    return [] if p["keep_container_data"] else [p["container_data_root"]]


def paths(p: dict[str, Any]) -> list[str]:
    """Everything to remove that is there."""
    wanted = [*container_data(p), *NODE_PATHS, *HOST_PATHS, *(f"/usr/local/bin/{name}" for name in PROGRAMS)]
    if not p["keep_registry"]:
        wanted += [*REGISTRY_PATHS, p["registry_data_root"]]
    ours = [*slipway_chrony.there(), *slipway_docker.there(), *slipway_mount_state.there()]
    return [*ours, *(path for path in wanted if leftovers(path))]


def data_disks(p: dict[str, Any]) -> list[dict[str, Any]]:
    """Mounts of ours, the innermost first; a registry that stays keeps its disk."""
    units = slipway_disks.our_units().values()
    kept = p["registry_data_root"] if p["keep_registry"] and there(REGISTRY_PATHS[0]) else ""
    going = [unit for unit in units if not f"{kept}/".startswith(f"{unit['path']}/")]
    return sorted(going, key=lambda unit: unit["path"], reverse=True)


def state_paths() -> list[str]:
    """Records, packages and markers; removed last, so that a killed reset is still known as ours.

    After them only the interpreter that may be running this, without which it could not be repeated.
    """
    names = (
        "apt",
        "artifacts",
        "before.json",
        "copies",
        "directories.json",
        "disks.json",
        "dnf",
        "firewall.json",
        "packages",
        "recorded",
        "pending.json",
        "record.json",
        "runtime.json",
    )
    interpreters = [path for pattern in INTERPRETERS for path in sorted(glob.glob(pattern))]
    return [path for path in (*(f"{STATE_DIR}/{name}" for name in names), *interpreters) if there(path)]


def hosts_without_block() -> tuple[str, str]:
    """/etc/hosts as it is, and without our block."""
    text = read_text("/etc/hosts") or ""
    return text, with_block(text, "")


def settle() -> None:
    """Directories that only we used go, and who read what was removed reads again: also after a killed reset."""
    for path in DIRECTORIES:
        with contextlib.suppress(OSError):  # not there, or somebody else keeps something in it
            rmdir(path)
    run(["systemctl", "daemon-reload"])
    run(["systemctl", "try-restart", *READERS])
    for path in slipway_resolver.DROP_INS:
        with contextlib.suppress(HostError):  # what keeps it from reading again is no matter of ours any more
            slipway_resolver.tell(path)


def take_away(p: dict[str, Any], units: list[dict[str, Any]]) -> None:
    """All of it; `units`: data disks that go. What says where something is goes after that thing."""
    node_down(p)
    if not p["keep_registry"]:
        stop(*REGISTRY_UNITS)
        run(["userdel", REGISTRY_USER])
    for path in filter(leftovers, container_data(p)):
        remove(path)
    remove_made()  # before what they lie on is unmounted
    slipway_chrony.release()
    slipway_mount_state.release()
    stop(ROUTES_UNIT)  # servers of mounts may have been behind them
    slipway_firewalls.give_back()
    stop(FIREWALL_UNIT)
    slipway_docker.release()
    slipway_before.give_back()
    slipway_swap.given_back(check=False)
    for path in paths(p):
        remove(path)
    for unit in units:
        slipway_disks.release(unit)
    settle()
    write_atomic("/etc/hosts", hosts_without_block()[1])
    remove_made()  # those in which something was mounted
    for path in state_paths():
        remove(path)
    with contextlib.suppress(OSError):  # not there, or Slipway itself is installed in it
        rmdir(INTERPRETER_DIR)


def remove_made() -> None:
    """Directories that node_directories made, where they are empty."""
    for path in removable(made()):
        rmdir(path)


def refuse_other(site: str, host: str, *, named: bool) -> None:
    """Only the machine that is meant is reset."""
    record = read_json(f"{STATE_DIR}/record.json")
    theirs, name = record.get("site") or "", record.get("host") or ""
    if site and theirs and theirs != site:
        why = f"its record names the site {theirs}, not {site}"
        raise HostError(
            "this machine belongs to another cluster, and is left as it is", why=why, conflict=True
        )
    if named and not name and (record or remnants()):  # recorded before hosts were named
        name = os.uname().nodename
    if host and name and name != host:
        why = f"it is {name}; the address of {host} is wrong, or was told by somebody who should not"
        raise HostError(f"this machine is not {host}, and is left as it is", why=why, conflict=True)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "site": {"type": "str", "default": ""},
            "host": {"type": "str", "default": ""},
            "named": {"type": "bool", "default": False},
            "container_data_root": {"type": "path"},
            "keep_container_data": {"type": "bool", "default": True},
            "keep_registry": {"type": "bool", "default": True},
            "registry_data_root": {"type": "path", "default": "/var/lib/slipway-registry"},
        },
        supports_check_mode=True,
    )
    p = module.params
    os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    wanted: list[str] = []
    try:
        refuse_other(p["site"], p["host"], named=p["named"])
        p["container_data_root"] = p["container_data_root"] or data_root()
        hosts, plain = hosts_without_block()
        units = data_disks(p)
        wanted = [*paths(p), *(unit["file"] for unit in units), *removable(made()), *state_paths()]
        wanted += ["/etc/hosts"] if hosts != plain else []
        if wanted and not module.check_mode:
            with locked(LOCK, seconds=LOCK_SECONDS):
                take_away(p, units)
    except (HostError, OSError) as error:
        fail(module, error)
    diff = {"before": "".join(f"{path}\n" for path in wanted), "after": ""}
    module.exit_json(changed=bool(wanted), removed=wanted, diff=diff)


if __name__ == "__main__":
    main()

#!/usr/bin/python
"""Takes a host out of its cluster and removes what Slipway put on it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slipway_reset
short_description: Make a node a plain host again
description:
  - Stops the kubelet, runs kubeadm reset, ends all containers, unmounts what they left and what Slipway mounted,
    removes network links, files, units and records. Packages, host name and kernel parameters in force stay until the
    next boot.
  - Every part may be gone already; a killed reset is repeated.
options:
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
import signal

from ansible.module_utils import (
    slipway_chrony,
    slipway_disks,
    slipway_docker,
    slipway_mount_state,
    slipway_runtimes,
)
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.slipway_host import (
    STATE_DIR,
    HostError,
    fail,
    locked,
    read_json,
    read_text,
    run,
    with_block,
    write_atomic,
)
from ansible.module_utils.slipway_kubeadm import LOCK, LOCK_SECONDS, cri_socket, remnants
from ansible.module_utils.slipway_made import made, removable

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
NVIDIA_UNIT = "slipway-nvidia.service"
HOST_PATHS = (
    BALANCER_CHECK,
    "/etc/containerd",
    "/etc/keepalived/keepalived.conf",
    "/etc/modules-load.d/slipway.conf",
    "/etc/nvidia-container-runtime",
    "/etc/security/limits.d/60-slipway.conf",
    "/etc/sysctl.d/90-slipway.conf",
    JOURNALD,
    "/etc/systemd/resolved.conf.d/slipway.conf",
    "/etc/systemd/system.conf.d/60-slipway.conf",
    "/etc/systemd/system/containerd.service",
    "/etc/systemd/system/containerd.service.d/60-slipway.conf",
    "/etc/systemd/system/kubelet.service",
    "/etc/systemd/system/kubelet.service.d",
    f"/etc/systemd/system/{NVIDIA_UNIT}",
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
INTERPRETER = "/opt/slipway"
REGISTRY_UNITS = ("slipway-registry-push.service", "slipway-registry.service")
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
    if os.path.isdir(path) and not os.path.islink(path):
        for name in os.listdir(path) if os.path.ismount(path) else ():
            remove(os.path.join(path, name))
        if not os.path.ismount(path):
            shutil.rmtree(path)
    else:
        os.unlink(path)


def leftovers(path: str) -> bool:
    """Whether a path holds anything; an empty mount point does not count."""
    return there(path) and not (os.path.ismount(path) and not os.listdir(path))


def stop(*units: str) -> None:
    """Stop and disable; units that are not there are fine."""
    for unit in units:
        run(["systemctl", "disable", "--now", unit], timeout=120)


def end_containers() -> None:
    """Shims and what runs under them: KillMode=process left them when containerd stopped."""
    shims = [pid for pid, program in processes() if program.startswith("containerd-shim")]
    for pid in {child for shim in shims for child in children(shim)} | set(shims):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def processes() -> list[tuple[int, str]]:
    """Every process and its program."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            argv = (read_text(f"/proc/{entry}/cmdline") or "").split("\0")
            found.append((int(entry), os.path.basename(argv[0])))
    return found


def children(pid: int) -> list[int]:
    """All descendants of a process."""
    text = " ".join(read_text(path) or "" for path in glob.glob(f"/proc/{pid}/task/*/children"))
    direct = [int(child) for child in text.split()]
    return direct + [further for child in direct for further in children(child)]


def mounts(*prefixes: str) -> list[str]:
    """Mount points below some directories, deepest first."""
    table = (line.split() for line in (read_text("/proc/self/mounts") or "").splitlines())
    points = {fields[1] for fields in table if any(fields[1].startswith(f"{p}/") for p in prefixes)}
    return sorted(points, reverse=True)


def unmount(*prefixes: str) -> None:
    """Unmount them."""
    for point in mounts(*prefixes):
        run(["umount", "--lazy", point])


def node_down(p: dict) -> None:
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


def flush_rules() -> None:
    """Tables and chains of kube-proxy and flannel; the host's own stay."""
    listed = run(["nft", "list", "tables"]).stdout.split("\n")
    for fields in (line.split() for line in listed):
        if len(fields) == 3 and fields[2].startswith(("kube-proxy", "flannel-")):
            run(["nft", "delete", "table", fields[1], fields[2]])
    for program in ("iptables", "ip6tables"):
        saved = run([f"{program}-save"]).stdout.splitlines()
        ours = [line for line in saved if not any(word in line for word in ("KUBE-", "CNI-", "FLANNEL-"))]
        if len(ours) != len(saved):
            run([f"{program}-restore"], stdin="\n".join(ours) + "\n")


def paths(p: dict) -> list[str]:
    """Everything to remove that is there."""
    wanted = [*NODE_PATHS, *HOST_PATHS, *(f"/usr/local/bin/{name}" for name in PROGRAMS)]
    if not p["keep_container_data"]:
        wanted.append(p["container_data_root"])
    if not p["keep_registry"]:
        wanted += [*REGISTRY_PATHS, p["registry_data_root"]]
    ours = [*slipway_chrony.there(), *slipway_docker.there(), *slipway_mount_state.there()]
    return [*ours, *(path for path in wanted if leftovers(path))]


def data_disks(p: dict) -> list[dict]:
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
        "copies",
        "directories.json",
        "disks.json",
        "packages",
        "recorded",
        "pending.json",
        "record.json",
        "runtime.json",
    )
    return [path for path in (*(f"{STATE_DIR}/{name}" for name in names), INTERPRETER) if there(path)]


def hosts_without_block() -> tuple[str, str]:
    """/etc/hosts as it is, and without our block."""
    text = read_text("/etc/hosts") or ""
    return text, with_block(text, "")


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "container_data_root": {"type": "path"},
            "keep_container_data": {"type": "bool", "default": True},
            "keep_registry": {"type": "bool", "default": True},
            "registry_data_root": {"type": "path", "default": "/var/lib/slipway-registry"},
        },
        supports_check_mode=True,
    )
    p = {**module.params, "container_data_root": module.params["container_data_root"] or data_root()}
    os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    hosts, plain = hosts_without_block()
    units = data_disks(p)
    empty = removable(made())
    wanted = [*paths(p), *(unit["file"] for unit in units), *empty, *state_paths()]
    wanted += ["/etc/hosts"] if hosts != plain else []
    try:
        if wanted and not module.check_mode:
            with locked(LOCK, seconds=LOCK_SECONDS):
                node_down(p)
                if not p["keep_registry"]:
                    stop(*REGISTRY_UNITS)
                slipway_chrony.release()
                slipway_mount_state.release()
                slipway_docker.release()
                for path in paths(p):
                    remove(path)
                for unit in units:
                    slipway_disks.release(unit)
                run(["systemctl", "daemon-reload"])
                if JOURNALD in wanted:
                    run(["systemctl", "restart", "systemd-journald.service"])
                write_atomic("/etc/hosts", plain)
                for path in empty:
                    os.rmdir(path)
                for path in state_paths():
                    remove(path)
    except (HostError, OSError) as error:
        fail(module, error)
    diff = {"before": "".join(f"{path}\n" for path in wanted), "after": ""}
    module.exit_json(changed=bool(wanted), removed=wanted, diff=diff)


if __name__ == "__main__":
    main()

"""Ends what a node leaves running: containers, mounts, rules of packet filters. Used by slipway_reset.

Runs on the target with Python >= 3.9 and the standard library only.
"""

from __future__ import annotations

import contextlib
import glob
import os
import signal

from ansible.module_utils.slipway_host import read_text, run


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


def flush_rules() -> None:
    """Tables and chains of kube-proxy, flannel and the kubelet's unit; the host's own stay."""
    listed = run(["nft", "list", "tables"]).stdout.split("\n")
    for fields in (line.split() for line in listed):
        if len(fields) == 3 and fields[2].startswith(("kube-proxy", "flannel-", "slipway-services")):
            run(["nft", "delete", "table", fields[1], fields[2]])
    for program in ("iptables", "ip6tables"):
        saved = run([f"{program}-save"]).stdout.splitlines()
        ours = [line for line in saved if not any(word in line for word in ("KUBE-", "CNI-", "FLANNEL-"))]
        if len(ours) != len(saved):
            run([f"{program}-restore"], stdin="\n".join(ours) + "\n")

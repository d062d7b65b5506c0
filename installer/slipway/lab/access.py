"""How a node is reached: by ssh with the lab's key and pinned host keys, as Slipway itself will reach it."""

import shlex
import socket
import subprocess
from collections.abc import Sequence
from typing import Final

from slipway.lab import disk
from slipway.lab.machine import LabError, wait_until
from slipway.lab.state import LabNode, Site
from slipway.landing import land

SSH_PORT: Final = 22
#: Two seconds is usual; a machine whose cores are busy with a build needs many times that.
BOOT_SECONDS: Final = 120
#: `systemctl is-system-running` says `degraded` when any unit failed: a node that is up nevertheless.
BOOTED: Final = ("running", "degraded")


def host_key_lines(site: Site) -> tuple[str, ...]:
    """One known_hosts line per node: `name,address type key`."""
    return tuple(
        f"{node.name},{node.address} {' '.join(disk.host_key(site, node).split()[:2])}" for node in site.nodes
    )


def write_known_hosts(site: Site) -> None:
    """Pin the keys of all nodes."""
    land(site.known_hosts, "".join(f"{line}\n" for line in host_key_lines(site)), mode=0o644)


def command(site: Site, node: LabNode, argv: Sequence[str] = ()) -> list[str]:
    """The ssh command line: a login, or the given program with its arguments kept apart."""
    options = {
        "UserKnownHostsFile": site.known_hosts,
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "IdentitiesOnly": "yes",
        "BatchMode": "yes",
        "ConnectTimeout": "8",
        "LogLevel": "ERROR",
    }
    flags = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    remote = ["--", shlex.join(argv)] if argv else []
    return ["ssh", "-F", "none", "-i", str(site.private_key), *flags, f"root@{node.address}", *remote]


def run(
    site: Site, node: LabNode, argv: Sequence[str], *, stdin: str | None, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run a program on the node; its status and output are the caller's to judge."""
    try:
        return subprocess.run(
            command(site, node, argv),
            input="" if stdin is None else stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise LabError(f"{argv[0]} takes longer than {timeout:.0f} s", where=f"node {node.name}") from exc


def wait_booted(site: Site, node: LabNode) -> None:
    """Wait until sshd answers and systemd has done its start-up."""
    if not wait_until(lambda: _banner(node), seconds=BOOT_SECONDS):
        log = site.node_directory(node) / "console.log"
        words = log.read_text(errors="replace").strip().splitlines()[-3:]
        raise LabError(
            f"node {node.name} does not answer",
            where=f"{node.address}:22",
            why="; ".join(words),
            hint=f"see {log}",
        )
    if not wait_until(lambda: _booted(site, node), seconds=BOOT_SECONDS, step=0.2):
        raise LabError(
            f"node {node.name} does not finish its start-up", hint="log in and see `systemctl list-jobs`"
        )


def _booted(site: Site, node: LabNode) -> bool:
    waiting = ["systemctl", "is-system-running", "--wait"]
    return run(site, node, waiting, stdin=None, timeout=BOOT_SECONDS).stdout.strip() in BOOTED


def _banner(node: LabNode) -> bool:
    try:
        with socket.create_connection((node.address, SSH_PORT), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False

"""The two container runtimes as a host has them: where their data is, what runs in them, how they stop.

Used by the module slipway_runtime.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import socket
import time
from collections.abc import Callable
from typing import Any

from ansible.module_utils.slipway_copytree import holds_anything
from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import must, read_text, run
from ansible.module_utils.slipway_paths import unlink

CONTAINERD_CONFIG = "/etc/containerd/config.toml"
CONTAINERD_UNIT = "/etc/systemd/system/containerd.service"
#: First line of containerd's settings where only Docker uses it.
FOR_DOCKER = "# Written by Slipway for Docker."
DOCKER_CONFIG = "/etc/docker/daemon.json"
CRI_DOCKERD = "/run/cri-dockerd.sock"
DOCKER_SOCKET = "/run/docker.sock"
#: What Docker's folders hold before anybody used it.
FRESH = {"backingFsBlockDev", "metadata.db"}
KUBERNETES = "k8s.io"
#: Seconds a container has between SIGTERM and SIGKILL, and a killed one until its process is gone.
GRACE, GONE = 30, 20


class Runtime:
    """What both have in common."""

    name = ""
    units: tuple[str, ...] = ()
    usual_root = ""
    endpoint = ""

    def data_root(self) -> str:
        """Where its settings say that its data is; without any the usual place; empty: it is not installed."""
        raise NotImplementedError

    def used(self, root: str) -> bool:
        """Whether a data root holds anything worth keeping."""
        return holds_anything(root)

    def strangers(self) -> list[str]:
        """Running containers that no kubelet manages."""
        raise NotImplementedError

    def end_pods(self) -> None:
        """Stop the containers of pods, asking first."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop it; fails where containers are still alive."""
        for unit in reversed(self.units):
            run(["systemctl", "stop", unit], timeout=150)
        alive = wait_gone(shims)
        if alive:
            raise HostError(f"{self.name} is stopped, but containers are still alive", why="\n".join(alive))

    def start(self) -> None:
        """Start it again, where it is installed."""
        for unit in self.units:
            run(["systemctl", "start", unit], timeout=150)

    def disable(self) -> None:
        """Not at boot either."""
        for unit in self.units:
            run(["systemctl", "disable", unit])


class Containerd(Runtime):
    """containerd, with ctr beside it."""

    name = "containerd"
    units = ("containerd.service",)
    usual_root = "/var/lib/containerd"
    endpoint = "unix:///run/containerd/containerd.sock"

    def data_root(self) -> str:
        settings = read_text(CONTAINERD_CONFIG) or ""
        if settings.startswith(FOR_DOCKER):
            return ""
        found = re.search(r'^root = "([^"]+)"', settings, re.MULTILINE)
        if found:
            return found.group(1)
        return self.usual_root if loaded(self.units[0]) else ""

    def strangers(self) -> list[str]:
        if not active(self.units[0]):
            return []
        found = must(["ctr", "namespaces", "list", "--quiet"]).split()
        return [f"{space}/{task}" for space in found if space != KUBERNETES for task in self.tasks(space)]

    def tasks(self, space: str) -> list[str]:
        """Running tasks of a namespace."""
        lines = must(["ctr", "--namespace", space, "tasks", "list"]).splitlines()[1:]
        return [line.split()[0] for line in lines if line.split()[-1:] == ["RUNNING"]]

    def end_pods(self) -> None:
        if not active(self.units[0]):
            return
        ctr = ["ctr", "--namespace", KUBERNETES, "tasks"]
        for word, seconds in (("SIGTERM", GRACE), ("SIGKILL", GONE)):
            for task in self.tasks(KUBERNETES):
                run([*ctr, "kill", "--all", "--signal", word, task])
            wait_gone(lambda: self.tasks(KUBERNETES), seconds)
        for task in must([*ctr, "list", "--quiet"]).split():
            run([*ctr, "delete", "--force", task])

    def disable(self) -> None:
        """Debian's own unit shows again where ours is gone."""
        super().disable()
        if "Slipway" in (read_text(CONTAINERD_UNIT) or ""):
            unlink(CONTAINERD_UNIT)
            run(["systemctl", "daemon-reload"])


class Docker(Runtime):
    """Debian's Docker and the containerd that it uses; asked over its API, as its client is a package of its own."""

    name = "docker"
    units = ("containerd.service", "docker.socket", "docker.service", "cri-docker.service")
    usual_root = "/var/lib/docker"
    endpoint = f"unix://{CRI_DOCKERD}"

    def data_root(self) -> str:
        try:
            settings = json.loads(read_text(DOCKER_CONFIG) or "{}")
        except ValueError as error:
            raise HostError(f"{DOCKER_CONFIG} is not JSON: {error}") from error
        if settings.get("data-root"):
            return str(settings["data-root"])
        return self.usual_root if loaded("docker.service") else ""

    def used(self, root: str) -> bool:
        """Debian's package starts Docker once, before it has our settings: what that leaves is nobody's."""
        folders = (
            f"{root}/{name}" for name in ("containers", "image/overlay2/imagedb/content/sha256", "volumes")
        )
        left = {name for folder in folders if os.path.isdir(folder) for name in os.listdir(folder)}
        return holds_anything(root) and (root != self.usual_root or bool(left - FRESH))

    def containers(self) -> list[tuple[str, str]]:
        """Id and name of those that run."""
        if not active("docker.service"):
            return []
        return [(one["Id"], one["Names"][0].lstrip("/")) for one in docker("GET", "/containers/json")]

    def strangers(self) -> list[str]:
        return [name for _, name in self.containers() if not name.startswith("k8s_")]

    def end_pods(self) -> None:
        for identity, _ in self.containers():
            docker("POST", f"/containers/{identity}/stop?t={GRACE}", seconds=GRACE + GONE)

    def disable(self) -> None:
        """containerd's unit becomes that of ours; a socket that cri-dockerd left would be taken for a runtime."""
        for unit in self.units[1:]:
            run(["systemctl", "disable", unit])
        for path in (CRI_DOCKERD, DOCKER_SOCKET):
            with contextlib.suppress(FileNotFoundError):
                unlink(path)


RUNTIMES: dict[str, Runtime] = {one.name: one for one in (Containerd(), Docker())}


class _Local(http.client.HTTPConnection):
    """HTTP over Docker's socket."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(DOCKER_SOCKET)


def docker(method: str, path: str, seconds: float = 30) -> list[dict[str, Any]]:
    """One call of Docker's API; its answer, where it has one."""
    connection = _Local("docker", timeout=seconds)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        text = answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        raise HostError(f"Docker does not answer at {DOCKER_SOCKET}", why=str(error)) from error
    finally:
        connection.close()
    if answer.status not in (200, 204, 304):
        raise HostError(f"Docker refused {method} {path}", why=text)
    return json.loads(text) if text.strip() else []


def active(unit: str) -> bool:
    """Whether a unit runs, or is about to."""
    return run(["systemctl", "is-active", unit]).stdout.strip() in {"active", "activating", "reloading"}


def loaded(unit: str) -> bool:
    """Whether systemd knows it."""
    return must(["systemctl", "show", unit, "--property=LoadState", "--value"]).strip() == "loaded"


def shims() -> list[str]:
    """Containers that are alive, as their shims."""
    found = []
    for entry in os.listdir("/proc"):
        argv = (read_text(f"/proc/{entry}/cmdline") or "").split("\0") if entry.isdigit() else [""]
        if os.path.basename(argv[0]).startswith("containerd-shim"):
            if "-id" in argv[:-1]:
                found.append(f"{entry}: {argv[argv.index('-id') + 1]}")
            else:
                found.append(f"{entry}: {argv[0]}")
    return found


def wait_gone(look: Callable[[], list[str]], seconds: float = GONE) -> list[str]:
    """What is still there after some time."""
    deadline = time.monotonic() + seconds
    while (found := look()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def mounts_below(path: str) -> list[str]:
    """Mount points below a directory, deepest first."""
    table = (line.split() for line in (read_text("/proc/self/mounts") or "").splitlines())
    inner = f"{os.path.realpath(path).rstrip('/')}/"
    return sorted({fields[1] for fields in table if fields[1].startswith(inner)}, reverse=True)


def unmount_below(path: str) -> None:
    """What ended containers left mounted: layers, and memory of /dev/shm."""
    for point in mounts_below(path):
        must(["umount", point])

"""A cluster of lab nodes on which modules are tried, and what a test asks of it."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from ipaddress import ip_address, ip_network
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

import yaml

from slipway.lab import Lab
from slipway.settings import cache_dir
from tests.e2e.sites import DEMO, SLIPWAY, Site, merged
from tests.lab4.standins import stand_ins, without_recipe

#: The fewest between which there is a network; the control plane takes pods too.
NODES = ("cp-1", "worker-1")
ROLES = {"cp-1": ["control-plane", "worker"], "worker-1": ["worker"]}
#: On from the beginning, as on most sites.
CORE = ("flannel", "local-path-provisioner", "metrics-server", "operator")
#: Nobody else could lead; a machine that is busy for some seconds would end who does.
ALONE = {"extraArgs": {"leader-elect": "false"}}
BUSYBOX = "docker.io/library/busybox:1.37"
NAMESPACE = "slipway-system"
#: Seconds that modules may take from enabled to healthy, and to go again.
PATIENCE = 900.0
#: A cluster's own addresses, which leave a node whose rules are not there yet, or not any more: not the outside.
OWN = (ip_network("10.96.0.0/16"), ip_network("10.244.0.0/16"))

Found = TypeVar("Found")
Enabled: TypeAlias = Callable[..., AbstractContextManager[None]]
"""What the fixture `enabled` gives."""
Keep: TypeAlias = Callable[[str, object], None]
"""Pytest's `record_property`."""


def until(what: str, look: Callable[[], Found], seconds: float = 120) -> Found:
    """Wait for what it finds; what the last look failed by is told when nothing comes."""
    deadline, failure = time.monotonic() + seconds, None
    while True:
        try:
            if found := look():
                return found
            failure = None
        except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
            failure = error
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:.0f} s") from failure
        time.sleep(0.5)


class Platform:
    """The site, and how modules come and go on it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.kubectl, self.kubectl_json = site.kubectl, site.kubectl_json

    @contextmanager
    def enabled(
        self,
        keep: Keep,
        modules: Mapping[str, Mapping[str, Any]],
        values: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    ) -> Iterator[None]:
        """Until they are healthy by `slipway apply`; afterwards they are switched off, and have to go.

        `values` are what a user may write over a module's own. What it took is kept for levels.yaml.
        """
        wanted = {
            name: {"enabled": True, "settings": settings, "values": values.get(name, {})}
            for name, settings in modules.items()
        }
        before = self.site.edit({"spec": {"modules": wanted}})
        try:
            result = self.site.slipway_json("apply", "--yes", timeout=PATIENCE)
            seconds = {step["step"]: step["seconds"] for step in result["steps"]}
            taken = {name: round(seconds.get(f"module/{name}/apply", 0.0), 1) for name in modules}
            keep("trials", {name: self.measured(name) | {"seconds": taken[name]} for name in modules})
            yield
        except BaseException as error:
            error.add_note(self.sight())
            self.site.write(before)
            self.site.slipway("apply", "--yes", check=False, timeout=PATIENCE)
            raise
        self.site.write(before)
        self.site.slipway("apply", "--yes", timeout=PATIENCE)
        left = set(modules) & set(self.records())
        assert not left

    def measured(self, *names: str) -> dict[str, Any]:
        """Of modules that are healthy, for levels.yaml."""
        records = self.records()
        for name in names:
            assert records[name]["phase"] == "Healthy", records[name]
        version = str(self.site.document["spec"]["kubernetes"]["version"])
        return {"objects": sum(len(records[name]["objects"]) for name in names), "kubernetes": version}

    def records(self) -> dict[str, dict[str, Any]]:
        """Of all modules that the cluster has."""
        labelled = ["-l", "installer.slipway.dev/module"]
        found = self.kubectl_json("-n", NAMESPACE, "get", "configmaps", *labelled)["items"]
        decoded = [json.loads(item["data"]["record"]) for item in found]
        return {record["name"]: record for record in decoded}

    def sight(self) -> str:
        """What somebody looks at first: pods that do not run, what they said, and the last events."""
        pods = self.kubectl("get", "pods", "-A", "-o", "wide", check=False).stdout
        events = self.kubectl("get", "events", "-A", "--sort-by=.lastTimestamp", check=False).stdout
        said = []
        for line in pods.splitlines()[1:]:
            namespace, name, ready, phase, *_ = line.split()
            if phase == "Completed" or (phase == "Running" and len(set(ready.split("/"))) == 1):
                continue
            logs = self.kubectl("-n", namespace, "logs", name, "--all-containers", "--tail=20", check=False)
            said.append(f"{namespace}/{name}:\n{logs.stdout}{logs.stderr}")
        return "\n".join([pods, *said, *events.splitlines()[-30:]])

    @contextmanager
    def applied(self, *documents: Mapping[str, Any]) -> Iterator[None]:
        """For as long as the test needs them."""
        items = json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
        try:
            self.kubectl("apply", "--server-side", "-f", "-", stdin=items)
            yield
        finally:
            self.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=items, timeout=180)

    def said(self, script: str, *, namespace: str = "default", seconds: float = 120, **more: Any) -> str:
        """What a shell in a pod of its own said, once it ended well."""
        name = f"asks-{time.monotonic_ns() % 10**9}"
        with self.applied(pod(name, script, namespace=namespace, restartPolicy="Never", **more)):
            try:
                until(
                    f"{name} to end", lambda: self.phase(name, namespace) in {"Succeeded", "Failed"}, seconds
                )
                logs = self.kubectl("-n", namespace, "logs", name).stdout
                assert self.phase(name, namespace) == "Succeeded", logs
            except AssertionError as error:
                error.add_note(self.kubectl("-n", namespace, "describe", "pod", name, check=False).stdout)
                raise
            return logs

    def phase(self, name: str, namespace: str = "default") -> str:
        """Of a pod."""
        return self.kubectl("-n", namespace, "get", "pod", name, "-o", "jsonpath={.status.phase}").stdout

    def address(self, name: str, namespace: str = "default") -> str:
        """Of a pod that is ready."""
        self.kubectl(
            "-n", namespace, "wait", "--for=condition=Ready", f"pod/{name}", "--timeout=120s", timeout=130
        )
        return self.kubectl("-n", namespace, "get", "pod", name, "-o", "jsonpath={.status.podIP}").stdout

    def sent_outside(self) -> tuple[set[str], set[str]]:
        """Addresses and names beyond the site that something here asked for."""
        seen = self.site.lab.egress()
        foreign = {one for one in seen.destinations if not any(ip_address(one) in own for own in OWN)}
        return foreign, set(seen.names)


def pod(name: str, script: str, *, namespace: str = "default", node: str = "", **spec: Any) -> dict[str, Any]:
    """A pod of BusyBox, or of another `image`, that runs a script."""
    image = spec.pop("image", BUSYBOX)
    container = {"name": "shell", "image": image, "command": ["sh", "-ec", script]}
    container |= {key: spec.pop(key) for key in ("volumeMounts", "env", "ports", "resources") if key in spec}
    where = {"nodeName": node} if node else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0, **where, **spec},
    }


def service(name: str, port: Mapping[str, int], **spec: Any) -> dict[str, Any]:
    """Of the pod of that name."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"app": name}, "ports": [dict(port)], **spec},
    }


def page(text: str, port: int = 8080) -> str:
    """A script that serves this text."""
    return f"mkdir /tmp/www; echo '{text}' >/tmp/www/index.html; exec httpd -f -p {port} -h /tmp/www"


def platform_of(directory: Path, lab: Lab, bundle: Path) -> Platform:
    """Installed as a user does it."""
    site = Site(directory, lab, roles=ROLES, bundle=lambda: bundle)
    site.edit({"spec": {"kubernetes": dict.fromkeys(("controllerManager", "scheduler"), ALONE)}})
    site.slipway("install", "-b", str(bundle), "--yes", timeout=PATIENCE)
    until("the operator to be content", lambda: content(site), 300)
    return Platform(site)


def bundle_of(modules: set[str]) -> Path:
    """With these and what they require, built from source in the cache, where it stays for the next run."""
    directory = cache_dir() / "bundles" / "lab4"
    directory.mkdir(parents=True, exist_ok=True)
    enabled = {"spec": {"modules": {name: {"enabled": True} for name in modules}}}
    file = directory.with_suffix(".yaml")
    file.write_text(yaml.safe_dump(merged(yaml.safe_load(DEMO.read_text()), enabled)))
    with stand_ins(without_recipe(file), directory.with_suffix(".lock.yaml")) as options:
        build = [SLIPWAY, "bundle", "build", "-f", file, "-o", directory, "--os", "debian-12"]
        subprocess.run([*build, "--profile", "minimal", *options], check=True)
    return directory


def content(site: Site) -> bool:
    """Whether the operator has looked at the newest generation, and has nothing to do."""
    found = site.kubectl_json("-n", NAMESPACE, "get", "cc", site.name)
    status = found.get("status", {})
    conditions = {one["type"]: one["status"] for one in status.get("conditions", [])}
    seen = status.get("observedGeneration") == found["metadata"]["generation"]
    return seen and (conditions.get("Ready"), conditions.get("Reconciling")) == ("True", "False")

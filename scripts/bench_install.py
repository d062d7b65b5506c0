"""Fresh installs of the same three nodes: `slipway install`, and bench_plain.sh, each phase with its moment."""

import json
import shlex
import shutil
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import bench_hosts
from bench_site import Figure, Site, say, timed, unpack

from slipway import yamltext
from slipway.bundle.registry.client import RegistryClient
from slipway.bundle.site.push import push
from slipway.model.bundle import ArtifactKind, chart_name
from slipway.settings import NAMESPACE, data_dir

SCRIPT = Path(__file__).with_name("bench_plain.sh")
PORT = 5000
REGISTRY = f"""
version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: /var/lib/plain-registry}}}}
http: {{addr: ":{PORT}"}}
"""
#: Phases in order, and the steps whose end is theirs. A cluster is usable as such after `network`.
STEPS = {
    "mirror": ("mirror/",),
    "prepared": ("/kubernetes_node",),
    "initialized": ("/kubernetes_control_plane",),
    "network": ("/kubernetes_worker", "module/flannel/"),
    "modules": ("",),
}


class Installs:
    """Installs, and what they took: phase -> seconds since the start, one per install."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.phases: dict[str, dict[str, list[float]]] = {"slipway": {}, "plain": {}}
        self.before: dict[str, list[float]] = {"copy": [], "push": []}
        self.roles: dict[str, Any] = {}
        self.releases: dict[str, tuple[str, str]] = {}

    def slipway(self) -> None:
        """Bare nodes and a bundle, one command."""
        say("install: Slipway")
        site = self.site
        site.fresh()
        started = time.time()
        answer = json.loads(site.slipway("install", "-b", str(site.source.directory), "--yes", "-o", "json"))
        self._note("slipway", "end", time.time() - started)
        ended = {
            event["step"]: event["time"] - started
            for event in site.journal(answer["operation"])
            if event["kind"] == "step-finished"
        }
        for phase, names in STEPS.items():
            moment = max(at for step, at in ended.items() if any(name in step for name in names))
            if phase == "network":
                moment = max(moment, self._ready() - started)
            self._note("slipway", phase, moment)
        self.roles = bench_hosts.roles(site.journal(answer["operation"]))
        self._learn()

    def plain(self) -> None:
        """The same by a script, on nodes where programs, packages and images already are."""
        say("install: plain script")
        self.site.fresh()
        files = self._lay_out()
        self.before["copy"].append(timed(lambda: self.site.send(files, "/", self.site.lab.nodes)))
        shutil.rmtree(files)
        self.before["push"].append(timed(self._push))
        said = self.site.run("bash", SCRIPT, env=self._settings())
        moments = {line.split()[0]: float(line.split()[1]) for line in said.splitlines()}
        for phase in ("prepared", "initialized", "network", "modules"):
            self._note("plain", phase, moments[phase] - moments["started"])

    def report(self) -> dict[str, Any]:
        """Medians and ratios."""
        result: dict[str, Any] = {
            side: {phase: Figure(tuple(values)).as_dict() for phase, values in phases.items()}
            for side, phases in self.phases.items()
        }
        result["before_plain"] = {
            name: Figure(tuple(values)).as_dict() for name, values in self.before.items()
        }
        mine, its = ({phase: f["median"] for phase, f in result[side].items()} for side in self.phases)
        staged = sum(figure["median"] for figure in result["before_plain"].values())
        result["roles"] = self.roles
        result["ratios"] = {
            "network_whole": round(mine["network"] / (its["network"] + staged), 2),
            "modules_whole": round(mine["modules"] / (its["modules"] + staged), 2),
            "network": round(mine["network"] / its["network"], 2),
            "network_after_mirror": round((mine["network"] - mine["mirror"]) / its["network"], 2),
            "modules": round(mine["modules"] / its["modules"], 2),
            "modules_after_mirror": round((mine["modules"] - mine["mirror"]) / its["modules"], 2),
        }
        return result

    def _note(self, side: str, phase: str, seconds: float) -> None:
        self.phases[side].setdefault(phase, []).append(seconds)

    def _ready(self) -> float:
        """When the last node became Ready; the API rounds down to whole seconds, so one is added."""
        nodes = json.loads(self.site.kubectl("get", "nodes", "-o", "json"))["items"]
        conditions = [c for node in nodes for c in node["status"]["conditions"] if c["type"] == "Ready"]
        return max(datetime.fromisoformat(c["lastTransitionTime"]).timestamp() for c in conditions) + 1

    def _learn(self) -> None:
        """What Helm says was installed, with which values: the script installs the same."""
        for release in json.loads(self.site.helm("list", "-A", "-o", "json")):
            name, namespace = release["name"], release["namespace"]
            if namespace != NAMESPACE:  # the operator is nothing that a script could want
                values = self.site.helm("get", "values", name, "-n", namespace, "-o", "json")
                self.releases[name] = (namespace, values)

    def _lay_out(self) -> Path:
        """A tree of files as they lie on a node."""
        site, root = self.site, self.site.directory / "files"
        plain, programs, plugins = root / "root/plain", root / "usr/local/bin", root / "opt/cni/bin"
        for folder in (plain / "packages", plain / "charts", plain / "values", programs, plugins):
            folder.mkdir(parents=True)
        for name in ("kubeadm", "kubelet", "kubectl", "helm", "registry"):
            shutil.copy(site.path(ArtifactKind.BINARY, name), programs / name)
        unpack(site.path(ArtifactKind.BINARY, "containerd"), programs.parent)
        unpack(site.path(ArtifactKind.BINARY, "cni-plugins"), plugins)
        unpack(site.path(ArtifactKind.PACKAGES, "debian-12"), plain / "packages")
        for name, (_, values) in self.releases.items():
            shutil.copy(
                site.path(ArtifactKind.CHART, chart_name(name, name)), plain / "charts" / f"{name}.tgz"
            )
            (plain / "values" / f"{name}.json").write_text(values, encoding="utf-8")
        (plain / "registry.yml").write_text(REGISTRY, encoding="utf-8")
        return root

    def _push(self) -> None:
        first = self.site.lab.nodes[0]
        start = [
            "systemd-run",
            "--quiet",
            "--unit=plain-registry",
            "registry",
            "serve",
            "/root/plain/registry.yml",
        ]
        self.site.lab.ssh(first.name, start)
        wait = f"until (</dev/tcp/127.0.0.1/{PORT}) 2>/dev/null; do sleep 0.1; done"
        self.site.lab.ssh(first.name, ["bash", "-c", wait])
        push(self.site.source.directory, RegistryClient(f"http://{first.address}:{PORT}"))

    def _settings(self) -> dict[str, str]:
        site = self.site
        images = [a for a in site.source.manifest().artifacts if a.kind is ArtifactKind.IMAGE]
        defaults = (data_dir() / "roles/node_prepare/defaults/main.yml").read_text(encoding="utf-8")
        cluster = yamltext.load(site.file.read_text(encoding="utf-8"))["spec"]["kubernetes"]
        charts = {name: space for name, (space, _) in self.releases.items() if name != "flannel"}
        *ssh, _ = site.lab.ssh_command(site.lab.nodes[0].name)
        return {
            "SSH": shlex.join(ssh),
            "NODES": _pairs(site.hosts),
            "ENDPOINT": cluster["endpoint"]["address"],
            "VERSION": cluster["version"],
            "REGISTRY": f"{site.lab.nodes[0].address}:{PORT}",
            "MIRRORS": " ".join(sorted({image.name.partition("/")[0] for image in images})),
            "PAUSE": next(image.reference for image in images if image.name.endswith("/pause")),
            "PACKAGES": " ".join(yamltext.load(defaults)["node_prepare_base_packages"]),
            "CHARTS": _pairs(charts),
        }


def _pairs(items: dict[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in items.items())

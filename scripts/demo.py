"""The main job, as a user would do it by hand: a bundle, carried; a lab, an install; then one field edited twice.

    demo.py               three nodes, the small modules
    demo.py --platform    the same with monitoring and logs, and a question to each

Everything goes through the command line and kubectl; nothing here knows how Slipway does it. Leaves the lab up, and
`.slipway/demo/`: a workspace as a user has it (cluster.yaml, secrets, local state) and report.json.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from slipway.bundle.site.source import DirectorySource
from slipway.model.bundle import ArtifactKind
from slipway.settings import Workspace, cache_dir

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / ".slipway" / "demo"
SHIPPED = ROOT / "inventories" / "demo" / "cluster.yaml"
SLIPWAY = ROOT / ".venv" / "bin" / "slipway"
LAB, SUBNET, NODES = "demo", "10.77.0.0/24", 3
GIB = 1 << 30
#: What the demo needs free in the cache: what is fetched and compiled the first time, and in any case the bundle,
#: its copy in the site registry and three nodes. Measured, and rounded up.
FIRST_TIME, EVERY_TIME = 22 * GIB, 6 * GIB
MODULE = "welcome"
#: Of a medium on which the bundle is carried: small, so that there are several.
VOLUME = "256Mi"
#: The variables of Slipway's that the demo takes from whoever starts it: where to keep things, and repositories with
#: charts' trees that were fetched elsewhere, for a machine that reaches no git server.
CACHE, TREES = "SLIPWAY_CACHE", "SLIPWAY_TREES_DIR"
#: What the platform has besides, below `modules` of the shipped file.
PLATFORM = """\
    kube-prometheus-stack: {enabled: true, settings: {storage: {size: 2Gi}}}
    victoria-logs: {enabled: true, settings: {size: 2Gi}}
    victoria-logs-collector: {enabled: true}
"""
#: Seconds that any one wait may take before the demo gives up and says what it waited for.
PATIENCE = 240
#: Exit code of `slipway egress report` when something left the site.
LEFT = 4

SMOKE = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: smoke, namespace: default}
spec:
  replicas: 2
  selector: {matchLabels: {app: smoke}}
  template:
    metadata: {labels: {app: smoke}}
    spec:
      terminationGracePeriodSeconds: 0
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: smoke}}}
      containers:
      - name: web
        image: docker.io/library/busybox:1.37
        command: [sh, -c, "mkdir /tmp/www; hostname > /tmp/www/index.html; exec httpd -f -p 8080 -h /tmp/www"]
        readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: smoke, namespace: default}
spec: {selector: {app: smoke}, ports: [{port: 80, targetPort: 8080}]}
"""


class Demo:
    """The stages and what they took."""

    def __init__(self, *, platform: bool = False) -> None:
        self.platform = platform
        self.seconds: dict[str, float] = {}
        self.workspace = Workspace(DEMO / "cluster.yaml", LAB)
        # Only what the workspace itself says counts, as for whoever goes on there by hand.
        taken = {CACHE, TREES}
        own = (item for item in os.environ.items() if item[0] in taken or not item[0].startswith("SLIPWAY_"))
        self.environment = {**dict(own), "KUBECONFIG": str(self.workspace.kubeconfig)}
        self.bundle = cache_dir() / "bundles" / ("demo-platform" if platform else "demo")
        self.carried = DEMO / "bundle"
        self.kubectl_path = Path()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Say what is done, and remember how long it took."""
        print(f"\n== {name}", flush=True)
        started = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - started, 1)
        print(f"== {name}: {self.seconds[name]} s", flush=True)

    def slipway(self, *argv: str, capture: bool = False, fine: Collection[int] = (0,)) -> str:
        """Run the command line, which has to end with one of these codes; its progress goes to the screen."""
        done = subprocess.run(
            [SLIPWAY, *argv],
            cwd=DEMO,
            env=self.environment,
            check=False,
            text=True,
            stdout=subprocess.PIPE if capture else None,
        )
        if done.returncode not in fine:
            sys.exit(f"demo: slipway {' '.join(argv)} ended with {done.returncode}\n{done.stdout or ''}")
        return done.stdout or ""

    def kubectl(self, *argv: str, stdin: str | None = None, check: bool = True) -> str:
        """Run kubectl of the bundle."""
        done = subprocess.run(
            [self.kubectl_path, *argv],
            env=self.environment,
            check=False,
            text=True,
            input=stdin,
            capture_output=True,
        )
        if check and done.returncode:
            sys.exit(f"demo: kubectl {' '.join(argv)}: {done.stderr}")
        return done.stdout

    def wait(self, what: str, condition: Callable[[], Any]) -> Any:
        """Until it holds; a demo that waits for ever would show nothing."""
        until = time.monotonic() + PATIENCE
        while not (found := condition()):
            if time.monotonic() > until:
                sys.exit(
                    f"demo: waited {PATIENCE} s for {what}\n{self.kubectl('get', 'pods,nodes', '-A', '-o', 'wide')}"
                )
            time.sleep(0.3)
        return found

    def run(self) -> None:
        """All stages."""
        self._look_at_the_disk()
        self._lay_out()
        with self.stage("bundle"):
            self.slipway("bundle", "build", "-o", str(self.bundle))
            self.kubectl_path = self._kubectl()
        with self.stage("carry it as signed volumes, and check what arrived"):
            self._carry()
        with self.stage("lab"):
            self.slipway("lab", "up", "--name", LAB, "--subnet", SUBNET, "--nodes", str(NODES))
            self.slipway("lab", "egress", "--name", LAB, "--control")
            self._hand_over_access()
        with self.stage("install"):
            install = json.loads(
                # What was switched with kubectl in an earlier demo gives way: this one begins as it is shipped.
                self.slipway(
                    "install",
                    "--bundle",
                    str(self.carried),
                    "--yes",
                    "--force-conflicts",
                    "-o",
                    "json",
                    capture=True,
                )
            )
            # From here on everything comes from the site registry.
            shutil.rmtree(self.carried)
        with self.stage("checks"):
            self._smoke()
        if self.platform:
            with self.stage("ask monitoring and logs"):
                self._ask()
        with self.stage("enable a module"):
            self._switch(on=True)
        with self.stage("disable it again"):
            self._switch(on=False)
        with self.stage("nothing to do"):
            again = json.loads(self.slipway("apply", "-o", "json", capture=True))
        self._report(install, again)

    def _look_at_the_disk(self) -> None:
        """Say beforehand what it takes, and stop while stopping costs nothing."""
        place = next(parent for parent in (cache_dir(), *cache_dir().parents) if parent.exists())
        first = not self.bundle.exists()
        needed, free = (FIRST_TIME if first else EVERY_TIME), shutil.disk_usage(place).free
        why = "everything is fetched and compiled, this first time" if first else "most is there already"
        print(f"demo: needs {needed // GIB} GiB in {cache_dir()}, where {free // GIB} GiB are free: {why}")
        if free < needed:
            sys.exit(f"demo: not enough; free some, or name another directory: {CACHE}=DIR make demo")

    def _lay_out(self) -> None:
        """A workspace as `slipway init` leaves one; a cluster.yaml that was edited there is kept beside."""
        DEMO.mkdir(parents=True, exist_ok=True)
        text = SHIPPED.read_text(encoding="utf-8") + (PLATFORM if self.platform else "")
        if self.workspace.configuration.exists() and self.workspace.configuration.read_text("utf-8") != text:
            kept = self.workspace.configuration.replace(DEMO / "cluster.yaml.edited")
            print(f"demo: begins with the cluster.yaml it ships; the one of this workspace is kept as {kept}")
        self.workspace.configuration.write_text(text, encoding="utf-8")

    def _carry(self) -> None:
        """Out of one directory onto media, and from these into another, as between two sides of a wall."""
        keys, media = DEMO / "keys", DEMO / "media"
        for folder in (keys, media, self.carried):
            shutil.rmtree(folder, ignore_errors=True)
        keys.mkdir(parents=True)
        self.slipway("bundle", "keygen", str(keys / "demo"), "--comment", "demo", capture=True)
        self.slipway("bundle", "sign", str(self.bundle), "--key", str(keys / "demo"))
        self.slipway("bundle", "export", str(self.bundle), "-o", str(media), "--volume-size", VOLUME)
        self.slipway("bundle", "import", str(media), "-o", str(self.carried))
        shutil.rmtree(media)
        self.slipway("bundle", "verify", str(self.carried), "--key", str(keys / "demo.pub"))

    def _kubectl(self) -> Path:
        source = DirectorySource(self.bundle)
        found = source.manifest().find(ArtifactKind.BINARY, "kubectl")
        assert found
        return source.path(found)

    def _hand_over_access(self) -> None:
        """What a user has: a key for the servers, and (here) the servers' host keys."""
        status = json.loads(self.slipway("lab", "status", "--name", LAB, "-o", "json", capture=True))
        secrets = self.workspace.secrets / "ssh"
        secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
        secrets.parent.chmod(0o700)
        shutil.copy(status["private_key"], secrets / "id_ed25519")
        (secrets / "id_ed25519").chmod(0o600)
        self.workspace.state.mkdir(parents=True, exist_ok=True)
        shutil.copy(status["known_hosts"], self.workspace.known_hosts)

    def _smoke(self) -> None:
        """DNS and Services across nodes, the operator, all modules."""
        self.wait("3 Ready nodes", lambda: self._ready_nodes() == NODES)
        self.kubectl("-n", "kube-system", "rollout", "status", "deploy/coredns", f"--timeout={PATIENCE}s")
        self.kubectl("apply", "-f", "-", stdin=SMOKE)
        self.kubectl("rollout", "status", "deploy/smoke", f"--timeout={PATIENCE}s")
        pod = self.kubectl("get", "pods", "-l", "app=smoke", "-o", "jsonpath={.items[0].metadata.name}")
        answers: set[str] = set()

        def both_answered() -> bool:
            url = "http://smoke.default.svc.cluster.local"
            answers.add(self.kubectl("exec", pod, "--", "wget", "-qO-", "-T", "5", url, check=False).strip())
            return len(answers - {""}) == 2

        self.wait("a pod to reach the Service on both nodes by name", both_answered)
        self.kubectl("delete", "deploy/smoke", "svc/smoke", "--wait=false")
        self.kubectl(
            "-n", "slipway-system", "rollout", "status", "deploy/slipway-operator", f"--timeout={PATIENCE}s"
        )
        print(self.kubectl("get", "nodes", "-o", "wide"))
        self.wait("all modules Healthy", lambda: set(self._modules().values()) == {"Healthy"})
        self.wait("a status from the operator", lambda: self._condition("Ready") == "True")
        print(self.kubectl("-n", "slipway-system", "get", "cc"))

    def _ask(self) -> None:
        """One question to each, through the API server, as `kubectl get --raw` does it."""
        memory = "sum by (instance) (node_memory_MemAvailable_bytes) / 2^30"

        def measured() -> list[Any]:
            place = "/api/v1/namespaces/monitoring/services/prometheus-operated:9090/proxy/api/v1/query"
            answer = self.kubectl("get", "--raw", f"{place}?query={quote(memory)}", check=False)
            found: list[Any] = json.loads(answer)["data"]["result"] if answer else []
            return found if len(found) == NODES else []

        print(f"Prometheus, {memory}")
        for one in self.wait("figures of all nodes", measured):
            print(f"  {one['metric']['instance']}: {float(one['value'][1]):.1f} GiB of memory are free")
        question = '"kubernetes.pod_namespace":=slipway-system | limit 3'

        def logged() -> list[Any]:
            place = "/api/v1/namespaces/victoria-logs/services/victoria-logs:9428/proxy/select/logsql/query"
            answer = self.kubectl("get", "--raw", f"{place}?query={quote(question)}", check=False)
            return [json.loads(line) for line in answer.splitlines()]

        print(f"VictoriaLogs, {question}")
        for line in self.wait("lines of logs", logged):
            print(f"  {line['_time']} {line['kubernetes.pod_name']}: {line['_msg'][:100]}")

    def _switch(self, *, on: bool) -> None:
        patch = json.dumps({"spec": {"modules": {MODULE: {"enabled": on}}}})
        print(f"$ kubectl -n slipway-system patch cc demo --type merge -p '{patch}'")
        self.kubectl("-n", "slipway-system", "patch", "cc", "demo", "--type", "merge", "-p", patch)
        wanted = "Healthy" if on else None
        self.wait(f"{MODULE} to be {wanted or 'gone'}", lambda: self._modules().get(MODULE) == wanted)
        if on:
            print(self.kubectl("get", "pods", "-n", MODULE, "-o", "wide"))
        self.wait("the operator to be done", lambda: self._condition("Reconciling") == "False")

    def _ready_nodes(self) -> int:
        nodes = json.loads(self.kubectl("get", "nodes", "-o", "json"))["items"]
        return sum(
            c["status"] == "True" for n in nodes for c in n["status"]["conditions"] if c["type"] == "Ready"
        )

    def _modules(self) -> dict[str, str]:
        label = "installer.slipway.dev/module"
        found = json.loads(
            self.kubectl("-n", "slipway-system", "get", "configmaps", "-l", label, "-o", "json")
        )["items"]
        records = [json.loads(item["data"]["record"]) for item in found]
        return {record["name"]: record["phase"] for record in records}

    def _condition(self, kind: str) -> str:
        live = json.loads(self.kubectl("-n", "slipway-system", "get", "cc", "demo", "-o", "json"))
        status = live.get("status", {})
        if status.get("observedGeneration") != live["metadata"]["generation"]:
            return "Unknown"
        return next((c["status"] for c in status.get("conditions", []) if c["type"] == kind), "Unknown")

    def _report(self, install: dict[str, Any], again: dict[str, Any]) -> None:
        egress = json.loads(self.slipway("lab", "egress", "--name", LAB, "-o", "json", capture=True))
        report = {
            "nodes_ready": self._ready_nodes(),
            "modules": self._modules(),
            "egress_packets": egress["packets"],
            "egress_questions": egress["questions"],
            "seconds": self.seconds,
            "install": {"seconds": install["seconds"], "counts": install["counts"]},
            "nothing_to_do": {"seconds": again["seconds"], "counts": again["counts"]},
        }
        (DEMO / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        width = max(map(len, self.seconds)) + 2
        print(f"\n{'stage':<{width}}seconds")
        for name, seconds in self.seconds.items():
            print(f"{name:<{width}}{seconds:7.1f}")
        print(f"\nnodes ready: {report['nodes_ready']}, modules: {report['modules']}")
        print(f"sent beyond the site: {egress['packets']} packets, {egress['questions']} DNS questions")
        if egress["packets"] or egress["questions"]:
            self.slipway("egress", "report", "--lab", LAB, fine=(0, LEFT))
        print(f"\nThe lab stays up, and {DEMO.relative_to(ROOT)} is its workspace. Look around:")
        for command in (
            f"cd {DEMO}",
            f"export PATH={SLIPWAY.parent}:$PATH KUBECONFIG={self.workspace.kubeconfig}",
            "slipway status",
            "slipway plan",
            f"slipway module enable {MODULE}",
            f"{self.kubectl_path} get pods -A",
            f"slipway lab ssh --name {LAB} node-1",
        ):
            print(f"  {command}")
        print("Take it down: make demo-down")
        if report["nodes_ready"] != NODES or egress["packets"] or egress["questions"]:
            sys.exit("demo: not as it should be, see above")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--platform", action="store_true", help="with monitoring and logs")
    Demo(platform=parser.parse_args().platform).run()

"""What bench.py measures on: a lab of three nodes, and the commands a user runs there, timed."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from slipway import yamltext
from slipway.bundle.site.source import DirectorySource
from slipway.lab import Lab
from slipway.lab.state import LabNode
from slipway.model.bundle import Artifact, ArtifactKind
from slipway.settings import cache_dir, data_dir, interpreter_bin

SLIPWAY = interpreter_bin() / "slipway"
DEMO = data_dir() / "inventories" / "demo" / "cluster.yaml"
LAB, SUBNET = "bench", "10.76.0.0/24"
#: Seconds that any one command or wait may take: far more than any of them needs on a busy machine.
PATIENCE = 900


class BenchError(Exception):
    """A measurement could not be made."""


@dataclass(frozen=True)
class Figure:
    """What was measured, in seconds or MiB."""

    values: tuple[float, ...]
    unit: str = "s"

    def as_dict(self) -> dict[str, Any]:
        """Median and spread."""
        rounded = [round(value, 3) for value in self.values]
        return {
            "unit": self.unit,
            "median": round(median(rounded), 3),
            "min": min(rounded),
            "max": max(rounded),
            "values": rounded,
        }


def timed(work: Callable[[], object]) -> float:
    """Seconds it takes."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


def until(what: str, condition: Callable[[], Any], pause: float = 0.1) -> Any:
    """Wait for it; what it says once it says something."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        if time.monotonic() > end:
            raise BenchError(f"waited {PATIENCE} s for {what}")
        time.sleep(pause)
    return found


class Site:
    """One directory with cluster.yaml and secrets beside a lab."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.file = directory / "cluster.yaml"
        self.lab = Lab(LAB, SUBNET)
        self.log = directory / "commands.log"
        self.source = DirectorySource(cache_dir() / "bundles" / "bench")
        self.state = directory / ".slipway" / LAB

    @contextmanager
    def up(self) -> Iterator["Site"]:
        """Bundle, lab and files; the lab goes in any case."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        text = DEMO.read_text(encoding="utf-8").replace("10.77.0.", SUBNET.removesuffix("0/24"))
        self.file.write_text(text.replace("demo", LAB), encoding="utf-8")
        self.slipway("bundle", "build", "-o", str(self.source.directory))
        self.lab.down()
        try:
            self.lab.up(3)
            yield self
        finally:
            self.lab.down()

    def fresh(self) -> None:
        """Nodes as they were first booted, and no memory of them here."""
        for node in self.lab.nodes:
            self.lab.reset(node.name)
        for path in (self.directory / ".slipway", self.directory / "secrets"):
            shutil.rmtree(path, ignore_errors=True)
        key = self.directory / "secrets" / "ssh" / "id_ed25519"
        key.parent.mkdir(mode=0o700, parents=True)
        key.parent.parent.chmod(0o700)
        key.touch(mode=0o600)
        key.write_bytes(self.lab.private_key.read_bytes())
        self.state.mkdir(parents=True)
        shutil.copy(self.lab.known_hosts, self.state / "known_hosts")

    @property
    def hosts(self) -> dict[str, str]:
        """Names and addresses in the cluster; the first is the control plane."""
        items = yamltext.load(self.file.read_text(encoding="utf-8"))["spec"]["hosts"]["items"]
        return {item["name"]: item["address"] for item in items}

    def artifact(self, kind: ArtifactKind, name: str) -> Artifact:
        """An artifact of the bundle."""
        found = self.source.manifest().find(kind, name)
        if found is None:
            raise BenchError(f"the bundle has no {kind} {name}")
        return found

    def path(self, kind: ArtifactKind, name: str) -> Path:
        """Its file."""
        return self.source.path(self.artifact(kind, name)).resolve()

    def run(self, *argv: str | Path, env: dict[str, str] | None = None) -> str:
        """Run a program in the site's directory; its output. What it says besides goes to the log."""
        with self.log.open("a", encoding="utf-8") as log:
            print("$", *argv, file=log, flush=True)
            done = subprocess.run(
                argv,
                cwd=self.directory,
                env={**self._environment(), **(env or {})},
                check=False,
                text=True,
                timeout=PATIENCE,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        if done.returncode:
            words = self.log.read_text(encoding="utf-8")[-2000:]
            raise BenchError(f"exit {done.returncode}: {' '.join(map(str, argv))}\n{done.stdout}\n{words}")
        return done.stdout

    def slipway(self, *argv: str) -> str:
        """The command line."""
        return self.run(SLIPWAY, *argv)

    def send(self, folder: Path, dest: str, nodes: Iterable[LabNode]) -> None:
        """A tree of files to nodes, side by side; `dest` is made, and what is there besides stays."""
        packed = self.directory / "send.tar"
        self.run("tar", "-C", folder, "-cf", packed, *sorted(path.name for path in folder.iterdir()))
        there = ["sh", "-c", f"mkdir -p {dest} && tar -C {dest} --no-overwrite-dir --no-same-owner -xf -"]
        writers = []
        for node in nodes:
            with packed.open("rb") as source:
                writers.append(subprocess.Popen(self.lab.ssh_command(node.name, there), stdin=source))
        if any([writer.wait() for writer in writers]):  # noqa: C419 - all of them, also when one failed
            raise BenchError(f"files could not be copied to {dest} of the nodes")
        packed.unlink()

    def kubectl(self, *argv: str) -> str:
        """The bundle's kubectl with the administrator's kubeconfig."""
        return self.run(self.path(ArtifactKind.BINARY, "kubectl"), *argv)

    def helm(self, *argv: str) -> str:
        """The bundle's Helm, likewise."""
        return self.run(self.path(ArtifactKind.BINARY, "helm"), *argv)

    def journal(self, operation: str) -> list[dict[str, Any]]:
        """What an operation wrote down as it went."""
        lines = (self.state / "operations" / f"{operation}.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    @contextmanager
    def watch(self, resource: str, show: str, *flags: str) -> Iterator["Watch"]:
        """Follow what happens to a kind of object; `show` is a jsonpath template."""
        argv = ["get", resource, "--watch-only", "-o", f'jsonpath={show}{{"\\n"}}', *flags]
        process = subprocess.Popen(
            [self.path(ArtifactKind.BINARY, "kubectl"), *argv],
            env=self._environment(),
            text=True,
            stdout=subprocess.PIPE,
        )
        watch = Watch()
        thread = threading.Thread(target=watch.read, args=(process,), daemon=True)
        thread.start()
        try:
            yield watch
        finally:
            process.terminate()
            process.wait()
            thread.join()

    def _environment(self) -> dict[str, str]:
        elsewhere = ("SLIPWAY_STATE", "SLIPWAY_SECRETS", "SLIPWAY_FILE", "SLIPWAY_BUNDLE")
        kept = {name: value for name, value in os.environ.items() if name not in elsewhere}
        return {**kept, "KUBECONFIG": str(self.state / "kubeconfig")}


@dataclass
class Watch:
    """Lines of a watch, each with its moment."""

    lines: list[tuple[float, str]] = field(default_factory=list)

    def read(self, process: "subprocess.Popen[str]") -> None:
        """Until the watch ends."""
        assert process.stdout
        for line in process.stdout:
            self.lines.append((time.monotonic(), line.strip()))

    def first(self, since: float, matches: Callable[[str], object]) -> float | None:
        """When the first such line came after a moment."""
        return next((moment for moment, line in self.lines if moment > since and matches(line)), None)


def unpack(archive: Path, directory: Path) -> None:
    """An archive of our own bundle."""
    with tarfile.open(archive) as tar:
        tar.extractall(directory)  # noqa: S202 - Python 3.11.2 knows no filter


def say(text: str) -> None:
    """Progress."""
    print(text, file=sys.stderr, flush=True)

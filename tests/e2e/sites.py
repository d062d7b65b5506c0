"""A site as a user has it: one directory with cluster.yaml and secrets, the real command line, the real bundle.

    site = Site(tmp_path, lab)                       # first node a control plane, the others workers
    site.slipway("install", "-b", str(bundle()))
    site.edit({"spec": {"modules": {"welcome": {"enabled": True}}}})
    site.kubectl("get", "nodes")

Nothing here knows how Slipway does its work. Local state lies beside the file, in `.slipway/<name>`.
"""

import copy
import fcntl
import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from slipway.bundle.site.source import DirectorySource
from slipway.engine import journal
from slipway.lab import Lab
from slipway.model.bundle import ArtifactKind
from slipway.settings import cache_dir, data_dir, interpreter_bin

SLIPWAY = interpreter_bin() / "slipway"
DEMO = data_dir() / "inventories" / "demo" / "cluster.yaml"
#: Modules of which tests on lab nodes have all images, built from source; none of the others is asked for there.
BUILT = (
    "flannel",
    "local-path-provisioner",
    "metrics-server",
    "nvidia-runtime-class",
    "operator",
    "welcome",
)
#: Environment variable that marks every process that a site started, and what those started.
MARK = "SLIPWAY_TEST_MARK"
#: Seconds one command may take unless the test knows better.
PATIENCE = 300.0

Completed: TypeAlias = "subprocess.CompletedProcess[str]"


@cache
def bundle() -> Path:
    """The bundle for both systems, built once and kept in the cache: seconds when nothing changed."""
    directory = cache_dir() / "bundles" / "e2e"
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another test run may be building it
        subprocess.run(
            [
                *(SLIPWAY, "bundle", "build", "-f", DEMO, "-o", directory),
                *("--os", "debian-12,debian-13", "--modules", ",".join(BUILT)),
            ],
            check=True,
            env=_environment(),
            stdout=subprocess.DEVNULL,
        )
    return directory


@cache
def kubectl_program(directory: Path) -> Path:
    """That bundle's own kubectl."""
    source = DirectorySource(directory)
    found = source.manifest().find(ArtifactKind.BINARY, "kubectl")
    assert found
    return source.path(found)


class Site:
    """One cluster.yaml with its neighbours, and the commands that a user runs there."""

    def __init__(
        self,
        directory: Path,
        lab: Lab,
        *,
        name: str = "",
        roles: Mapping[str, Sequence[str]] | None = None,
        bundle: Callable[[], Path] = bundle,
    ) -> None:
        """`roles` by node name; unset: the first node of the lab a control plane, the others workers."""
        self.directory, self.lab, self.bundle = directory, lab, bundle
        self.file = directory / "cluster.yaml"
        self.secrets = directory / "secrets"
        self.mark = uuid.uuid4().hex
        self.said: list[str] = []
        """What all commands printed."""
        nodes = [node.name for node in lab.nodes]
        self.roles = roles or {n: ["worker"] if n != nodes[0] else ["control-plane"] for n in nodes}
        self._make(name or lab.site.name)

    @property
    def name(self) -> str:
        """The ClusterConfiguration's name."""
        return str(self.document["metadata"]["name"])

    @property
    def document(self) -> dict[str, Any]:
        """cluster.yaml as data; a copy."""
        loaded: dict[str, Any] = yaml.safe_load(self.file.read_text())
        return loaded

    @property
    def state(self) -> Path:
        """Where local state is: `.slipway/<name>` beside the file."""
        return self.directory / ".slipway" / self.name

    @property
    def kubeconfig(self) -> Path:
        """The administrator's, once there is a cluster."""
        return self.state / "kubeconfig"

    def edit(self, change: Mapping[str, Any] | Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Change cluster.yaml: by a merge patch (null removes, lists are replaced) or a function; the old document."""
        before = self.document
        after = copy.deepcopy(before)
        if callable(change):
            change(after)
        else:
            after = merged(after, change)
        self.write(after)
        return before

    def write(self, document: Mapping[str, Any] | str) -> None:
        """Replace cluster.yaml."""
        text = document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False)
        self.file.write_text(text)

    def slipway(
        self,
        *argv: str,
        check: bool = True,
        timeout: float = PATIENCE,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
    ) -> Completed:
        """Run the command line in the site's directory; with `check`, a failure shows what it printed."""
        done = self._run([SLIPWAY, *argv], check=check, timeout=timeout, env=env, stdin=stdin)
        self.said += [done.stdout, done.stderr]
        return done

    def slipway_json(
        self, *argv: str, check: bool = True, timeout: float = PATIENCE, env: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The same with `-o json`, as data."""
        done = self.slipway(*argv, "-o", "json", check=check, timeout=timeout, env=env)
        data: dict[str, Any] = json.loads(done.stdout)
        return data

    def start(self, *argv: str, env: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
        """Start the command line and do not wait; in a session of its own, output through pipes."""
        return subprocess.Popen(
            [SLIPWAY, *argv],
            cwd=self.directory,
            env=self._environment(env),
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def processes(self) -> dict[int, str]:
        """Processes of this machine that this site's commands left or still run: pid -> command line."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if f"{MARK}={self.mark}".encode() in (process / "environ").read_bytes().split(b"\0"):
                    words = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                    found[int(process.name)] = words.decode(errors="replace").strip()
            except OSError:  # it ended
                continue
        return {pid: words for pid, words in found.items() if words}

    def kubectl(
        self, *argv: str, check: bool = True, stdin: str | None = None, timeout: float = 60
    ) -> Completed:
        """The bundle's kubectl with the administrator's kubeconfig."""
        env = {"KUBECONFIG": str(self.kubeconfig)}
        return self._run(
            [kubectl_program(self.bundle()), *argv], check=check, timeout=timeout, env=env, stdin=stdin
        )

    def kubectl_json(self, *argv: str, timeout: float = 60) -> dict[str, Any]:
        """The same with `-o json`, as data."""
        data: dict[str, Any] = json.loads(self.kubectl(*argv, "-o", "json", timeout=timeout).stdout)
        return data

    def operations(self) -> list[str]:
        """Names of the operations that ran from here, newest first."""
        return journal.operation_names(self.state / "operations")

    def journal(self, operation: str = "") -> list[dict[str, Any]]:
        """An operation's events in order; unset: the newest one's."""
        return list(journal.events(self.state / "operations", operation or self.operations()[0]))

    def elsewhere(self, directory: Path) -> "Site":
        """The same site from another machine: cluster.yaml and secrets only."""
        other = copy.copy(self)
        other.directory, other.file = directory, directory / "cluster.yaml"
        other.secrets, other.mark = directory / "secrets", uuid.uuid4().hex
        directory.mkdir(parents=True, exist_ok=True)
        shutil.copy2(self.file, other.file)
        shutil.copytree(self.secrets, other.secrets)
        return other

    def _make(self, name: str) -> None:
        document = yaml.safe_load(DEMO.read_text())
        document["metadata"]["name"] = name
        document["spec"]["kubernetes"]["endpoint"]["address"] = f"api.{name}.internal"
        document["spec"]["hosts"]["items"] = [
            {"name": node.name, "address": node.address, "roles": list(self.roles[node.name])}
            for node in self.lab.nodes
            if node.name in self.roles
        ]
        self.directory.mkdir(parents=True, exist_ok=True)
        self.write(document)
        self.put_secret("ssh/id_ed25519", self.lab.private_key.read_text())

    def put_secret(self, reference: str, value: str) -> None:
        """Write `NAME/KEY` into the secret store, as a user does: directories 0700, file 0600."""
        path = self.secrets / reference
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.secrets.chmod(0o700)
        path.touch(mode=0o600)
        path.write_text(value)

    def _run(
        self,
        argv: Sequence[str | Path],
        *,
        check: bool,
        timeout: float,
        env: Mapping[str, str] | None,
        stdin: str | None,
    ) -> Completed:
        done = subprocess.run(
            argv,
            cwd=self.directory,
            env=self._environment(env),
            check=False,
            text=True,
            timeout=timeout,
            capture_output=True,
            **({"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}),
        )
        if check and done.returncode:
            words = " ".join(map(str, argv))
            raise AssertionError(f"exit {done.returncode}: {words}\n{done.stdout}\n{done.stderr}")
        return done

    def _environment(self, more: Mapping[str, str] | None) -> dict[str, str]:
        return {**_environment(), MARK: self.mark, **(more or {})}


def merged(target: Any, patch: Any) -> Any:
    """RFC 7386: null removes, objects merge, everything else replaces."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def _environment() -> dict[str, str]:
    """Ours, but for what would point Slipway elsewhere."""
    elsewhere = {"SLIPWAY_STATE", "SLIPWAY_SECRETS", "SLIPWAY_FILE", "SLIPWAY_BUNDLE", "KUBECONFIG"}
    return {name: value for name, value in os.environ.items() if name not in elsewhere}

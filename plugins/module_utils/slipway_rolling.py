"""A changed control plane, component by component, behind a health gate; what fails it is put back.

The wanted static pod manifests are rendered by kubeadm itself (dry run) and compared with what lies in the
manifest folder, so drift is seen too. Used by the module slipway_kubeadm.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
import tempfile
import time

from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import read_json, read_text, stands, write_json
from ansible.module_utils.slipway_kubeadm import (
    CONFIG,
    DIRECTORY,
    MANIFESTS,
    Node,
    become_member,
    kubeadm,
    kubelet_words,
    member,
)
from ansible.module_utils.slipway_paths import remove_tree, unlink, write_atomic
from ansible.module_utils.slipway_things import Thing, things

#: What static pods read, each content under a name of its own: what the running pod reads stays until it is gone.
POD_FILES = tuple(
    f"{DIRECTORY}/{name}-*.yaml"
    for name in ("admission", "audit", "authentication", "encryption", "scheduler")
)
#: The component that is being exchanged and how it was before: what a killed roll left is put back by the next one.
ROLLING = f"{DIRECTORY}/rolling.json"
#: The file of an API server's keys for Secrets in its manifest, with their names; and what stands for none of them.
ENCRYPTION = re.compile(rf"--encryption-provider-config={DIRECTORY}/encryption-([a-z0-9-]+)\.yaml")
PLAIN = "plain"
#: In the order in which they may be exchanged.
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
#: A static pod is stopped, started and probed: a slow disk makes etcd take most of it.
ROLL_SECONDS = 240
#: Restarts after which a new pod is given up at once.
CRASHES = 2
#: How etcd came into being; it differs between the first member and later ones, and matters only then.
ORIGIN = ("--initial-cluster=", "--initial-cluster-state=")


def manifest_path(component: str) -> str:
    """Where the kubelet reads it."""
    return f"{MANIFESTS}/{component}.yaml"


def made(*, control_plane: bool) -> list[Thing]:
    """For the record: what kubeadm was told, and static pods. Certificates and kubeconfigs are renewed by others."""
    paths = [CONFIG, *map(manifest_path, COMPONENTS)] if control_plane else []
    return things("file", *(path for path in paths if os.path.exists(path)))


def rendered(config: str) -> dict[str, str]:
    """The manifests that kubeadm makes of a configuration."""
    directory = tempfile.mkdtemp(prefix=".slipway-", dir=DIRECTORY)
    try:
        path = f"{directory}/kubeadm.yaml"
        write_atomic(path, config, mode=0o600)
        environment = {"KUBEADM_INIT_DRYRUN_DIR": directory}
        for phase in (("control-plane", "all"), ("etcd", "local")):
            kubeadm("init", "phase", *phase, "--config", path, "--dry-run", environment=environment)
        return {name: read_text(f"{directory}/{name}.yaml") or "" for name in COMPONENTS}
    finally:
        remove_tree(directory)


def changes(config: str) -> dict[str, tuple[str, str]]:
    """Component: manifest now, manifest wanted; only where they differ."""
    found = {}
    for name, wanted in rendered(config).items():
        present = read_text(manifest_path(name)) or ""
        kept = keep_origin(present, wanted)
        if kept.strip() != present.strip():
            found[name] = (present, kept)
    return found


def keep_origin(present: str, wanted: str) -> str:
    """The wanted manifest with the present one's words about how etcd began."""
    here = origin_lines(present)
    lines = []
    for line in wanted.splitlines():
        word = line.strip().removeprefix("- ")
        flag = next((flag for flag in ORIGIN if word.startswith(flag)), None)
        if flag is None:
            lines.append(line)
        elif flag == ORIGIN[0]:
            lines += here or [line]
        elif not here:
            lines.append(line)
    return "\n".join(lines) + "\n"


def origin_lines(manifest: str) -> list[str]:
    """Those words."""
    return [line for line in manifest.splitlines() if line.strip()[2:].startswith(ORIGIN)]


def reconfigure(node: Node, config: str, *, first: bool, check: bool) -> list[dict[str, str]]:
    """Bring a running control plane to the configuration; the diff of what that is.

    One that is not ready is changed only where this is the way to have it ready: from a roll that was killed, or back
    to the settings with which it was ready last. The latter at once, as each component may wait for another.
    """
    if not check:
        settle(node)
    differing = changes(config)
    loose = [
        name for name in COMPONENTS if name not in differing and not stands(manifest_path(name), mode=0o600)
    ]
    known = member().get("config") == hashlib.sha256(config.encode()).hexdigest()
    stale = [path for pattern in POD_FILES for path in glob.glob(pattern) if path not in config]
    diffs = [
        *(diff(manifest_path(name), *texts) for name, texts in differing.items()),
        *(diff(manifest_path(name), "not a file of 0600\n", "a file of 0600\n") for name in loose),
        *(diff(path, "present\n", "") for path in stale),
    ]
    if not known or not stands(CONFIG, config, mode=0o600):
        diffs.append(diff(CONFIG, read_text(CONFIG) or "", config))
    if check or not diffs:
        return diffs
    present, wanted = differing.get("kube-apiserver", ("", ""))
    if present.strip():
        refuse_unreadable(present, wanted)
    for name in loose:  # of the same content: the kubelet sees the same pod
        write_atomic(manifest_path(name), read_text(manifest_path(name)) or "", mode=0o600)
    exchange(node, differing, known=known)
    for path in stale:
        unlink(path)
    write_atomic(CONFIG, config, mode=0o600)
    if first and not known:
        publish(node)
    become_member(config)
    return diffs


def refuse_unreadable(present: str, wanted: str) -> None:
    """Of two API servers, one that cannot read what the other writes: Secrets would be lost to it."""
    before, after = keys_of(present), keys_of(wanted)
    if before[0] not in after or after[0] not in before:
        raise HostError(
            f"the API server would not read the Secrets that are there: its keys are {', '.join(before)}, "
            f"and would be {', '.join(after)}",
            why="keys change by stages, in which every API server reads what any writes: slipway apply plans them",
        )


def keys_of(manifest: str) -> list[str]:
    """Names of its keys for Secrets, the one that writes first: that of the file says them."""
    found = ENCRYPTION.search(manifest)
    return found[1].split("-") if found else [PLAIN]


def exchange(node: Node, differing: dict[str, tuple[str, str]], *, known: bool) -> None:
    """All components as wanted; one by one behind a gate, but at once what runs nothing now or means the same.

    `known`: it is what was ready before, so a control plane that is not ready has nothing to lose.
    """
    meant = {name: [meaning(node, text) for text in texts] for name, texts in differing.items()}
    dead = [name for name, (present, _) in meant.items() if not present]
    alike = [name for name, (present, wanted) in meant.items() if present == wanted]
    at_once = {*dead, *alike, *(differing if known and not node.healthy() else ())}
    for name in at_once:
        write_atomic(manifest_path(name), differing[name][1], mode=0o600)
    if at_once.difference(alike):
        await_ready(node, sorted(at_once))
    elif not node.healthy(seconds=60):
        raise HostError(
            f"{node.server} is not ready, so no component was changed", why=kubelet_words(), retryable=True
        )
    for name in COMPONENTS:
        if name in differing and name not in at_once:
            roll(node, name, *differing[name])


def meaning(node: Node, manifest: str) -> str:
    """The pod that a kubelet reads there, in one order and without comments; empty where it reads and runs none."""
    if not manifest.strip():
        return ""
    words = ("annotate", "--local", "--filename", "-", "--output", "json", "slipway.io/read=true")
    done = node.kubectl(*words, stdin=manifest)
    return done.stdout if done.returncode == 0 else ""


def await_ready(node: Node, components: list[str]) -> None:
    """Components that were put back run again, and are ready."""
    deadline = time.monotonic() + ROLL_SECONDS
    while not (node.healthy() and all(pod_ready(node, name) for name in components)):
        if time.monotonic() > deadline:
            directories = {path for name in components for path in log_directories(node, name)}
            raise HostError(
                f"{', '.join(components)}: as before again, and not ready within {ROLL_SECONDS} s",
                why=last_words(directories) or kubelet_words(),
                retryable=True,
            )
        time.sleep(1)


def settle(node: Node) -> None:
    """Put back what a roll that was killed had begun to exchange, unless the exchange has come to a good end."""
    begun = read_json(ROLLING)
    if not begun:
        return
    component, before = begun["component"], begun["manifest"]
    exchanged = (read_text(manifest_path(component)) or "") != before
    if exchanged and not settled(node, component, begun["hash"], set(begun["logs"])):
        put_back(node, component, before)
    unlink(ROLLING)


def put_back(node: Node, component: str, manifest: str) -> None:
    """The manifest from before, and the time that its pod needs; none, where there was none."""
    if manifest:
        write_atomic(manifest_path(component), manifest, mode=0o600)
        settled(node, component, "", log_directories(node, component))
    elif os.path.exists(manifest_path(component)):
        unlink(manifest_path(component))


def diff(path: str, before: str, after: str) -> dict[str, str]:
    """Of one file."""
    return {"before_header": path, "after_header": path, "before": before, "after": after}


def roll(node: Node, component: str, present: str, wanted: str) -> None:
    """Exchange one static pod; put the old one back when the new one does not become ready."""
    before, logs = pod_hash(node, component), log_directories(node, component)
    begun = {"component": component, "manifest": present, "hash": before, "logs": sorted(logs)}
    write_json(ROLLING, {"format": 1, **begun})
    write_atomic(manifest_path(component), wanted, mode=0o600)
    if settled(node, component, before, logs):
        unlink(ROLLING)
        return
    words = last_words(log_directories(node, component) - logs) or kubelet_words()
    put_back(node, component, present)
    unlink(ROLLING)
    raise HostError(
        f"{component} did not become ready with the new settings; the old ones are back", why=words
    )


def settled(node: Node, component: str, before: str, logs: set[str]) -> bool:
    """Whether the kubelet runs another pod than before, it is ready, and so is the API."""
    deadline = time.monotonic() + ROLL_SECONDS
    while time.monotonic() < deadline and not crashing(log_directories(node, component) - logs):
        if pod_hash(node, component) not in {"", before} and pod_ready(node, component) and node.healthy():
            return True
        time.sleep(1)
    return False


def log_directories(node: Node, component: str) -> set[str]:
    """One for each pod of the component that ran here; it shows also while the API is away."""
    return set(glob.glob(f"/var/log/pods/kube-system_{component}-{node.name}_*/{component}"))


def crashing(directories: set[str]) -> bool:
    """Whether a container there was started for the third time."""
    starts = (path for directory in directories for path in glob.glob(f"{directory}/*.log"))
    return any(int(os.path.basename(path).split(".")[0]) >= CRASHES for path in starts)


def last_words(directories: set[str]) -> str:
    """What a container there said last, without the runtime's prefix of time and stream."""
    found = (path for directory in directories for path in glob.glob(f"{directory}/*.log"))
    paths = sorted(found, key=os.path.getmtime, reverse=True)
    if crashing(directories):
        # The newest has just been started and not said yet why it will end; the one before it has.
        paths = [*paths[1:], *paths[:1]]
    for path in paths:
        lines = (read_text(path) or "").strip().splitlines()
        if lines:
            return "\n".join(line.split(" ", 3)[-1] for line in lines[-5:])
    return ""


def pod_hash(node: Node, component: str) -> str:
    """The kubelet's hash of the manifest that it runs."""
    return _pod(node, component, r"{.metadata.annotations.kubernetes\.io/config\.hash}")


def pod_ready(node: Node, component: str) -> bool:
    """Whether its mirror says so."""
    return _pod(node, component, '{.status.conditions[?(@.type=="Ready")].status}') == "True"


def _pod(node: Node, component: str, path: str) -> str:
    name = f"{component}-{node.name}"
    found = node.kubectl("--namespace", "kube-system", "get", "pod", name, "--output", f"jsonpath={path}")
    return found.stdout.strip() if found.returncode == 0 else ""


def publish(node: Node) -> None:
    """What later joins and upgrades read, and kube-proxy, which does not see its own settings change."""
    kubeadm("init", "phase", "upload-config", "all", "--config", CONFIG)
    before = proxy_settings(node)
    kubeadm("init", "phase", "addon", "kube-proxy", "--config", CONFIG)
    if proxy_settings(node) != before:
        done = node.kubectl("--namespace", "kube-system", "rollout", "restart", "daemonset/kube-proxy")
        if done.returncode:
            raise HostError("kube-proxy could not be restarted", why=done.stderr)


def proxy_settings(node: Node) -> str:
    """kube-proxy's ConfigMap."""
    return node.kubectl(
        "--namespace", "kube-system", "get", "configmap", "kube-proxy", "--output", "jsonpath={.data}"
    ).stdout

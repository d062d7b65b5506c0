"""Bad input at a site of two bare nodes: one clear error with the place and the way out, and nothing changed.

Every case runs the real command line twice, as text for people and as JSON for machines, against real nodes, and
compares the nodes before and after. What needs a cluster that runs is in `live_refusals`.
"""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from slipway.bundle.form import manifest as manifests
from slipway.holders import name_of
from slipway.lab import Lab, keys
from slipway.model.bundle import ArtifactKind
from slipway.model.hostkeys import parse
from tests.e2e.sites import Site, bundle
from tests.labs import lab_nodes
from tests.registries import running_registry

SUBNET = "10.73.0"
FREE = f"{SUBNET}.99"
CONFIGURATION, PREFLIGHT, CONFLICT, BUNDLE = 3, 4, 5, 7

#: What a change to a host could not leave untouched: its state, packages, units, configuration, data and lock.
SNAPSHOT = """
find /var/lib/slipway /var/lib/slipway-registry /var/lib/containerd /var/lib/kubelet /var/lib/etcd \
    -printf '%p %s %m\\n' 2>/dev/null
sha256sum /var/lib/dpkg/status
systemctl list-unit-files --type=service --no-legend --no-pager | sha256sum
find /etc /usr/local /opt -xdev -printf '%p %s %m %C@\\n' | sort | sha256sum
cat /proc/sys/net/ipv4/ip_forward
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with lab_nodes("refuse", f"{SUBNET}.0/24", 2, ("debian-12", "debian-13")) as lab:
        yield lab


@pytest.fixture
def site(lab: Lab, tmp_path: Path) -> Site:
    return Site(tmp_path / "site", lab)


def snapshot(lab: Lab) -> dict[str, str]:
    names = [node.name for node in lab.nodes]
    with ThreadPoolExecutor(len(names)) as pool:
        done = pool.map(lambda name: lab.ssh(name, ["sh", "-c", SNAPSHOT]).stdout, names)
        return dict(zip(names, done, strict=True))


def refused(
    site: Site,
    code: int,
    path: str,
    *says: str,
    commands: tuple[str, str] = ("plan", "apply"),
    source: Path | None = None,
    findings: int = 1,
) -> dict[str, Any]:
    """Two commands are refused and the nodes are what they were; the error's JSON form."""
    before = snapshot(site.lab)
    error = refuse(site, code, path, says, commands=commands, source=source, findings=findings)
    assert snapshot(site.lab) == before
    return error


def refuse(
    site: Site,
    code: int,
    path: str,
    says: tuple[str, ...],
    *,
    commands: tuple[str, str] = ("plan", "apply"),
    source: Path | None = None,
    findings: int = 1,
) -> dict[str, Any]:
    """Two commands are refused, one shown to people and one to machines; the JSON form."""
    from_bundle = ["-b", str(source or bundle())]
    shown = site.slipway(commands[0], *from_bundle, check=False)
    error = site.slipway_json(commands[1], *from_bundle, check=False)
    assert not site.operations()
    screen = shown.stderr
    assert shown.returncode == code, (shown.stdout, screen)
    assert error["exitCode"] == code, error
    assert screen.count("error:") == 1, screen
    assert "Traceback" not in screen
    for words in (path, "next:", *says):
        assert words in screen, (words, screen)
    assert error["what"]
    assert error["next"]
    assert len(error["findings"]) == findings, error
    if findings:
        finding = error["findings"][0]
        assert finding["path"] == path, error
        assert finding["hint"] or finding["expected"], error
        assert screen.count("\n  - ") == findings, screen
    return error


def item(name: str, address: str, role: str) -> dict[str, Any]:
    return {"name": name, "address": address, "roles": [role]}


def hosts(*items: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"hosts": {"items": list(items)}}}


def network(**fields: str) -> dict[str, Any]:
    return {"spec": {"kubernetes": {"network": fields}}}


PLANE = item("node-1", f"{SUBNET}.21", "control-plane")
WORKER = item("node-2", f"{SUBNET}.22", "worker")

#: What the file alone tells: patch, path, words of the screen.
MISTAKES: dict[str, tuple[dict[str, Any], str, tuple[str, ...]]] = {
    "unknown field": (
        {"spec": {"kubernetes": {"verion": "v1.35.4"}}},
        "spec.kubernetes.verion",
        ("there is no such field", "did you mean version?", "line "),
    ),
    "wrong type": (
        {"spec": {"kubernetes": {"endpoint": {"port": "6443"}}}},
        "spec.kubernetes.endpoint.port",
        ("is text '6443'", "expected a whole number", "line "),
    ),
    "version": (
        {"spec": {"kubernetes": {"version": "v1.99.0"}}},
        "spec.kubernetes.version",
        ("cannot install v1.99.0", "expected one of v", "line "),
    ),
    "overlapping ranges": (
        network(podCIDR="10.96.0.0/16", serviceCIDR="10.96.0.0/12"),
        "spec.kubernetes.network.podCIDR",
        ("overlaps serviceCIDR 10.96.0.0/12", "line "),
    ),
    "DNS address": (
        network(dnsAddress="10.12.0.10"),
        "spec.kubernetes.network.dnsAddress",
        ("outside serviceCIDR 10.96.0.0/16", "leave it out for 10.96.0.10", "line "),
    ),
    "duplicate host": (
        hosts(PLANE, item("node-1", FREE, "worker")),
        "spec.hosts.items[1].name",
        ("'node-1' is also that of items[0]", "line "),
    ),
    "duplicate address": (
        hosts(PLANE, item("node-2", f"{SUBNET}.21", "worker")),
        "spec.hosts.items[1].address",
        (f"'{SUBNET}.21' is also that of items[0]", "expected an address of its own", "line "),
    ),
    "even control planes": (
        hosts(PLANE, item("node-2", f"{SUBNET}.22", "control-plane")),
        "spec.hosts.items",
        ("2 hosts have the role control-plane", "use 1 or 3", "line "),
    ),
    "requires a disabled module": (
        {"spec": {"modules": {"flannel": {"enabled": False}}}},
        "spec.modules.flannel.enabled",
        ("is false, but", "expected true, or unset", "line "),
    ),
    "unknown module": (
        {"spec": {"modules": {"metric-server": {"enabled": True}}}},
        "spec.modules.metric-server",
        ("there is no module", "did you mean 'metrics-server'?", "line "),
    ),
    "unknown setting": (
        {"spec": {"modules": {"metrics-server": {"settings": {"replica": 2}}}}},
        "spec.modules.metrics-server.settings.replica",
        ("there is no such setting", "did you mean 'replicas'?", "line "),
    ),
}


@pytest.fixture(scope="class")
def untouched(lab: Lab) -> Iterator[None]:
    """The nodes are after all mistakes what they were before the first."""
    before = snapshot(lab)
    yield
    assert snapshot(lab) == before


@pytest.mark.usefixtures("untouched")
class TestMistakes:
    @pytest.mark.parametrize("name", MISTAKES)
    def test_in_the_file(self, site: Site, name: str) -> None:
        patch, path, says = MISTAKES[name]
        site.edit(patch)
        words = ("has one mistake", "nothing was changed", *says)
        refuse(site, CONFIGURATION, path, words)


def test_a_host_that_is_down_is_named_and_refused_where_all_depend_on_it(site: Site) -> None:
    site.edit(hosts(PLANE, WORKER, item("node-9", FREE, "worker")))
    shown = site.slipway("plan", "-b", str(bundle())).stdout
    assert "host node-9 does not answer" in shown
    assert f"{FREE}:22" in shown
    site.edit(hosts(item("node-9", FREE, "control-plane"), WORKER))
    held = site.slipway("plan", "-b", str(bundle())).stdout
    assert "held back: host node-9 does not answer" in held
    says = (f"{FREE}:22", "once it answers: slipway apply", "nothing was changed")
    error = refused(site, PREFLIGHT, "host/node-9", *says, commands=("apply", "install"))
    assert error["findings"][0]["code"] == "held"


def test_a_wrong_key(site: Site, tmp_path: Path) -> None:
    site.edit(hosts(PLANE))
    keys.ensure(tmp_path / "other", "another key")
    site.put_secret("ssh/id_ed25519", (tmp_path / "other").read_text())
    error = refused(site, PREFLIGHT, "host/node-1", "the SSH key is not accepted", "spec.hosts.ssh")
    assert error["findings"][0]["code"] == "auth"
    site.put_secret("ssh/id_ed25519", "no key at all\n")
    refused(site, CONFIGURATION, "spec.hosts.ssh", "the SSH key cannot be read", findings=0)
    (site.secrets / "ssh" / "id_ed25519").unlink()
    refused(site, CONFIGURATION, "ssh/id_ed25519", "does not exist", findings=0)


def test_a_changed_host_key(site: Site, lab: Lab) -> None:
    site.edit(hosts(PLANE))
    met = site.slipway("plan", "-b", str(bundle()))
    assert f"host key of {SUBNET}.21 recorded: ssh-ed25519 SHA256:" in met.stderr
    lab.reset("node-1", new_host_key=True)
    error = refused(site, PREFLIGHT, "host/node-1", "its host key has changed", "slipway host trust node-1")
    assert error["findings"][0]["code"] == "host-key"
    shown = next(key for key in parse(lab.host_keys()) if key.host == f"{SUBNET}.21").fingerprint
    site.slipway("host", "trust", "node-1", "--fingerprint", shown)  # what the hint says
    site.slipway("plan", "-b", str(bundle()))


def test_sudo_missing_and_given(site: Site, lab: Lab) -> None:
    site.edit({"spec": {"hosts": {"ssh": {"user": "ops"}, "items": [PLANE]}}})
    with user(lab, "node-1"):
        error = refused(site, PREFLIGHT, "host/node-1", "ops cannot become root", "become.secretRef")
        assert error["findings"][0]["code"] == "sudo"
        rule = "ops ALL=(ALL) NOPASSWD: ALL\n"
        lab.ssh("node-1", ["install", "-m", "440", "/dev/stdin", "/etc/sudoers.d/ops"], stdin=rule)
        assert "node-1: registry" in site.slipway("plan", "-b", str(bundle())).stdout


@contextmanager
def user(lab: Lab, node: str) -> Iterator[None]:
    """A user `ops` that may log in, and nothing else."""
    key = lab.private_key.with_suffix(".pub").read_text()
    lab.ssh(node, ["useradd", "--create-home", "--shell", "/bin/bash", "ops"])
    authorized = "/home/ops/.ssh/authorized_keys"
    lab.ssh(node, ["install", "-D", "-o", "ops", "/dev/stdin", authorized], stdin=key)
    try:
        yield
    finally:
        lab.ssh(node, ["rm", "-f", "/etc/sudoers.d/ops"])
        lab.ssh(node, ["userdel", "--force", "--remove", "ops"])


@contextmanager
def on_node(lab: Lab, node: str, before: str, after: str) -> Iterator[None]:
    """A node that is unfit for a while."""
    lab.ssh(node, ["sh", "-ec", before])
    try:
        yield
    finally:
        lab.ssh(node, ["sh", "-ec", after])


def test_an_unsupported_system(site: Site, lab: Lab) -> None:
    other = (
        "sed 's/^ID=.*/ID=fedora/; s/^VERSION_ID=.*/VERSION_ID=42/' /usr/lib/os-release >/etc/os-release.new"
    )
    restore = "ln -sfT ../usr/lib/os-release /etc/os-release"
    with on_node(lab, "node-2", f"{other}; mv -T /etc/os-release.new /etc/os-release", restore):
        error = refused(
            site,
            PREFLIGHT,
            "host/node-2",
            "runs fedora-42",
            "expected debian-12, debian-13",
            "bundle with --os",
        )
    assert error["findings"][0]["code"] == "unsupported-os"


def test_too_little_disk(site: Site, lab: Lab) -> None:
    site.edit({"spec": {"hosts": {"defaults": {"runtime": {"dataRoot": "/srv/small/containerd"}}}}})
    mount = "mkdir /srv/small; mount -t tmpfs -o size=16m tmpfs /srv/small"
    with on_node(lab, "node-2", mount, "umount /srv/small; rmdir /srv/small"):
        error = refused(
            site, PREFLIGHT, "host/node-2", "16 MiB free under /srv/small/containerd", "runtime.dataRoot"
        )
    assert error["findings"][0]["code"] == "disk"


def test_a_member_of_another_cluster(site: Site, lab: Lab) -> None:
    kubelet = "clusters:\\n- cluster:\\n    server: https://api.other.test:6443\\n"
    write = f"mkdir /etc/kubernetes; printf '{kubelet}' >/etc/kubernetes/kubelet.conf"
    with on_node(lab, "node-2", write, "rm -r /etc/kubernetes"):
        refused(site, PREFLIGHT, "host/node-2", "https://api.other.test:6443", "kubeadm reset")
    record = json.dumps({"format": 1, "site": "0123456789abcdef", "steps": {}})
    write = f"mkdir /var/lib/slipway; printf '%s' '{record}' >/var/lib/slipway/record.json"
    with on_node(lab, "node-2", write, "rm -r /var/lib/slipway"):
        refused(
            site, PREFLIGHT, "host/node-2", "another Slipway cluster", "0123456789abcdef", "slipway reset"
        )


def test_another_clusters_kubeconfig_is_never_fetched(site: Site, lab: Lab) -> None:
    """A control plane of a stranger: its administrator's kubeconfig stays where it is."""
    write = (
        "mkdir /etc/kubernetes; cd /etc/kubernetes; "
        "echo '    server: https://api.other.test:6443' >kubelet.conf; cp kubelet.conf admin.conf"
    )
    with on_node(lab, "node-1", write, "rm -r /etc/kubernetes"):
        refused(site, PREFLIGHT, "host/node-1", "https://api.other.test:6443")
    assert not site.kubeconfig.exists()


def test_a_bundle_that_lacks_something(site: Site, tmp_path: Path) -> None:
    lacking = tmp_path / "bundle"
    shutil.copytree(bundle(), lacking, copy_function=os.link)
    whole = manifests.read(lacking)
    images = [one for one in whole.artifacts if one.kind is ArtifactKind.IMAGE and "coredns" in one.name]
    rest = [one for one in whole.artifacts if one not in images]
    made = manifests.manifest_of(name="lacking", catalog=whole.catalog, slipway=whole.slipway, artifacts=rest)
    manifests.write(made, lacking)
    error = refused(
        site,
        PREFLIGHT,
        "bundle/lacking",
        f"lacks image {images[0].reference}",
        "needed by kubernetes v",
        "slipway bundle build",
        commands=("plan", "install"),
        source=lacking,
    )
    assert error["findings"][0]["code"] == "image"
    manifest = lacking / manifests.FILE
    manifest.write_text(manifest.read_text().replace("name: lacking", "name: edited"))
    refused(
        site, BUNDLE, str(manifest), "was changed", commands=("plan", "install"), source=lacking, findings=0
    )
    refused(
        site, BUNDLE, "no complete bundle here", commands=("plan", "install"), source=tmp_path, findings=0
    )


def test_a_bundle_that_nobody_whom_the_site_trusts_has_signed(site: Site, tmp_path: Path) -> None:
    key, copy = tmp_path / "key", tmp_path / "bundle"
    line = site.slipway("bundle", "keygen", str(key)).stdout.splitlines()[0]
    site.edit({"spec": {"bundle": {"trustedKeys": [line]}}})
    shutil.copytree(bundle(), copy, copy_function=os.link)
    signature = str(copy / manifests.SIGNATURE)
    refused(site, BUNDLE, signature, "is not signed", commands=("plan", "install"), source=copy, findings=0)
    site.slipway("bundle", "sign", str(copy), "--key", str(key))
    assert site.slipway_json("plan", "-b", str(copy))["steps"]


def test_an_external_registry_that_refuses_the_accounts(site: Site, tmp_path: Path) -> None:
    with running_registry(tmp_path / "registry", tmp_path / "data", name="localhost") as registry:
        endpoint = registry.url
        site.put_secret("registry/ca.crt", registry.ca.read_text())
        site.put_secret("registry/good", f"{registry.username}:{registry.password}")
        site.put_secret("registry/bad", f"{registry.username}:wrong")
        site.edit({"spec": {"registry": external(endpoint, pull="bad", push="good")}})
        error = refused(site, PREFLIGHT, "spec.registry.pullRef", "refuses the account", "user:password")
        assert error["findings"][0]["code"] == "unauthorized"
        site.edit({"spec": {"registry": external(endpoint, pull="good", push="bad")}})
        refused(site, PREFLIGHT, "spec.registry.pushRef", "refuses the account", "user:password")
        site.edit({"spec": {"registry": {**external(endpoint, pull="good", push="good"), "caRef": None}}})
        refused(site, PREFLIGHT, "spec.registry.caRef", "certificate is not trusted")
    site.edit({"spec": {"registry": external(endpoint, pull="good", push="good")}})
    refused(site, PREFLIGHT, "spec.registry.endpoint", "does not answer")


def external(endpoint: str, *, pull: str, push: str) -> dict[str, Any]:
    return {
        "mode": "external",
        "endpoint": endpoint,
        "caRef": {"name": "registry", "key": "ca.crt"},
        "pullRef": {"name": "registry", "key": pull},
        "pushRef": {"name": "registry", "key": push},
    }


def test_no_bundle_and_no_registry_yet(site: Site) -> None:
    done = site.slipway("apply", check=False)
    assert done.returncode == BUNDLE
    assert done.stderr.count("error:") == 1
    assert "--bundle" in done.stderr


def test_of_two_at_once_one_waits_and_an_interrupt_leaves_nothing_behind(site: Site, tmp_path: Path) -> None:
    """The first holds the hosts; the second waits, naming it; SIGINT ends the first; the second goes on."""
    first = site.start("install", "-b", str(bundle()))
    try:
        wait("the first to hold the locks", lambda: all(holders(site.lab)))
        holder = holders(site.lab)[0]
        assert name_of(holder).endswith(f":{first.pid}")
        wait(
            "node_prepare to be done", lambda: prepared(site.lab)
        )  # on a busy machine longer than anybody waits
        other = site.elsewhere(tmp_path / "elsewhere")
        second = other.start("apply", "-b", str(bundle()))
        try:
            line = read_until(second.stderr, "waiting:")
            assert f"{name_of(holder)} is changing this host" in line
            assert "host/node-1" in line
            first.send_signal(signal.SIGINT)
            out, err = first.communicate(timeout=60)
            assert first.returncode == 130, (out, err)
            assert "stopping: what is done is recorded" in err
            assert "Traceback" not in err
            assert not site.processes()
            assert site.journal()[-1]["text"] == "cancelled"
            wait(
                "the second to take the locks",
                lambda: name_of(holders(site.lab)[0]).endswith(f":{second.pid}") or second.poll() is not None,
            )
            second.send_signal(signal.SIGINT)
            out, err = second.communicate(timeout=60)
            assert second.returncode == 130, (out, err)
            assert not other.processes()
        finally:
            second.kill()
            second.wait()
    finally:
        first.kill()
        first.wait()
    assert holders(site.lab) == ["", ""]
    plan = site.slipway("plan", "-b", str(bundle())).stdout
    assert "node_prepare" not in plan
    assert "kubernetes_node" in plan


def holders(lab: Lab) -> list[str]:
    """Who holds each node now; "" when nobody does."""
    return [held["holder"] if held.get("until") else "" for held in map(lock_of(lab), lab.nodes)]


def lock_of(lab: Lab) -> Callable[[Any], Mapping[str, Any]]:
    def read(node: Any) -> Mapping[str, Any]:
        done = lab.ssh(node.name, ["cat", "/var/lib/slipway/lock.json"], check=False)
        found: Mapping[str, Any] = json.loads(done.stdout or "{}")
        return found

    return read


def prepared(lab: Lab) -> bool:
    script = ["grep", "-l", "node_prepare", "/var/lib/slipway/record.json"]
    return all(lab.ssh(node.name, script, check=False).returncode == 0 for node in lab.nodes)


def wait(what: str, condition: Callable[[], Any], seconds: float = 180) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.3)


def read_until(stream: Any, words: str) -> str:
    """The first line with these words; the test's own timeout ends a wait for nothing."""
    for line in stream:
        if words in line:
            return str(line)
    raise AssertionError(f"it ended without {words!r}")

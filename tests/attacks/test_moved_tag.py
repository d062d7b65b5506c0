"""Whoever may push moves a tag: hosts that know the signed bundle run nothing else under its names.

A real containerd with the files that the role writes, and a real registry. It is asked as a person does, by ctr, and as
the kubelet does for every pod, static ones and sandboxes too: over the CRI, here by kubeadm.
"""

import base64
import io
import json
import subprocess
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import jinja2
import pytest

from slipway.api import read
from slipway.bundle.form.layout import OCI_MANIFEST
from slipway.model.bundle import Artifact, ArtifactKind
from slipway.planning.roles import role_variables
from slipway.settings import data_dir
from tests.binaries import binary
from tests.registries import Registry, running_registry
from tests.unit.planning import model
from tests.upstreams import digest_of

TEMPLATES = data_dir() / "roles/container_runtime/templates"
KUBERNETES = "v1.35.4"
SERVER = f"quay.io/group/kube-apiserver:{KUBERNETES}"
TOOL, HUB = "quay.io/group/tool:v1", "docker.io/library/box:1"
MEDIA = {
    "config": "application/vnd.oci.image.config.v1+json",
    "layer": "application/vnd.oci.image.layer.v1.tar",
}
KEY = "ssh-ed25519 " + "A" * 68
TRUSTED = {"bundle": {"trustedKeys": [KEY]}}
CONTAINERD = """
version = 3
root = "{base}/root"
state = "{base}/state"
[grpc]
  address = "{base}/s"
[ttrpc]
  address = "{base}/t"
[plugins."io.containerd.image-verifier.v1.bindir"]
  bin_dir = "{base}/bin"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "native"
  [plugins."io.containerd.cri.v1.images".registry]
    config_path = "{base}/hosts"
[[plugins."io.containerd.transfer.v1.local".unpack_config]]
  platform = "linux/amd64"
  snapshotter = "native"
"""
HOSTS = """
server = "https://127.0.0.1:{port}/v2/{name}"
capabilities = ["pull", "resolve"]
override_path = true
skip_verify = true
[header]
  Authorization = "Basic {account}"
"""


def pushed(registry: Registry, image: str, content: bytes) -> str:
    """An image under its name, as `bundle push` has it; the digest."""
    client, (name, _, tag) = registry.client(), image.rpartition(":")
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as tar:
        member = tarfile.TarInfo("program")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    layer = held.getvalue()
    rootfs = {"type": "layers", "diff_ids": [digest_of(layer)]}
    config = json.dumps({"os": "linux", "architecture": "amd64", "rootfs": rootfs}).encode()
    kinds = {"config": config, "layer": layer}
    described = {
        kind: {"mediaType": MEDIA[kind], "digest": digest_of(data), "size": len(data)}
        for kind, data in kinds.items()
    }
    for data in kinds.values():
        client.put_blob(name, digest_of(data), data)
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": described["config"],
        "layers": [described["layer"]],
    }
    text = json.dumps(manifest).encode()
    client.put_manifest(name, tag, text, OCI_MANIFEST)
    return digest_of(text)


def told(images: dict[str, str], *patches: dict[str, object], host: int = 0) -> dict[str, str]:
    """What the role is told of images, with a bundle that has these."""
    configuration = read.parse(model.document(*patches))
    artifacts = [
        Artifact(ArtifactKind.IMAGE, name, tag, digest, 1, path="image/x")
        for (name, _, tag), digest in ((reference.rpartition(":"), one) for reference, one in images.items())
    ]
    bundle = replace(model.bundle(), artifacts=(*model.bundle().artifacts, *artifacts))
    found = role_variables(configuration, bundle, configuration.hosts[host], "container_runtime")
    return dict(found.get("container_runtime_images", {}))


@dataclass(frozen=True)
class Node:
    """A containerd, and where its files are."""

    base: Path

    def knows(self, images: dict[str, str]) -> None:
        """The files that the role writes."""
        (self.base / "bin").mkdir(exist_ok=True)
        words = {"_container_runtime_images": str(self.base / "images"), "container_runtime_images": images}
        for name, path in (("images.j2", "images"), ("verifier.sh.j2", "bin/00-slipway")):
            template = jinja2.Template(
                (TEMPLATES / name).read_text(), trim_blocks=True, keep_trailing_newline=True
            )
            (self.base / path).write_text(template.render(words))
        (self.base / "bin/00-slipway").chmod(0o755)

    def pull(self, image: str) -> str:
        """What containerd says of a pull; empty: it has the image."""
        argv = [binary("ctr"), "--address", f"{self.base}/s", "--namespace", "k8s.io", "images", "pull"]
        hosts = [f"--hosts-dir={self.base}/hosts", "--snapshotter=native"]
        done = subprocess.run([*argv, *hosts, image], capture_output=True, text=True, timeout=60, check=False)
        return "" if not done.returncode else done.stderr

    def pull_as_the_kubelet(self) -> str:
        """What it says over the CRI of images of Kubernetes under quay.io/group, the API server first."""
        asked = ["--image-repository=quay.io/group", f"--kubernetes-version={KUBERNETES}"]
        argv = [binary("kubeadm"), "config", "images", "pull", f"--cri-socket=unix://{self.base}/s", *asked]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode
        return done.stderr


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    base = tmp_path_factory.mktemp("registry")
    with running_registry(base / "own", base / "data") as found:
        yield found


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> Iterator[Node]:
    base = tmp_path_factory.mktemp("n")
    account = base64.b64encode(f"{registry.username}:{registry.password}".encode()).decode()
    for name in ("quay.io", "docker.io"):
        hosts = base / "hosts" / name
        hosts.mkdir(parents=True)
        port = registry.url.rpartition(":")[2]
        (hosts / "hosts.toml").write_text(HOSTS.format(port=port, name=name, account=account))
    (base / "config.toml").write_text(CONTAINERD.format(base=base))
    with (base / "log").open("wb") as log:
        argv = [binary("containerd"), "--config", base / "config.toml"]
        process = subprocess.Popen(argv, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 60
            while not (base / "s").is_socket():
                assert process.poll() is None, (base / "log").read_text()[-2000:]
                assert time.monotonic() < deadline, "containerd does not start"
                time.sleep(0.1)
            yield Node(base)
        finally:
            process.terminate()
            process.wait(30)


def test_what_the_signed_bundle_has_is_pulled_and_a_moved_tag_is_not(node: Node, registry: Registry) -> None:
    right = pushed(registry, TOOL, b"right")
    node.knows(told({TOOL: right}, TRUSTED))
    moved = pushed(registry, TOOL, b"somebody else's")
    refused = node.pull(TOOL)
    assert f"blocked pull of {TOOL} with digest {moved}" in refused
    assert f"the signed bundle has {right}" in refused
    pushed(registry, TOOL, b"right")
    assert node.pull(TOOL) == ""


def test_the_kubelet_is_refused_too(node: Node, registry: Registry) -> None:
    right = pushed(registry, SERVER, b"right")
    node.knows(told({SERVER: right}, TRUSTED))
    moved = pushed(registry, SERVER, b"somebody else's")
    assert f"blocked pull of {SERVER} with digest {moved}" in node.pull_as_the_kubelet()
    pushed(registry, SERVER, b"right")
    assert SERVER not in node.pull_as_the_kubelet()  # the next image it is, which is not there


def test_a_short_name_is_the_same_image(node: Node, registry: Registry) -> None:
    right = pushed(registry, HUB, b"box")
    node.knows(told({"docker.io/library/box:1": right}, TRUSTED))
    assert node.pull(HUB) == ""
    pushed(registry, HUB, b"another box")
    assert "blocked pull" in node.pull(HUB)


def test_a_list_that_is_gone_lets_nothing_through(node: Node, registry: Registry) -> None:
    node.knows(told({TOOL: pushed(registry, TOOL, b"right")}, TRUSTED))
    (node.base / "images").unlink()
    assert "cannot be read" in node.pull(TOOL)


def test_images_that_are_not_of_the_bundle_are_nobodys_matter(node: Node, registry: Registry) -> None:
    node.knows(told({TOOL: pushed(registry, TOOL, b"right")}, TRUSTED))
    pushed(registry, "quay.io/team/app:7", b"theirs")
    assert node.pull("quay.io/team/app:7") == ""


def test_without_a_key_nobody_said_which_bundle_is_right() -> None:
    assert told({TOOL: "sha256:" + "a" * 64}) == {}


def test_every_image_of_the_bundle_is_known_by_all_names_that_pods_can_have() -> None:
    wanted = {f"{name}:{tag}" for name, tag in images()}
    assert set(told({}, TRUSTED)) == wanted
    docker = {"hosts": {"defaults": {"runtime": {"type": "docker"}}}}
    items = [{**item, "settings": {}} for item in model.document()["spec"]["hosts"]["items"]]
    items[0]["settings"] = {"runtime": {"type": "containerd"}}
    both = set(told({}, TRUSTED, docker, {"hosts": {"items": items}}))
    assert both == wanted | {f"registry.slipway.internal:5000/{name}" for name in wanted}


def test_a_registry_of_the_hosts_own_answers_for_its_images() -> None:
    own = {
        "hosts": {
            "defaults": {"runtime": {"registries": [{"name": "quay.io", "endpoint": "https://q.example"}]}}
        }
    }
    found = told({TOOL: "sha256:" + "a" * 64}, TRUSTED, own)
    assert found
    assert not [name for name in found if name.startswith("quay.io/")]


def images() -> set[tuple[str, str]]:
    return {(one.name, one.version) for one in model.bundle().artifacts if one.kind is ArtifactKind.IMAGE}

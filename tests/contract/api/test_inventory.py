"""Plain Ansible with a ClusterConfiguration as inventory: real ansible-inventory and ansible."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.bundle.form import manifest
from slipway.catalog import versions
from slipway.model.bundle import Artifact, ArtifactKind
from slipway.model.platforms import PLATFORMS
from slipway.planning.roles import container_runtime, kubernetes, node_nvidia
from slipway.settings import data_dir, interpreter_bin

#: Secrets that the user of a sample brings.
BROUGHT = {
    "cube-studio": ("ceph/cube-studio", "harbor/ca.crt", "harbor/pull"),
    "docker": ("harbor/ca.crt", "harbor/pull"),
}
SAMPLES = sorted(path.parent.name for path in data_dir().glob("inventories/*/cluster.yaml"))
DIGEST = "sha256:" + "0" * 64


def _ansible(program: str, *arguments: str, bundle: Path | None = None, check: bool = True) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SLIPWAY_")}
    if bundle:
        environment["SLIPWAY_BUNDLE"] = str(bundle)
    done = subprocess.run(
        [str(interpreter_bin() / program), *arguments],
        cwd=data_dir(),
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0 or not check, done.stderr
    return done.stdout if check else done.stderr


def _site(tmp_path: Path, sample: str) -> Path:
    """A copy of a sample: the inventory keeps its secrets and its state beside the file."""
    site = tmp_path / "site"
    site.mkdir()
    for name in BROUGHT.get(sample, ()):
        secret = site / "secrets" / name
        secret.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        secret.parent.parent.chmod(0o700)
        secret.write_text(name)
        secret.chmod(0o600)
    return Path(shutil.copy(data_dir() / "inventories" / sample / "cluster.yaml", site))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A manifest; nobody looks for the files here."""
    runtimes = (name for names in container_runtime.BINARIES.values() for name in names)
    names = ("registry", *runtimes, *kubernetes.BINARIES, *node_nvidia.BINARIES)
    pins = versions.load()
    known = pins.release(pins.kubernetes).binaries
    artifacts = [
        Artifact(
            ArtifactKind.BINARY,
            name,
            known.get(name, "v1"),
            DIGEST,
            1,
            f"binary/{name}{platform.suffix}",
            platform.name,
        )
        for name in names
        for platform in PLATFORMS
    ]
    both = ",".join(platform.name for platform in PLATFORMS)
    pause = Artifact(ArtifactKind.IMAGE, "registry.k8s.io/pause", "3.10.1", DIGEST, 1, platform=both)
    artifacts.append(pause)
    directory = tmp_path / "bundle"
    directory.mkdir()
    manifest.write(
        manifest.manifest_of(name="test", catalog="c", slipway="0", artifacts=artifacts), directory
    )
    return directory


def _plain(value: Any) -> Any:
    """Without the marks of text that is no template."""
    if isinstance(value, dict):
        return value.get("__ansible_unsafe", {key: _plain(item) for key, item in value.items()})
    return [_plain(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_sample_is_an_inventory(tmp_path: Path, bundle: Path, sample: str) -> None:
    file = _site(tmp_path, sample)
    listing = json.loads(_ansible("ansible-inventory", "-i", str(file), "--list", bundle=bundle))
    hosts = _plain(listing["_meta"]["hostvars"])
    items = {item["name"]: item for item in yaml.safe_load(file.read_text())["spec"]["hosts"]["items"]}
    assert hosts.keys() == items.keys()
    for name, variables in hosts.items():
        assert variables["ansible_host"] == items[name]["address"]
        own = items[name].get("addresses", {}).get("business", items[name]["address"])
        assert variables["kubernetes_node_address"] == own
        membership = "control_plane" if name in listing["control_planes"]["hosts"] else "worker"
        step = variables["slipway_steps"][f"kubernetes_{membership}"]
        assert step["step"] == f"host/{name}/kubernetes_{membership}"
        assert step["digest"].startswith("sha256:")


def test_groups_and_connection(tmp_path: Path, bundle: Path) -> None:
    file = _site(tmp_path, "ha")
    listing = json.loads(_ansible("ansible-inventory", "-i", str(file), "--list", bundle=bundle))
    members = {group: sorted(content["hosts"]) for group, content in listing.items() if "hosts" in content}
    assert members == {
        "control_planes": ["cp-01", "cp-02", "cp-03"],
        "workers": ["worker-01", "worker-02"],
        "registry": ["worker-01"],
        "group_storage": ["worker-01", "worker-02"],
    }
    host = _plain(listing["_meta"]["hostvars"]["worker-01"])
    assert (host["ansible_user"], host["ansible_become"]) == ("ops", True)
    assert host["ansible_ssh_private_key_file"] == str(file.parent / "secrets/ssh/id_ed25519")
    assert host["slipway_local_artifacts"] == {"registry": str(bundle / "binary/registry")}


def test_a_host_of_another_architecture_gets_its_own(tmp_path: Path, bundle: Path) -> None:
    file = _site(tmp_path, "ha")
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    document["spec"]["hosts"]["groups"]["storage"]["architecture"] = "arm64"
    file.write_text(yaml.safe_dump(document))
    listing = json.loads(_ansible("ansible-inventory", "-i", str(file), "--list", bundle=bundle))
    host = _plain(listing["_meta"]["hostvars"]["worker-01"])
    assert host["slipway_local_artifacts"] == {"registry": str(bundle / "binary/registry-arm64")}


def test_secrets_are_read_at_use_and_not_listed(tmp_path: Path, bundle: Path) -> None:
    file = _site(tmp_path, "ha")
    listing = _ansible("ansible-inventory", "-i", str(file), "--list", bundle=bundle)
    secrets = file.parent / "secrets" / "slipway-registry"
    password = (secrets / "pull").read_text()
    assert password.split(":")[1] not in listing
    assert "PRIVATE KEY" not in listing
    debug = ("-c", "local", "-m", "ansible.builtin.debug", "-a")
    shown = _ansible(
        "ansible", "-i", str(file), "cp-01", *debug, "var=node_prepare_registry.credentials", bundle=bundle
    )
    assert password in shown
    assert all(path.stat().st_mode & 0o077 == 0 for path in secrets.iterdir())


def test_without_a_bundle_hosts_can_still_be_reached(tmp_path: Path) -> None:
    listing = json.loads(_ansible("ansible-inventory", "-i", str(_site(tmp_path, "ha")), "--list"))
    host = listing["_meta"]["hostvars"]["cp-01"]
    assert "ansible_host" in host
    assert "slipway_steps" not in host
    assert not (tmp_path / "site" / "secrets").exists()


def test_a_mistake_is_told_in_our_words(tmp_path: Path) -> None:
    file = _site(tmp_path, "ha")
    file.write_text(file.read_text().replace("dataRoot: /data/containerd", "dataRot: /data"))
    assert "did you mean dataRoot?" in _ansible("ansible-inventory", "-i", str(file), "--list", check=False)


def test_other_files_are_left_to_other_plugins(tmp_path: Path) -> None:
    file = tmp_path / "hosts.yaml"
    file.write_text("all: {hosts: {one: {}}}\n")
    assert json.loads(_ansible("ansible-inventory", "-i", str(file), "--list"))["ungrouped"] == {
        "hosts": ["one"]
    }


def test_a_host_with_a_login_of_its_own_is_reached_by_it(tmp_path: Path) -> None:
    file = _site(tmp_path, "demo")
    document = yaml.safe_load(file.read_text())
    first, second, *_ = document["spec"]["hosts"]["items"]
    second["settings"] = {"ssh": {"passwordRef": {"name": "own", "key": "login"}}}
    file.write_text(yaml.safe_dump(document))
    secret = file.parent / "secrets/own/login"
    secret.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret.touch(mode=0o600)
    secret.write_text("OpensThis")
    listing = _ansible("ansible-inventory", "-i", str(file), "--list")
    hosts = _plain(json.loads(listing)["_meta"]["hostvars"])
    assert "secrets/own/login" in hosts[second["name"]]["ansible_password"]
    assert "OpensThis" not in listing
    assert "ansible_ssh_private_key_file" not in hosts[second["name"]]
    assert "ansible_password" not in hosts[first["name"]]
    assert "ansible_ssh_private_key_file" in hosts[first["name"]]

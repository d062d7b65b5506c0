"""`slipway bundle verify -f`: the bundle's own charts, rendered by its own Helm, say which images a site needs."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway import catalog
from slipway.api import read
from slipway.bundle.form import manifest as manifests
from slipway.bundle.ground.archive import file_digest
from slipway.bundle.verify.signing import keygen
from slipway.model.bundle import Artifact, ArtifactKind
from slipway.settings import data_dir
from tests.bundles import site_bundle

SLIPWAY = Path(sys.executable).with_name("slipway")
DEMO = data_dir() / "inventories" / "demo" / "cluster.yaml"
CATALOG = catalog.load()
BUSYBOX = "docker.io/library/busybox:1.37"


def verify(bundle: Path, file: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    command = [SLIPWAY, "bundle", "verify", str(bundle), "-f", str(file), *more]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def findings(answer: "subprocess.CompletedProcess[str]") -> list[tuple[str, str]]:
    return [(item["code"], item["path"]) for item in json.loads(answer.stdout)["findings"]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("closure") / "bundle"
    site_bundle(directory, CATALOG, read.load(DEMO))
    return directory


@pytest.fixture
def bundle(built: Path, tmp_path: Path) -> Path:
    """Of this test alone; files are the same ones until a test puts others in their place."""
    shutil.copytree(built, tmp_path / "bundle", copy_function=os.link)
    return tmp_path / "bundle"


def change(bundle: Path, edit: Callable[[Iterable[Artifact]], Iterable[Artifact]]) -> None:
    """The bundle with other artifacts in its manifest."""
    old = manifests.read(bundle)
    artifacts = edit(old.artifacts)
    manifest = manifests.manifest_of(
        name=old.name, catalog=old.catalog, slipway=old.slipway, artifacts=artifacts
    )
    manifests.write(manifest, bundle)


def without(bundle: Path, kind: ArtifactKind, name: str) -> None:
    change(bundle, lambda all_: [a for a in all_ if (a.kind, a.name) != (kind, name)])


def site(tmp_path: Path, **modules: Any) -> Path:
    document = yaml.safe_load(DEMO.read_text(encoding="utf-8"))
    document["spec"]["modules"] |= modules
    (tmp_path / "cluster.yaml").write_text(yaml.safe_dump(document))
    return tmp_path / "cluster.yaml"


def test_a_bundle_that_has_everything(bundle: Path) -> None:
    answer = verify(bundle, DEMO)
    assert (answer.returncode, answer.stderr) == (0, "")
    owners = "kubernetes v1.35.4, flannel, operator, local-path-provisioner, metrics-server"
    assert f"images are in it, of {owners}\n" in answer.stdout
    told = json.loads(verify(bundle, DEMO, "-o", "json").stdout)
    assert told["findings"] == []
    assert BUSYBOX in told["images"]


def test_every_image_has_to_be_there_for_every_architecture_of_hosts(bundle: Path, tmp_path: Path) -> None:
    document = yaml.safe_load(DEMO.read_text(encoding="utf-8"))
    document["spec"]["hosts"]["defaults"] = {"architecture": "arm64"}
    document["spec"]["hosts"]["items"][0]["settings"] = {"architecture": "amd64"}
    (tmp_path / "cluster.yaml").write_text(yaml.safe_dump(document))
    told = json.loads(verify(bundle, DEMO, "-o", "json").stdout)
    answer = verify(bundle, tmp_path / "cluster.yaml", "-o", "json")
    assert answer.returncode == 7
    missing = {("missing-platform", f"image/{name}") for name in told["images"]}
    assert missing <= set(findings(answer))
    problems = {item["path"]: item["problem"] for item in json.loads(answer.stdout)["findings"]}
    assert {text for path, text in problems.items() if path.startswith("image/")} == {
        "is not in the bundle for arm64"
    }
    assert problems["binary/kubelet:v1.35.4"] == (
        "is not in the bundle for linux/arm64; kubernetes v1.35.4 needs it"
    )
    change(bundle, lambda all_: [replace(a, platform="linux/amd64,linux/arm64") for a in all_])
    assert verify(bundle, tmp_path / "cluster.yaml").returncode == 0


def test_helm_of_another_architecture_is_not_run(bundle: Path) -> None:
    helm = {"name": "helm", "platform": "linux/arm64"}
    change(bundle, lambda all_: [replace(a, **helm) if a.name == "helm" else a for a in all_])
    answer = verify(bundle, DEMO, "-o", "json")
    assert findings(answer) == [("missing", "binary/helm")]
    assert "for this machine, linux/amd64" in answer.stdout


def test_all_images_that_are_not_there(bundle: Path) -> None:
    """Kubernetes' own, one of a chart, one that is started at run time, one of a module that is off; each once."""
    images = {
        "registry.k8s.io/kube-proxy": "kubernetes v1.35.4 needs it",
        "ghcr.io/flannel-io/flannel": "DaemonSet/kube-flannel-ds of chart flannel v0.28.10",
        "docker.io/library/busybox": "ConfigMap/local-path-config of chart local-path-provisioner",
    }
    for name in images:
        without(bundle, ArtifactKind.IMAGE, name)
    answer = verify(bundle, DEMO, "-o", "json")
    assert answer.returncode == 7
    told = json.loads(answer.stdout)["findings"]
    assert len(told) == len(images)
    for name, why in images.items():
        (finding,) = [item for item in told if item["path"].startswith(f"image/{name}:")]
        assert why in finding["problem"]


def test_a_bundle_for_an_upgrade_has_to_have_what_each_version_needs(bundle: Path) -> None:
    old, to = manifests.read(bundle), "v1.36.3"
    texts = {"name": old.name, "catalog": old.catalog, "slipway": old.slipway}
    new = manifests.manifest_of(
        **texts, artifacts=old.artifacts, kubernetes=(CATALOG.versions.kubernetes, to)
    )
    manifests.write(new, bundle)
    wanted, now = CATALOG.versions.release(to), CATALOG.versions.release(CATALOG.versions.kubernetes)
    absent = {("missing-image", f"image/{name}") for name in set(wanted.images) - set(now.images)}
    programs = wanted.binaries.items() - now.binaries.items()
    absent |= {("missing", f"binary/{name}:{version}") for name, version in programs}
    assert len(absent) > 8
    answer = verify(bundle, DEMO, "-o", "json")
    assert answer.returncode == 7
    assert set(findings(answer)) == absent
    assert f"kubernetes {to} needs it" in answer.stdout


def test_an_image_that_only_this_site_s_values_ask_for(bundle: Path, tmp_path: Path) -> None:
    file = site(tmp_path, welcome={"enabled": True, "values": {"image": "docker.io/library/nginx:1.31"}})
    answer = verify(bundle, file)
    assert answer.returncode == 7
    line = next(line for line in answer.stderr.splitlines() if "nginx" in line)
    for part in ("Deployment/welcome of chart welcome 0.1.0, templates/welcome.yaml", "(values: image)"):
        assert part in line


def test_an_image_that_only_text_names_is_a_warning(bundle: Path, tmp_path: Path) -> None:
    """And an error, told once, where a pod wants it as well, whatever stands first."""
    nginx = "docker.io/library/nginx:1.31"
    file = site(tmp_path, welcome={"enabled": True, "values": {"greeting": f"This was {nginx}"}})
    answer = verify(bundle, file)
    assert answer.returncode == 0
    assert answer.stderr.startswith(
        f"warning: image/{nginx}: is not in the bundle; text in ConfigMap/welcome"
    )
    values = {"greeting": f"This is {nginx}", "image": nginx}
    file = site(tmp_path, welcome={"enabled": True, "values": values})
    assert findings(verify(bundle, file, "-o", "json")) == [("missing-image", f"image/{nginx}")]


def test_an_image_by_another_digest(bundle: Path, tmp_path: Path) -> None:
    """A name that is in the bundle, and not what the site wants under it."""
    pinned = f"{BUSYBOX}@sha256:{'0' * 64}"
    file = site(tmp_path, welcome={"enabled": True, "values": {"image": pinned}})
    assert findings(verify(bundle, file, "-o", "json")) == [("other-image", f"image/{BUSYBOX}")]


def test_a_chart_that_is_not_there(bundle: Path) -> None:
    without(bundle, ArtifactKind.CHART, "metrics-server.metrics-server")
    answer = verify(bundle, DEMO, "-o", "json")
    assert answer.returncode == 7
    assert findings(answer) == [("missing", "module/metrics-server")]


def test_values_that_a_chart_cannot_be_rendered_with(bundle: Path, tmp_path: Path) -> None:
    file = site(tmp_path, **{"metrics-server": {"enabled": True, "values": {"image": "a-word"}}})
    answer = verify(bundle, file, "-o", "json")
    assert answer.returncode == 7
    assert findings(answer) == [("not-rendered", "release/metrics-server")]


def test_a_bundle_of_another_catalog(bundle: Path) -> None:
    old = manifests.read(bundle)
    manifest = manifests.manifest_of(
        name=old.name, catalog=f"sha256:{'1' * 64}", slipway=old.slipway, artifacts=old.artifacts
    )
    manifests.write(manifest, bundle)
    assert findings(verify(bundle, DEMO, "-o", "json")) == [("other-release", "bundle")]


def stranger(bundle: Path, marker: Path) -> Path:
    """The bundle's Helm is now somebody's program, which leaves a mark when it is run."""
    file = next(bundle.glob("binary/helm-*"))
    file.unlink()
    file.write_text(f"#!/bin/sh\ntouch {marker}\n")
    file.chmod(0o755)
    return file


def test_a_helm_that_is_not_the_bundle_s_is_not_run(bundle: Path, tmp_path: Path) -> None:
    stranger(bundle, tmp_path / "ran")
    answer = verify(bundle, DEMO)
    assert answer.returncode == 7
    assert "binary/helm" in answer.stderr
    assert not (tmp_path / "ran").exists()


def test_nothing_is_run_out_of_a_bundle_that_the_site_does_not_trust(bundle: Path, tmp_path: Path) -> None:
    """Its bytes are all as its manifest says, and nobody signed it."""
    file = stranger(bundle, tmp_path / "ran")
    digest, size = file_digest(file), file.stat().st_size
    change(
        bundle,
        lambda all_: [
            Artifact(a.kind, a.name, a.version, digest, size, path=a.path) if a.name == "helm" else a
            for a in all_
        ],
    )
    document = yaml.safe_load(DEMO.read_text(encoding="utf-8"))
    document["spec"]["bundle"] = {"trustedKeys": [keygen(tmp_path / "key", "site")]}
    trusting = tmp_path / "cluster.yaml"
    trusting.write_text(yaml.safe_dump(document))
    answer = verify(bundle, trusting)
    assert answer.returncode == 7
    assert "not signed" in answer.stderr
    assert not (tmp_path / "ran").exists()

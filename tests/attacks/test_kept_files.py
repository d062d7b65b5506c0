"""What is kept on this machine is believed only where nobody else could write it, and names lead nowhere else."""

import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.names import artifact_problem
from slipway.bundle.ground.disk import private_directory
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.site.filecache import FileCache
from slipway.bundle.site.source import DirectorySource
from slipway.digests import digest_of
from slipway.errors import BundleError
from slipway.model.bundle import Artifact, ArtifactKind

RIGHT, EVIL = b"GOOD-HELM", b"EVIL-HELM"
HELM = Artifact(ArtifactKind.BINARY, "helm", "v4", digest_of(RIGHT), len(RIGHT), "binary/helm-v4")


def fetch(target: Path) -> None:
    target.write_bytes(RIGHT)


def test_a_kept_file_that_was_changed_is_fetched_again(tmp_path: Path) -> None:
    """Of the same size, and with the times that it had."""
    cache = FileCache(tmp_path / "site")
    path = cache.path(HELM, fetch)
    was = path.stat()
    path.write_bytes(EVIL)
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert cache.path(HELM, fetch).read_bytes() == RIGHT


def test_nobody_else_reads_or_writes_what_is_kept(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = FileCache(tmp_path / "site").path(HELM, fetch)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "site").stat().st_mode) == 0o700
    assert path.is_relative_to(tmp_path / "site")


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775, 0o722], ids=oct)
def test_where_others_may_write_nothing_is_believed(tmp_path: Path, mode: int) -> None:
    for name in ("site", "artifacts"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
    with pytest.raises(BundleError, match="not to be trusted") as caught:
        FileCache(tmp_path / "site").path(HELM, fetch)
    assert "others may write there" in caught.value.why
    with pytest.raises(BundleError, match="not to be trusted"):
        Workshop(lambda _: None, tmp_path).make("go", "x", "1", [], lambda dest: (dest / "x").touch())


def test_what_somebody_else_made_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir(mode=0o700)
    os.chown(tmp_path / "site", 65534, -1)
    with pytest.raises(BundleError, match="not to be trusted") as caught:
        private_directory(tmp_path / "site")
    assert "belongs to the user 65534" in caught.value.why
    assert "SLIPWAY_CACHE" in caught.value.hint


@pytest.mark.parametrize(
    "strange",
    [
        {"name": "../../../../tmp/x"},
        {"name": "a/b"},
        {"name": ".hidden"},
        {"name": ""},
        {"name": "a\nb"},
        {"name": "a?b"},
        {"name": 5},
        {"licence": {}},
        {"version": ".."},
        {"version": "1/../2"},
        {"version": "sha256:" + "a" * 64},
        {"version": ""},
        {"path": "binary/../../x"},
        {"path": "binary-other/x"},
        {"path": "bundle.yaml"},
        {"path": "install.sh"},
        {"path": "wheel/x"},
        {"path": "images/blobs/sha256/x"},
        {"path": "binary//x"},
        {"path": "binary/.x"},
        {"path": "binary/a\nb"},
        {"path": "binary"},
        {"digest": "sha256:../x"},
        {"digest": "sha256:" + "A" * 64},
        {"digest": "sha256:" + "a" * 64 + "\n"},
        {"size": -1},
        {"size": True},
        {"size": "5"},
        {"kind": ArtifactKind.IMAGE, "path": "", "name": "registry.test/../x"},
        {"kind": ArtifactKind.IMAGE, "path": "", "name": "/x"},
        {"kind": ArtifactKind.IMAGE, "path": "", "name": "registry.test:80:80/x"},
        {"kind": ArtifactKind.IMAGE, "path": "", "name": "x", "version": "a:b"},
    ],
    ids=str,
)
def test_a_name_or_path_that_leads_elsewhere_is_no_artifact(tmp_path: Path, strange: dict[str, Any]) -> None:
    """Signed or not: one function says it, where a manifest is read and where a file is asked for."""
    artifact = replace(HELM, **strange)
    assert artifact_problem(artifact)
    made = manifests.manifest_of(name="n", catalog="c", slipway="0", artifacts=[artifact])
    with pytest.raises(BundleError, match="no bundle manifest"):
        manifests.parse(manifests.dump(made), "here")
    with pytest.raises(BundleError, match=r"no artifact of a bundle|is an image"):
        DirectorySource(tmp_path).path(artifact)


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".x"])
def test_a_bundle_of_such_a_name_is_none(name: str) -> None:
    """Volumes are named after it."""
    made = manifests.manifest_of(name=name, catalog="c", slipway="0", artifacts=[HELM])
    with pytest.raises(BundleError, match="no bundle manifest"):
        manifests.parse(manifests.dump(made), "here")


def test_one_path_has_one_digest() -> None:
    """Else one of the two would be looked at, and the other one used."""
    other = replace(HELM, name="kubectl", digest=digest_of(EVIL))
    made = manifests.manifest_of(name="n", catalog="c", slipway="0", artifacts=[HELM, other])
    with pytest.raises(BundleError, match="no bundle manifest"):
        manifests.parse(manifests.dump(made), "here")


@pytest.mark.parametrize(
    "artifact",
    [
        HELM,
        replace(HELM, name="libstdc++6", version="1:2"[2:] + "~rc1+b2", path="binary/x~1+b"),
        Artifact(ArtifactKind.IMAGE, "registry.k8s.io/coredns/coredns", "v1.13.1", HELM.digest, 5),
        Artifact(ArtifactKind.IMAGE, "localhost:5000/a/b__c-d.e", HELM.digest, HELM.digest, 5),
        Artifact(ArtifactKind.IMAGE, "busybox", "latest", HELM.digest, 5),
        Artifact(ArtifactKind.INSTALLER, "slipway", "0.1.0", HELM.digest, 5, "install.sh"),
    ],
    ids=lambda artifact: artifact.reference,
)
def test_what_bundles_have_is_right(artifact: Artifact) -> None:
    assert artifact_problem(artifact) == ""

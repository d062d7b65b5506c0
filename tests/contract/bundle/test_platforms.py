"""Bundles for hosts of two architectures: what lies in them, and that one name serves both in a real registry."""

import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from slipway.bundle.form.layout import OCI_INDEX, blob_path, manifest_reader, manifests_below, stored_manifest
from slipway.bundle.form.writer import Writer
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.locks import images as lock
from slipway.bundle.locks.images import ImageLock
from slipway.bundle.make.builder import Builder
from slipway.bundle.make.official import Official
from slipway.bundle.registry.client import RegistryClient
from slipway.bundle.registry.upstream import Upstreams
from slipway.bundle.site.inventory import inventory_of
from slipway.bundle.site.push import push
from slipway.bundle.site.source import RegistrySource, bundle_of
from slipway.bundle.site.stock import RegistryStock
from slipway.bundle.site.sweep import sweep, sweep_of
from slipway.bundle.verify.checks import damaged_files, missing_platforms
from slipway.bundle.verify.difference import difference
from slipway.bundle.verify.info import carried_bytes
from slipway.catalog import load, versions
from slipway.errors import BundleError
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest, ImageOrigin
from slipway.model.platforms import ALL, AMD64, ARM64, PLATFORMS
from tests.bundles import platforms_bundle
from tests.faulty import Faulty, faulty
from tests.registries import Registry, running_registry
from tests.tiny import tiny_build
from tests.upstreams import AMD64 as AMD
from tests.upstreams import DAY, IMAGE, upstreams

TOOL = "registry.test/group/tool:v1"
BOTH = f"{AMD64.name},{ARM64.name}"


def of_kind(manifest: BundleManifest, kind: ArtifactKind) -> list[Artifact]:
    return [artifact for artifact in manifest.artifacts if artifact.kind is kind]


def architectures(directory: Path, image: Artifact) -> list[str]:
    """As the configurations say that an image's manifests have."""
    found = [
        node for node in manifests_below(image.digest, manifest_reader(directory)) if "config" in node.data
    ]
    configs = [(directory / blob_path(node.data["config"]["digest"])).read_bytes() for node in found]
    return [json.loads(text)["architecture"] for text in configs]


@pytest.fixture
def compilers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's gcc under the name of the cross compiler; what that makes is looked at in tests/bundles."""
    program = tmp_path / "path" / "aarch64-linux-gnu-gcc"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nexec gcc "$@" -O1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")


@pytest.mark.usefixtures("cache", "compilers")
def test_a_build_for_two_platforms(tmp_path: Path) -> None:
    """A name once for both; files once for each, and amd64's as they are without the other."""
    lines: list[str] = []
    alone = tiny_build(tmp_path, "alone", lines)
    before = len(lines)
    both = tiny_build(tmp_path, "both", lines, platforms=PLATFORMS)
    assert not [line for line in lines[before:] if "building" in line and "chart" in line]
    [image] = of_kind(both, ArtifactKind.IMAGE)
    [plain] = of_kind(alone, ArtifactKind.IMAGE)
    assert (image.platform, plain.platform) == (BOTH, AMD64.name)
    assert (image.contents, image.licence) == (plain.contents, plain.licence)
    index = stored_manifest((tmp_path / "both" / image.path).read_bytes())
    assert index.media_type == OCI_INDEX
    assert index.children[0] == plain.digest
    named = [item["platform"] for item in index.data["manifests"]]
    assert named == [{"architecture": name, "os": "linux"} for name in ("amd64", "arm64")]
    assert architectures(tmp_path / "both", image) == ["amd64", "arm64"]
    files = {artifact.path: artifact for artifact in of_kind(both, ArtifactKind.BINARY)}
    assert list(files) == [
        "binary/pause-1",
        "binary/pause-1-arm64",
        "binary/pauses-1.tar.gz",
        "binary/pauses-1-arm64.tar.gz",
    ]
    assert files["binary/pause-1"] in alone.artifacts
    assert files["binary/pause-1"].digest != files["binary/pause-1-arm64"].digest
    assert [artifact.platform for artifact in files.values()] == [AMD64.name, ARM64.name] * 2
    assert len(of_kind(both, ArtifactKind.CHART)) == 1
    assert damaged_files(tmp_path / "both") == []
    made = len(lines)
    assert tiny_build(tmp_path, "both", lines, platforms=PLATFORMS) == both
    assert len(lines) == made


@pytest.mark.usefixtures("cache", "compilers")
def test_a_build_for_arm64_alone_has_plain_manifests(tmp_path: Path) -> None:
    manifest = tiny_build(tmp_path, "arm", platforms=(ARM64,))
    [image] = of_kind(manifest, ArtifactKind.IMAGE)
    assert image.platform == ARM64.name
    assert architectures(tmp_path / "arm", image) == ["arm64"]
    [entry] = json.loads((tmp_path / "arm/images/index.json").read_text())["manifests"]
    assert entry["platform"] == {"architecture": "arm64", "os": "linux"}
    assert {artifact.platform for artifact in of_kind(manifest, ArtifactKind.BINARY)} == {ARM64.name}


@pytest.mark.usefixtures("cache")
def test_a_missing_cross_compiler_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BundleError, match="aarch64-linux-gnu-gcc is not installed") as refusal:
        tiny_build(tmp_path, "arm", platforms=(ARM64,))
    assert "apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross" in refusal.value.hint


def test_a_push_has_one_name_for_both_platforms(tmp_path: Path, registry: Registry) -> None:
    """A client asks for the name, and finds the manifest for its own; files for arm64 have tags of their own."""
    manifest, client = platforms_bundle(tmp_path / "bundle"), registry.client()
    receipt = push(tmp_path / "bundle", client)
    assert (receipt.images_copied, receipt.artifacts_copied) == (1, 3)
    index = stored_manifest(client.get_manifest("registry.test/group/tool", "v1")[0])
    assert index.media_type == OCI_INDEX
    for platform, digest in zip(PLATFORMS, index.children, strict=True):
        node = stored_manifest(client.get_manifest("registry.test/group/tool", digest)[0])
        config = client.read_blob("registry.test/group/tool", node.data["config"]["digest"])
        assert json.loads(config)["architecture"] == platform.architecture
        assert all(client.blob_exists("registry.test/group/tool", blob) for blob in node.blobs)
    assert sorted(client.tags("slipway/binary/program")) == ["1.0", "1.0-arm64"]
    site = RegistrySource(client, tmp_path / "site")
    for platform in PLATFORMS:
        program = site.manifest().find(ArtifactKind.BINARY, "program", platform=platform)
        assert program
        assert site.path(program).read_bytes() == platform.name.encode() * 9_000
    again = push(tmp_path / "bundle", client)
    assert (again.images_copied, again.artifacts_copied, again.bytes) == (0, 0, 0)
    assert set(inventory_of(client, manifest).blobs) >= {
        a.digest for a in of_kind(manifest, ArtifactKind.BINARY)
    }


def test_what_was_pushed_is_pulled_for_each_platform(tmp_path: Path, registry: Registry) -> None:
    platforms_bundle(tmp_path / "bundle")
    push(tmp_path / "bundle", registry.client())
    with faulty(registry) as proxy:
        account = {proxy.host: (registry.username, registry.password)}
        ups = Upstreams({"registry.test": f"{proxy.url}/registry.test"}, accounts=account)
        for platform in PLATFORMS:
            [entry] = lock.resolve(ups, TOOL, platform.name, DAY)
            [image] = pulled_into(tmp_path / platform.architecture, ups, ImageLock((entry,)), platform.name)
            assert image.platform == platform.name
            assert architectures(tmp_path / platform.architecture, image) == [platform.architecture]


def pulled_into(out: Path, ups: Upstreams, entries: ImageLock, *platforms: str) -> list[Artifact]:
    """Images of a bundle that come from a registry."""
    official = Official(ImageOrigin.OFFICIAL, entries, platforms, upstreams=ups)
    builder = Builder(versions.load(), load(), Writer(out), Workshop(lambda _text: None), PLATFORMS)
    images = {item.image for item in entries.images}
    return list(builder.layout(images, official))


def test_what_is_locked_for_two_platforms_becomes_one_image(tmp_path: Path, upstream: Faulty) -> None:
    ups = upstreams(upstream)
    entries = [item for name in (AMD, ARM64.name) for item in lock.resolve(ups, IMAGE, name, DAY)]
    [image] = pulled_into(tmp_path / "both", ups, ImageLock(tuple(entries)), AMD, ARM64.name)
    assert (image.reference, image.platform) == (IMAGE, BOTH)
    index = stored_manifest((tmp_path / "both" / image.path).read_bytes())
    assert list(index.children) == [entry.digest for entry in entries]
    assert architectures(tmp_path / "both", image) == ["amd64", "arm64"]
    official = Official(ImageOrigin.AUTO, ImageLock((entries[0],)), (AMD, ARM64.name))
    with pytest.raises(BundleError, match="on trust alone") as refusal:
        official.locked([IMAGE])
    assert refusal.value.findings[0].problem == "is unverified: no lock has its digest for linux/arm64"


def test_an_image_that_lacks_an_architecture_is_named(tmp_path: Path, upstream: Faulty) -> None:
    """Also where an index was taken as it was: that says itself what it has."""
    both = platforms_bundle(tmp_path / "both")
    assert missing_platforms(tmp_path / "both", both, [TOOL], PLATFORMS) == []
    amd = platforms_bundle(tmp_path / "amd", (AMD64,))
    [finding] = missing_platforms(tmp_path / "amd", amd, [TOOL, "registry.test/other:1"], PLATFORMS)
    assert (finding.path, finding.code) == (f"image/{TOOL}", "missing-platform")
    assert finding.problem == "is not in the bundle for arm64"
    assert missing_platforms(tmp_path / "amd", amd, [TOOL], (AMD64,)) == []
    ups = upstreams(upstream)
    entries = lock.resolve(ups, IMAGE, ALL, DAY)
    images = pulled_into(tmp_path / "all", ups, ImageLock(tuple(entries)), ALL)
    taken = BundleManifest("all", "", "", "", tuple(images))
    signature = next(image.reference for image in images if image.reference != IMAGE)
    assert missing_platforms(tmp_path / "all", taken, [IMAGE], PLATFORMS) == []
    [finding] = missing_platforms(tmp_path / "all", taken, [signature], (ARM64,))
    assert finding.expected == "linux/none"


@pytest.fixture
def site(tmp_path: Path, registry: Registry) -> RegistryClient:
    """With a bundle for amd64 alone."""
    platforms_bundle(tmp_path / "first", (AMD64,))
    push(tmp_path / "first", registry.client())
    return registry.client()


def test_arm64_comes_as_a_delta_and_goes_again(tmp_path: Path, site: RegistryClient) -> None:
    first = platforms_bundle(tmp_path / "first", (AMD64,))
    whole = platforms_bundle(tmp_path / "whole")
    inventory = inventory_of(site, first)
    assert platforms_bundle(tmp_path / "delta", elsewhere=inventory.blobs) == whole
    assert carried_bytes(tmp_path / "delta", whole) < carried_bytes(tmp_path / "whole", whole) / 2
    assert damaged_files(tmp_path / "delta") == []
    assert push(tmp_path / "delta", site).bytes < 200_000
    assert push(tmp_path / "whole", site).bytes == 0
    changed = difference(first, whole)
    assert [(a.kind, a.platform) for a in changed.added] == [(ArtifactKind.BINARY, ARM64.name)]
    assert [change.after.reference for change in changed.changed] == [TOOL]
    assert changed.removed == ()
    push(tmp_path / "first", site)
    found = sweep_of(site)
    assert set(found.artifacts) == {"binary program:1.0-arm64", f"image {TOOL}"}
    sweep(site, found)
    assert site.tags("slipway/binary/program") == ("1.0",)
    [image] = of_kind(first, ArtifactKind.IMAGE)
    assert site.head_manifest(image.repository, "v1") == image.digest
    assert push(tmp_path / "first", site).bytes == 0


def test_a_replica_gets_both_platforms(tmp_path: Path, registry: Registry) -> None:
    manifest: Any = platforms_bundle(tmp_path / "bundle")
    push(tmp_path / "bundle", registry.client())
    shutil.rmtree(tmp_path / "bundle")
    with running_registry(tmp_path / "replica", tmp_path / "replica-data") as replica:
        push(
            RegistryStock(registry.client(), tmp_path / "scratch", bundle_of(registry.client())),
            replica.client(),
        )
        for artifact in manifest.artifacts:
            held = [
                one.client().head_manifest(artifact.repository, artifact.tag) for one in (registry, replica)
            ]
            assert held[0]
            assert held[0] == held[1]
        [image] = of_kind(manifest, ArtifactKind.IMAGE)
        index = stored_manifest(replica.client().get_manifest(image.repository, image.version)[0])
        assert all(replica.client().head_manifest(image.repository, digest) for digest in index.children)


def deb(directory: Path, name: str, architecture: str) -> None:
    control = directory / "tree" / name / architecture / "DEBIAN" / "control"
    control.parent.mkdir(parents=True)
    control.write_text(
        f"Package: {name}\nVersion: 1\nArchitecture: {architecture}\nMaintainer: a <a@b.c>\nDescription: x\n"
    )
    target = directory / f"{name}_1_{architecture}.deb"
    command = ["dpkg-deb", "--build", control.parents[1], target]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@pytest.mark.usefixtures("cache", "compilers")
def test_packages_that_a_site_has_gathered_go_to_the_platform_they_are_named_for(tmp_path: Path) -> None:
    """A directory that has some for one platform alone makes a repository for that one."""
    for name, architecture in (("tool", "amd64"), ("tool", "arm64"), ("words", "all"), ("only", "arm64")):
        deb(tmp_path, name, architecture)
    (tmp_path / "arm").mkdir()
    shutil.copy(tmp_path / "only_1_arm64.deb", tmp_path / "arm")
    gathered = {"ubuntu-22.04": tmp_path, "debian-12": tmp_path / "arm"}
    built = tiny_build(tmp_path, "bundle", platforms=PLATFORMS, gathered=gathered)
    found: dict[str, set[str]] = {}
    for artifact in of_kind(built, ArtifactKind.PACKAGES):
        with tarfile.open(tmp_path / "bundle" / artifact.path) as archive:
            names = {name for name in archive.getnames() if name.endswith(".deb")}
            release = archive.extractfile("Release")
            assert release
            assert f"Architectures: {artifact.platform[6:]}\n".encode() in release.read()
        found[f"{artifact.name} {artifact.platform}"] = names
    assert found == {
        "debian-12 linux/arm64": {"only_1_arm64.deb"},
        "ubuntu-22.04 linux/amd64": {"tool_1_amd64.deb", "words_1_all.deb"},
        "ubuntu-22.04 linux/arm64": {"tool_1_arm64.deb", "words_1_all.deb", "only_1_arm64.deb"},
    }

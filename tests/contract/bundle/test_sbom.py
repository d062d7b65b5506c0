"""Bills of materials: what others' libraries read in them, and that nothing of a bundle is missing there."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.writer import Writer
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.apt import Package
from slipway.bundle.make.bom import packed_parts, write_documents
from slipway.bundle.make.packages import gathered_repository
from slipway.bundle.make.sources.debian import DebianSource, note
from slipway.bundle.make.sources.python import LIBRARIES, PythonSource
from slipway.bundle.sbom.parts import Component, Item, PartKind
from slipway.bundle.verify.checks import damaged_files
from slipway.catalog import versions
from slipway.catalog.versions import Versions
from slipway.model.bundle import Artifact, ArtifactKind
from slipway.model.platforms import AMD64
from slipway.settings import cache_dir
from tests.tiny import PINS, tiny_build

DIGEST = "ab" * 32
PARTS = (
    Component(PartKind.DEBIAN, "libc6", "2.36-9+deb12u10", "amd64", DIGEST, "LGPL-2.1-or-later"),
    Component(PartKind.DEBIAN, "adduser", "1:3.134~rc1", "all", "", ""),
    Component(PartKind.PYTHON, "Jinja2", "3.1.6", licence="BSD-3-Clause"),
    Component(PartKind.GO, "github.com/Masterminds/semver/v3", "v3.4.0", licence="MIT"),
    Component(PartKind.RPM, "bash", "5.1.8-9.el9", "x86_64", DIGEST, distro="rocky-9"),
    Component(
        PartKind.DEBIAN, "libssl3", "3.0.17-1", "amd64", distro="debian-12", source="openssl@3.0.17-1+x"
    ),
)
ITEMS = (
    Item(
        Artifact(
            ArtifactKind.IMAGE,
            "registry.k8s.io/pause",
            "3.10",
            f"sha256:{DIGEST}",
            5,
            licence="MIT AND LicenseRef-unknown",
        ),
        PARTS,
    ),
    Item(
        Artifact(ArtifactKind.IMAGE, "localhost:5000/x", f"sha256:{DIGEST}", f"sha256:{DIGEST}", 5), PARTS[:1]
    ),
    Item(Artifact(ArtifactKind.CHART, "page", "1.0.0+up1", f"sha256:{DIGEST}", 5)),
    Item(
        Artifact(
            ArtifactKind.BINARY,
            "kubelet",
            "v1.35.4",
            f"sha256:{DIGEST}",
            5,
            platform="linux/arm64",
            licence="(Apache-2.0 OR MIT) AND LicenseRef-public-domain",
        )
    ),
    Item(Artifact(ArtifactKind.WHEEL, "pyyaml", "6.0.3-cp311", f"sha256:{DIGEST}", 5, licence="MIT")),
    Item(Artifact(ArtifactKind.PACKAGES, "debian-12", "0123abcd", f"sha256:{DIGEST}", 5), PARTS[:2]),
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path / "cache"))
    cache_dir.cache_clear()
    yield tmp_path / "cache"
    cache_dir.cache_clear()


def documents(tmp_path: Path) -> dict[str, Path]:
    """Of all kinds of items and parts."""
    out = tmp_path / "documents"
    return {item.name: out / item.path for item in write_documents("small", ITEMS, Writer(out))}


def spdx_complaints(path: Path) -> str:
    """What SPDX's own tool has to say of a document."""
    program = [sys.executable, "-W", "ignore", "-m", "spdx_tools.spdx.clitools.pyspdxtools", "-i", str(path)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_spdx_is_what_spdx_takes(tmp_path: Path) -> None:
    path = documents(tmp_path)["spdx"]
    assert spdx_complaints(path) == ""
    path.write_text(path.read_text().replace('"MIT AND LicenseRef-unknown"', '"MIT AND Mine"'))
    assert spdx_complaints(path)  # it looks


def test_cyclonedx_is_what_cyclonedx_takes(tmp_path: Path) -> None:
    text = documents(tmp_path)["cyclonedx"].read_text()
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(text) is None
    assert validator.validate_str(text.replace('"container"', '"box"')) is not None


def test_every_part_is_named_once_with_version_digest_and_licence(tmp_path: Path) -> None:
    found = {name: json.loads(path.read_text()) for name, path in documents(tmp_path).items()}
    components: list[dict[str, Any]] = found["cyclonedx"]["components"]
    packages: list[dict[str, Any]] = found["spdx"]["packages"][1:]
    assert len(components) == len(packages) == len(ITEMS) + len(PARTS)
    for component, package in zip(components, packages, strict=True):
        assert package["externalRefs"][0]["referenceLocator"] == component["purl"]
        assert package["versionInfo"] == component["version"]
        assert (
            package["licenseDeclared"]
            == (component.get("licenses") or [{"expression": "NOASSERTION"}])[0]["expression"]
        )
        assert [entry["checksumValue"] for entry in package.get("checksums", ())] == [
            entry["content"] for entry in component.get("hashes", ())
        ]
    for purl, name, version in [
        (components[0]["purl"], "pause", f"sha256:{DIGEST}"),
        (PARTS[0].purl, "libc6", "2.36-9+deb12u10"),
        (PARTS[1].purl, "adduser", "1:3.134~rc1"),
        (PARTS[2].purl, "jinja2", "3.1.6"),
        (PARTS[3].purl, "v3", "v3.4.0"),
        (PARTS[5].purl, "libssl3", "3.0.17-1"),
        (ITEMS[2].purl, "page", "1.0.0+up1"),
        (ITEMS[4].purl, "pyyaml", "6.0.3"),
    ]:
        read = PackageURL.from_string(purl)
        assert (read.name, read.version) == (name, version)


def test_a_bundle_has_them_in_its_manifest(tmp_path: Path) -> None:
    """So that they are signed, carried and checked with it; the same bundle has the same ones."""
    manifest = tiny_build(tmp_path, "out")
    for form in ("spdx", "cyclonedx"):
        artifact = manifest.find(ArtifactKind.SBOM, form)
        assert artifact
        program = [Path(sys.executable).with_name("slipway"), "bundle", "sbom", tmp_path / "out", "-o", form]
        said = subprocess.run(program, capture_output=True, text=True, check=True).stdout
        assert said == (tmp_path / "out" / artifact.path).read_text()
        names = [item.name for item in manifest.artifacts if item.kind is not ArtifactKind.SBOM]
        told = json.loads(said).get("components") or json.loads(said)["packages"][1:]
        assert [item["name"] for item in told] == names
        (tmp_path / "out" / artifact.path).write_text(said.replace("pause", "other"))
        refused = subprocess.run(program, capture_output=True, text=True, check=False)
        assert refused.returncode == 7
    assert len(damaged_files(tmp_path / "out")) == 2
    assert tiny_build(tmp_path, "out") == manifest == manifests.read(tmp_path / "out")


def deb(directory: Path, name: str, version: str) -> Package:
    """A package with a copyright file."""
    root = directory / f"root-{name}"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN" / "control").write_text(
        f"Package: {name}\nSource: origin (1.0-1)\nVersion: {version}\nArchitecture: amd64\n"
        "Maintainer: x <x@example.org>\n"
        "Description: a thing\n that goes on here\n"
    )
    doc = root / "usr/share/doc" / name
    doc.mkdir(parents=True)
    form = "https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/"
    (doc / "copyright").write_text(f"Format: {form}\n\nFiles: *\nCopyright: x\nLicense: Expat\n")
    path = directory / f"{name}_{version}_amd64.deb"
    subprocess.run(["dpkg-deb", "-b", root, path], check=True, capture_output=True)
    return Package(name, version, path)


def test_packages_of_a_repository_are_parts(tmp_path: Path) -> None:
    (tmp_path / "gathered").mkdir()
    made = deb(tmp_path / "gathered", "victim", "1.0-1+b2")
    known = Versions.model_validate(
        PINS | {"packages": PINS["packages"] | {"packages": [], "systems": [{"name": "ubuntu-22.04"}]}}
    )
    tar, _ = gathered_repository(known.packages, "ubuntu-22.04", tmp_path / "gathered", Workshop(print))
    (part,) = packed_parts(tar, "ubuntu-22.04")
    assert (part.name, part.version, part.architecture) == ("victim", "1.0-1+b2", "amd64")
    assert (
        part.purl == "pkg:deb/ubuntu/victim@1.0-1%2Bb2?arch=amd64&distro=ubuntu-22.04&upstream=origin%401.0-1"
    )
    assert (
        part.digest
        == subprocess.run(
            ["sha256sum", made.path], capture_output=True, text=True, check=True
        ).stdout.partition(" ")[0]
    )


def test_packages_in_an_image_are_noted_where_scanners_look(tmp_path: Path) -> None:
    tree, package = tmp_path / "tree", deb(tmp_path, "victim", "1.0-1")
    subprocess.run(["dpkg-deb", "-x", package.path, tree], check=True)
    note(package, tree)
    status = (tree / "var/lib/dpkg/status.d/victim").read_text()
    assert "Status: install ok installed\n" in status
    known = versions.load()
    spec = next(source for source in known.sources if source.type == "debian")
    ((part,),) = DebianSource(known, Workshop(print), AMD64).parts(spec, tree).values()
    assert (part.kind, part.name, part.version, part.licence) == (PartKind.DEBIAN, "victim", "1.0-1", "MIT")
    assert len(part.digest) == 64
    suites = {system.suite: system.name for system in known.packages.systems}
    assert (part.distro, part.source) == (suites[spec.suite], "origin@1.0-1")


def test_package_urls_say_release_and_source_package() -> None:
    """Records of vulnerabilities go by them; without them a scanner takes every release's, and misses most names."""
    read = PackageURL.from_string(PARTS[5].purl)
    assert read.qualifiers == {"arch": "amd64", "distro": "debian-12", "upstream": "openssl@3.0.17-1+x"}
    assert PackageURL.from_string(PARTS[4].purl).namespace == "rocky"


def test_python_libraries_of_an_image_are_parts(tmp_path: Path) -> None:
    info = tmp_path / LIBRARIES / "victim-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.4\nName: Vic_tim\nVersion: 1.0\nLicense-Expression: MIT\n"
    )
    known = versions.load()
    spec = next(source for source in known.sources if source.type == "python")
    ((part,),) = PythonSource(known, Workshop(print), AMD64).parts(spec, tmp_path).values()
    assert (part.purl, part.licence) == ("pkg:pypi/vic-tim@1.0", "MIT")

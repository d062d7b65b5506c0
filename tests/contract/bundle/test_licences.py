"""Licences of real things: a program of many Go modules, Debian packages, wheels, an image from a registry."""

import json
import subprocess
from pathlib import Path

import pytest

from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.layout import OCI_MANIFEST
from slipway.bundle.form.writer import Writer
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.licences.expression import UNKNOWN, terms
from slipway.bundle.licences.images import KEY
from slipway.bundle.make.builder import Builder
from slipway.bundle.make.licensing import Licensing
from slipway.bundle.make.packages import gathered_repository
from slipway.bundle.make.pulling import pull
from slipway.bundle.make.sources.debian import unpack
from slipway.bundle.verify.info import licences_by_item
from slipway.catalog import Catalog, load, versions
from slipway.catalog.versions import Packages
from slipway.model.bundle import ArtifactKind, BundleManifest
from tests.bundles import installer_bundle
from tests.faulty import Faulty
from tests.upstreams import IMAGE, LAYER, digest_of, pulled, resolved, upstreams

CATALOG: Catalog = load()
COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: Somebody
License: {licence}
"""


def registry_bundle(directory: Path, lines: list[str]) -> BundleManifest:
    """The registry that sites run, and a chart out of a module; what was really made is added to `lines`."""
    builder = Builder(CATALOG.versions, CATALOG, Writer(directory), Workshop(lines.append))
    version = CATALOG.versions.binary("registry", _version("registry")).version
    artifacts = [builder.binary("registry", version), *builder.charts(["flannel", "welcome"])]
    manifest = manifests.manifest_of(name="registry", catalog="", slipway="0", artifacts=artifacts)
    manifests.write(manifest, directory)
    return manifest


def _version(name: str) -> str:
    return next(binary.version for binary in CATALOG.versions.binaries if binary.name == name)


def test_a_program_has_the_licences_of_all_its_modules(tmp_path: Path) -> None:
    lines: list[str] = []
    manifest = registry_bundle(tmp_path / "a", lines)
    program = manifest.find(ArtifactKind.BINARY, "registry")
    assert program
    assert {"Apache-2.0", "BSD-3-Clause", "MIT"} <= {*terms(program.licence)}
    assert UNKNOWN not in terms(program.licence)
    charts = {item.name: item.licence for item in manifest.artifacts if item.kind is ArtifactKind.CHART}
    assert charts == {"flannel.flannel": "Apache-2.0", "welcome.welcome": "Apache-2.0"}
    lines.clear()
    registry_bundle(tmp_path / "b", lines)
    assert lines == []
    first, second = ((tmp_path / name / "bundle.yaml").read_bytes() for name in ("a", "b"))
    assert first == second


def test_wheels_and_slipway_itself(tmp_path: Path) -> None:
    manifest = installer_bundle(tmp_path)
    found = {item.name: item.licence for item in manifest.artifacts}
    assert found["slipway-installer"] == found["slipway"] == "Apache-2.0"
    assert found["pyyaml"] == found["rich"] == "MIT"
    assert found["ansible-core"] == "GPL-3.0-or-later"
    assert found["cryptography"] == "Apache-2.0 OR BSD-3-Clause"
    assert licences_by_item(manifest)["unknown"] == []


def deb(directory: Path, name: str, copyright_file: str = "", link: str = "") -> Path:
    """A package with one program, and a copyright file or a link to the directory of another package's."""
    tree = directory / "trees" / name
    (tree / "DEBIAN").mkdir(parents=True)
    control = (
        f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: T <t@slipway.test>\nDescription: T\n"
    )
    (tree / "DEBIAN" / "control").write_text(control)
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin" / name).write_text("#!/bin/sh\n")
    documents = tree / "usr/share/doc" / name
    documents.parent.mkdir(parents=True)
    if link:
        documents.symlink_to(link)
    else:
        documents.mkdir()
        (documents / "copyright").write_text(copyright_file)
        (documents / "changelog").write_text("nothing")
    target = directory / "debs" / f"{name}_1_all.deb"
    target.parent.mkdir(exist_ok=True)
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "--build", tree, target], check=True, capture_output=True
    )
    return target


@pytest.mark.usefixtures("cache")
def test_debian_packages(tmp_path: Path) -> None:
    """Those of a gathered repository; one whose file machines cannot read is said to be there."""
    known = {"name": "debian-12", "suite": "bookworm"}
    packages = Packages.model_validate({"format": 1, "packages": ["one", "two"], "systems": [known]})
    deb(tmp_path, "one", COPYRIGHT.format(licence="GPL-2+ or Expat"))
    deb(tmp_path, "two", link="one")
    lines: list[str] = []
    workshop = Workshop(lines.append)
    licensing = Licensing(versions.load(), workshop)

    def found() -> str:
        return licensing.packages(gathered_repository(packages, "debian-12", tmp_path / "debs", workshop)[0])

    assert found() == "GPL-2.0-or-later OR MIT"
    deb(tmp_path, "three", "It may be used by everybody.")
    assert found() == "(GPL-2.0-or-later OR MIT) AND LicenseRef-unknown"
    lines.clear()
    assert found() == "(GPL-2.0-or-later OR MIT) AND LicenseRef-unknown"
    assert lines == []


def test_the_copyright_file_comes_with_whatever_is_taken_of_a_package(tmp_path: Path) -> None:
    package = deb(tmp_path, "one", COPYRIGHT.format(licence="ISC"))
    unpack(package, tmp_path / "out", ["usr/bin"], ())
    files = sorted(
        str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()
    )
    assert files == ["usr/bin/one", "usr/share/doc/one/copyright"]


def put_labelled(upstream: Faulty, where: str) -> None:
    """Give the image a licence, in its manifest or in its configuration."""
    client = upstream.backend.client()
    stated = {KEY: "MIT OR Apache-2.0"}
    layer = b"x" * LAYER
    data = {
        "os": "linux",
        "architecture": "amd64",
        "config": {"Labels": stated if where == "label" else None},
    }
    config = json.dumps(data).encode()
    for blob in (config, layer):
        client.put_blob("group/tool", digest_of(blob), blob)
    described = [
        {"mediaType": f"application/vnd.oci.image.{kind}", "digest": digest_of(blob), "size": len(blob)}
        for kind, blob in (("config.v1+json", config), ("layer.v1.tar", layer))
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": described[0],
        "layers": described[1:],
    }
    manifest |= {"annotations": stated} if where == "annotation" else {}
    client.put_manifest("group/tool", "v1", json.dumps(manifest).encode(), OCI_MANIFEST)


@pytest.mark.parametrize("where", ["annotation", "label", "nowhere"])
def test_an_image_from_a_registry_has_what_it_states(tmp_path: Path, upstream: Faulty, where: str) -> None:
    """A delta says the same, though it leaves out the configuration that says it."""
    put_labelled(upstream, where)
    entries = resolved(upstream)
    [image] = pulled(upstream, tmp_path / "bundle", entries)
    assert image.artifact.reference == IMAGE
    assert image.artifact.licence == ("" if where == "nowhere" else "MIT OR Apache-2.0")
    elsewhere = dict.fromkeys([entries[0].digest, *image.blobs], "group/tool")
    [again] = pull(entries, upstreams(upstream), Writer(tmp_path / "delta", elsewhere), lambda _tally: None)
    assert again.artifact == image.artifact
    assert not any(path.is_file() for path in (tmp_path / "delta").rglob("*"))

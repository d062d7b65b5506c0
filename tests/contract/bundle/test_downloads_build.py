"""Bundles made by a lock of downloads: what comes of it, what is built, and what hosts could not use."""

import os
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.bundle.form import manifest
from slipway.bundle.locks.downloads import Download, DownloadKind, Downloads
from slipway.bundle.make.official import NamedDownload, OfficialFiles
from slipway.bundle.registry.web import Web
from slipway.bundle.verify.checks import damaged_files
from slipway.errors import BundleError
from slipway.model.bundle import BundleManifest, ImageOrigin
from slipway.model.platforms import AMD64, ARM64
from tests import rpms
from tests.fileservers import FileServer, chart, packed
from tests.tiny import tiny_build


def binary(server: FileServer, name: str, data: bytes, member: str = "") -> Download:
    url, sha256 = server.put(f"/{name}", data)
    return Download(DownloadKind.BINARY, name, "1", url, sha256, f"{server.url}/sums", member=member)


def built(
    tmp_path: Path,
    out: str,
    *items: Download,
    origin: ImageOrigin = ImageOrigin.AUTO,
    further: frozenset[NamedDownload] = frozenset(),
    **options: Any,
) -> BundleManifest:
    web = Web(accounts={}, pauses=(0.0, 0.01))
    files = OfficialFiles(origin, Downloads(items), further=further, web=web)
    made = tiny_build(tmp_path, out, files=files, **options)
    assert damaged_files(tmp_path / out) == []
    return made


def origins(made: BundleManifest) -> dict[str, str]:
    return {
        f"{item.kind}/{item.name}": item.origin for item in made.artifacts if item.kind in ("binary", "chart")
    }


@pytest.mark.usefixtures("cache")
def test_a_build_takes_what_is_locked_and_builds_the_rest(tmp_path: Path, server: FileServer) -> None:
    """Twice it makes the same bundle; told to build, it builds all; told not to, it refuses what no lock has."""
    items = (
        binary(
            server,
            "pause",
            packed({"linux-amd64/README": b"x", "linux-amd64/pause": b"program"}),
            "linux-amd64/pause",
        ),
        binary(server, "pauses", packed({"./bin/pause": b"program", "bin/more": b"x"})),
    )
    both = built(tmp_path, "one", *items)
    assert origins(both) == {
        "binary/pause": f"{server.url}/pause, sha256 of {server.url}/sums",
        "binary/pauses": f"{server.url}/pauses, sha256 of {server.url}/sums",
        "chart/small.small": "module small",
    }
    assert (tmp_path / "one/binary/pause-1").read_bytes() == b"program"
    assert os.access(tmp_path / "one/binary/pause-1", os.X_OK)
    assert (tmp_path / "one/binary/pauses-1.tar.gz").read_bytes() == server.files["/pauses"]
    sent = server.sent()
    built(tmp_path, "two", *items)
    texts = [(tmp_path / name / manifest.FILE).read_bytes() for name in ("one", "two")]
    assert texts[0] == texts[1]
    assert server.sent() == sent
    assert origins(built(tmp_path, "build", *items, origin=ImageOrigin.BUILD))["binary/pause"].startswith(
        "built from"
    )
    assert origins(built(tmp_path, "auto", items[0]))["binary/pauses"].startswith("built from")
    with pytest.raises(BundleError, match="on trust alone") as caught:
        built(tmp_path, "official", items[0], origin=ImageOrigin.OFFICIAL)
    assert [finding.path for finding in caught.value.findings] == ["binary/pauses:1"]


@pytest.mark.usefixtures("cache")
def test_a_delta_leaves_out_what_the_site_has(tmp_path: Path, server: FileServer) -> None:
    item = binary(server, "pause", b"program")
    whole = built(tmp_path, "whole", item)
    delta = built(tmp_path, "delta", item, elsewhere={f"sha256:{item.sha256}": "slipway/binary/pause"})
    assert delta == whole
    assert (tmp_path / "whole/binary/pause-1").is_file()
    assert not (tmp_path / "delta/binary/pause-1").exists()


@pytest.mark.usefixtures("cache")
def test_files_that_nothing_needs_come_when_they_are_named(tmp_path: Path, server: FileServer) -> None:
    page = server.put("/page-1.2.3.tgz", chart())
    locked = Download(DownloadKind.CHART, "page", "1.2.3", *page, f"{server.url}/index.yaml")
    named = frozenset({(DownloadKind.CHART, "page", "1.2.3")})
    assert "chart/page" not in origins(built(tmp_path, "without", locked))
    assert "chart/page" in origins(built(tmp_path, "with", locked, further=named))
    assert (tmp_path / "with/chart/page-1.2.3.tgz").read_bytes() == chart()
    for origin in ImageOrigin:
        with pytest.raises(BundleError, match="on trust alone"):
            OfficialFiles(origin, further=named).chosen([])


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("item", "told"),
    [
        ("archive", "it is an archive, and a program is wanted"),
        ("lacking", "the archive lacks bin/pause"),
        ("member", "it has no file no/such"),
        ("plain", "it is no archive that could have members"),
        ("chart", "it is the chart other 1.2.3"),
    ],
)
def test_what_hosts_could_not_use_is_said(tmp_path: Path, server: FileServer, item: str, told: str) -> None:
    archive = packed({"pause": b"program"})
    page = server.put("/page-1.2.3.tgz", chart("other"))
    locked = {
        "archive": binary(server, "pause", archive),
        "lacking": binary(server, "pauses", archive),
        "member": binary(server, "pause", archive, "no/such"),
        "plain": binary(server, "pause", b"program", "pause"),
        "chart": Download(DownloadKind.CHART, "page", "1.2.3", *page, f"{server.url}/index.yaml"),
    }
    server.put("/pause", b"program" if item == "plain" else archive)
    further = frozenset({(DownloadKind.CHART, "page", "1.2.3")} if item == "chart" else ())
    with pytest.raises(BundleError, match="cannot be used") as caught:
        built(tmp_path, "bundle", locked[item], further=further)
    assert told in caught.value.why
    assert caught.value.where == locked[item].url
    assert not (tmp_path / "bundle" / manifest.FILE).exists()


def package(server: FileServer, system: str, path: Path, name: str, version: str) -> Download:
    url, sha256 = server.put(f"/pool/a-name-of-their-own{path.suffix}", path.read_bytes())
    return Download(DownloadKind.PACKAGE, name, version, url, sha256, f"{server.url}/Packages", system=system)


def deb(directory: Path, name: str, depends: str = "") -> Path:
    control = directory / name / "DEBIAN" / "control"
    control.parent.mkdir(parents=True)
    needs = f"Depends: {depends}\n" if depends else ""
    control.write_text(
        f"Package: {name}\nVersion: 1.0-1\nArchitecture: all\nMaintainer: a <a@b.c>\n{needs}Description: x\n"
    )
    target = directory / f"{name}.deb"
    subprocess.run(["dpkg-deb", "--build", directory / name, target], check=True, stdout=subprocess.DEVNULL)
    return target


def repository(tmp_path: Path, made: BundleManifest, system: str) -> set[str]:
    """Files of a system's repository."""
    [item] = [item for item in made.artifacts if (item.kind, item.name) == ("packages", system)]
    with tarfile.open(tmp_path / "bundle" / item.path) as archive:
        return {member.name for member in archive if member.isfile()}


@pytest.mark.usefixtures("cache")
def test_packages_join_the_repository_of_their_system(tmp_path: Path, server: FileServer) -> None:
    """Of one that nobody fetches they are all of it; what the site has gathered stays."""
    rpms.build(rpms.Toy("tool"), tmp_path / "rpms")
    [rpm] = (tmp_path / "rpms").glob("**/tool-*.rpm")
    (tmp_path / "gathered").mkdir()
    deb(tmp_path, "other").rename(tmp_path / "gathered" / "other_1.0-1_all.deb")
    items = (
        package(server, "rocky-9", rpm, "tool", "1-1"),
        package(server, "ubuntu-22.04", deb(tmp_path, "tool"), "tool", "1.0-1"),
    )
    made = built(
        tmp_path, "bundle", *items, gathered={"ubuntu-22.04": tmp_path / "gathered"}, systems=("rocky-9",)
    )
    assert {"tool-1-1.x86_64.rpm", "repodata/repomd.xml"} <= repository(tmp_path, made, "rocky-9")
    expected = {"other_1.0-1_all.deb", "tool_1.0-1_amd64.deb", "Packages", "Release"}
    assert repository(tmp_path, made, "ubuntu-22.04") == expected
    found = {item.name: item.origin for item in made.artifacts if item.kind == "packages"}
    assert found == {"rocky-9": items[0].url, "ubuntu-22.04": f"the site, {items[1].url}"}


@pytest.mark.usefixtures("cache")
def test_a_package_comes_with_all_of_debians_that_it_needs(tmp_path: Path, server: FileServer) -> None:
    item = package(server, "debian-12", deb(tmp_path, "tool", "jq"), "tool", "1.0-1")
    made = built(tmp_path, "bundle", item, systems=("debian-12",))
    names = {name.partition("_")[0] for name in repository(tmp_path, made, "debian-12")}
    assert {"tool", "jq", "libjq1", "libc6"} <= names


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("system", "version", "told"),
    [
        ("rocky-9", "1.0-1", "is no package for rocky-9"),
        ("ubuntu-22.04", "2.0-1", "is the package tool_1.0-1"),
        ("beos-5", "1.0-1", "no operating system 'beos-5'"),
    ],
)
def test_packages_that_are_others_are_said(
    tmp_path: Path, server: FileServer, system: str, version: str, told: str
) -> None:
    item = package(server, system, deb(tmp_path, "tool"), "tool", version)
    with pytest.raises(BundleError, match=told):
        built(tmp_path, "bundle", item, systems=(system,))


def test_a_program_is_taken_for_each_platform_for_which_it_is_locked(server: FileServer) -> None:
    named, chart_named = (DownloadKind.BINARY, "pause", "1"), (DownloadKind.CHART, "page", "1.2.3")
    amd = binary(server, "pause", b"program")
    arm = replace(amd, platform=ARM64.name)
    page = replace(amd, kind=DownloadKind.CHART, name="page", version="1.2.3")
    both, all_ = (AMD64, ARM64), Downloads((amd, arm, page))
    assert OfficialFiles(lock=all_).chosen([named]) == [amd]
    assert OfficialFiles(lock=all_, platforms=(ARM64,)).chosen([named, chart_named]) == [arm, page]
    assert OfficialFiles(lock=all_, platforms=both).chosen([named, chart_named]) == [amd, arm, page]
    assert OfficialFiles(lock=Downloads((arm,)), platforms=both).chosen([named]) == [arm]
    with pytest.raises(BundleError, match="on trust alone") as refusal:
        OfficialFiles(ImageOrigin.OFFICIAL, Downloads((arm,)), both).chosen([named])
    assert [finding.problem for finding in refusal.value.findings] == [
        "is unverified: no lock has its sha256 for linux/amd64"
    ]

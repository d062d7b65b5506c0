"""The lock of downloads: what is refused in it, charts that are read at their repositories, and bundles made by it."""

import gzip
import io
import json
import lzma
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.bundle import chartrepo, downloads, manifest, pages
from slipway.bundle.downloading import Ways, bring
from slipway.bundle.downloads import Download, DownloadKind, Downloads
from slipway.bundle.layout import OCI_MANIFEST
from slipway.bundle.official import Named, OfficialFiles
from slipway.bundle.upstream import Upstreams
from slipway.bundle.verify import verify
from slipway.bundle.web import Web
from slipway.errors import BundleError
from slipway.model.bundle import BundleManifest, ImageOrigin
from tests import rpms
from tests.faulty import Faulty
from tests.fileservers import FileServer, file_server
from tests.tiny import tiny_build
from tests.upstreams import DAY, digest_of, upstreams

GOOD = {
    "kind": "binary",
    "name": "tool",
    "version": "v1",
    "url": "https://files.example.org/tool",
    "sha256": "1" * 64,
    "source": "https://files.example.org/tool.sha256",
}


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as running:
        yield running


def ways(web: Web | None = None, others: Upstreams | None = None) -> Ways:
    return Ways(web or Web(accounts={}, pauses=(0.0, 0.01)), others or Upstreams(accounts={}))


def packed(files: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(data.getvalue(), mtime=0)


def chart(name: str = "page", version: str = "1.2.3") -> bytes:
    text = f"apiVersion: v2\nname: {name}\nversion: {version}\n"
    return packed({f"{name}/Chart.yaml": text.encode(), f"{name}/values.yaml": b"a: 1\n"})


def index(server: FileServer, *versions: dict[str, Any], path: str = "/stable/index.yaml") -> None:
    server.put(path, yaml.safe_dump({"apiVersion": "v1", "entries": {"page": list(versions)}}).encode())


@pytest.mark.parametrize(
    ("change", "told", "code"),
    [
        ({"source": None}, "binary/tool:v1: is unverified: there is no source of its sha256", "unverified"),
        ({"source": ""}, "is unverified: there is no source", "unverified"),
        ({"sha256": None}, "is unverified: there is no sha256", "unverified"),
        ({"source": GOOD["url"]}, "is unverified: a file does not vouch for itself", "unverified"),
        ({"source": "somebody said so"}, "binary/tool:v1 source: is 'somebody said so'", "invalid"),
        ({"sha256": "abc"}, "64 hex digits", "invalid"),
        ({"url": "http://files.example.org/tool"}, "https://...", "invalid"),
        ({"url": "https://me:secret@files.example.org/tool"}, "https://...", "invalid"),
        ({"url": "oci://files.example.org/tool:v1"}, "https://...", "invalid"),
        ({"kind": "image"}, "binary, chart, package", "invalid"),
        ({"name": "../tool"}, "a plain name", "invalid"),
        ({"version": "v1/../.."}, "a version", "invalid"),
        ({"platform": "linux/s390x"}, "linux/amd64 or linux/arm64", "invalid"),
        ({"kind": "chart", "member": "x"}, "only of a binary", "invalid"),
        ({"system": "debian-12"}, "of packages alone", "invalid"),
        (
            {"kind": "package", "url": "https://a.b/x.deb"},
            "system: is ''; expected of packages alone: as debian-12",
            "invalid",
        ),
        (
            {"kind": "package", "system": "debian-12", "url": "https://a.b/x.zip"},
            "url: is 'https://a.b/x.zip'; expected a .deb or .rpm",
            "invalid",
        ),
        (
            {"kind": "package", "system": "rocky-9", "url": "https://a.b/x.rpm"},
            "version: is 'v1'; expected VERSION-RELEASE",
            "invalid",
        ),
        ({"sha265": "1"}, "sha265: is not known", "invalid"),
    ],
)
def test_what_nobody_can_vouch_for_or_fetch_is_refused(
    tmp_path: Path, change: dict[str, str | None], told: str, code: str
) -> None:
    entry = {key: value for key, value in (GOOD | change).items() if value is not None}
    (tmp_path / "lock.yaml").write_text(yaml.safe_dump({"format": 1, "files": [GOOD, entry]}))
    with pytest.raises(BundleError, match="are refused") as caught:
        downloads.read(tmp_path / "lock.yaml")
    [finding] = caught.value.findings
    assert told in str(finding)
    assert finding.code == code


def test_an_entry_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lock.yaml").write_text(yaml.safe_dump({"format": 1, "files": [GOOD, GOOD]}))
    with pytest.raises(BundleError, match="are refused") as caught:
        downloads.read(tmp_path / "lock.yaml")
    assert "is there 2 times" in str(caught.value.findings[0])


def test_a_lock_is_a_file_that_people_can_read(tmp_path: Path) -> None:
    entries = [
        Download(DownloadKind.BINARY, **{key: value for key, value in GOOD.items() if key != "kind"}),
        Download(
            DownloadKind.PACKAGE,
            "p",
            "1:2~3",
            "https://a.b/p.deb",
            "2" * 64,
            "https://a.b/",
            system="debian-12",
        ),
    ]
    downloads.write(Downloads().merged(entries), tmp_path / "lock.yaml")
    assert downloads.read(tmp_path / "lock.yaml") == Downloads().merged(entries)
    assert yaml.safe_load((tmp_path / "lock.yaml").read_text())["files"][0] == GOOD
    assert downloads.read(tmp_path / "none.yaml") == Downloads()
    for text, what in (
        ("x", "no lock"),
        ("format: 2\nfiles: []", "another format"),
        ("format: 1", "no lock"),
    ):
        (tmp_path / "bad.yaml").write_text(text)
        with pytest.raises(BundleError, match=what):
            downloads.read(tmp_path / "bad.yaml")


@pytest.mark.parametrize("url", ["charts/page-1.2.3.tgz", "/elsewhere/page-1.2.3.tgz", "absolute"])
@pytest.mark.parametrize("prefix", ["", "sha256:"])
def test_a_chart_is_locked_by_what_its_index_says(
    tmp_path: Path, server: FileServer, url: str, prefix: str
) -> None:
    path = url if url.startswith("/") else "/stable/charts/page-1.2.3.tgz"
    full, sha256 = server.put(path, chart())
    urls = [full if url == "absolute" else url]
    index(
        server,
        {"version": "1.3.0", "urls": ["x.tgz"], "digest": "0" * 64},
        {"version": "1.2.3", "urls": urls, "digest": f"{prefix}{sha256}"},
    )
    [found] = chartrepo.resolve_all(ways(), [f"{server.url}/stable/page:1.2.3"], DAY)
    source = f"{server.url}/stable/index.yaml"
    assert found == Download(DownloadKind.CHART, "page", "1.2.3", full, sha256, source, read=DAY)
    assert bring([found], tmp_path, ways(), lambda _tally: None)[found].read_bytes() == chart()


def test_a_chart_without_a_digest_is_refused(server: FileServer) -> None:
    index(server, {"version": "1.2.3", "urls": ["page.tgz"]})
    with pytest.raises(BundleError, match="on trust alone") as caught:
        chartrepo.resolve(ways(), f"{server.url}/stable/page:1.2.3", DAY)
    [finding] = caught.value.findings
    assert (finding.path, finding.code) == ("chart/page:1.2.3", "unverified")
    assert f"{server.url}/stable/index.yaml" in finding.problem


def test_what_a_repository_does_not_have_is_said(server: FileServer) -> None:
    index(server, {"version": "1.2.3", "urls": ["page.tgz"], "digest": "0" * 64})
    with pytest.raises(BundleError, match=r"has no chart page 9\.9\.9") as caught:
        chartrepo.resolve(ways(), f"{server.url}/stable/page:9.9.9", DAY)
    assert caught.value.why == "it has 1.2.3"
    with pytest.raises(BundleError, match="has no chart paper"):
        chartrepo.resolve(ways(), f"{server.url}/stable/paper:1.2.3", DAY)
    server.put("/broken/index.yaml", b"<html>sign in</html>")
    with pytest.raises(BundleError, match="no index of charts"):
        chartrepo.resolve(ways(), f"{server.url}/broken/page:1.2.3", DAY)
    index(server, {"version": "1.2.3", "urls": ["http://a.example/page.tgz"], "digest": "0" * 64})
    with pytest.raises(BundleError, match="nothing is fetched from"):
        chartrepo.resolve(ways(), f"{server.url}/stable/page:1.2.3", DAY)
    with pytest.raises(BundleError, match="is no chart at a repository"):
        chartrepo.resolve(ways(), "page:1.2.3", DAY)


def test_a_chart_of_a_registry_is_locked_by_its_manifest(tmp_path: Path, upstream: Faulty) -> None:
    data, client = chart(version="1.2.3+7"), upstream.backend.client()
    layer = {"mediaType": chartrepo.CONTENT, "digest": digest_of(data), "size": len(data)}
    config = {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": digest_of(b"{}"), "size": 2}
    text = json.dumps(
        {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer]}
    ).encode()
    for blob in (data, b"{}"):
        client.put_blob("charts/page", digest_of(blob), blob)
    client.put_manifest("charts/page", "1.2.3_7", text, OCI_MANIFEST)
    through = ways(others=upstreams(upstream))
    found = chartrepo.resolve(through, "oci://quay.io/charts/page:1.2.3+7", DAY)
    assert found.sha256 == digest_of(data).removeprefix("sha256:")
    assert found.source == f"{upstream.url}/v2/charts/page/manifests/1.2.3_7"
    assert bring([found], tmp_path, through, lambda _tally: None)[found].read_bytes() == data
    pages.check(through, [found])
    with pytest.raises(BundleError, match="do not stand"):
        pages.check(through, [replace(found, sha256="5" * 64)])
    with pytest.raises(BundleError, match="this is no chart"):
        chartrepo.resolve(through, "oci://quay.io/group/tool:v1", DAY)


def test_a_chart_that_was_published_again_is_found() -> None:
    old = Download(DownloadKind.CHART, "page", "1", "https://a.b/p.tgz", "1" * 64, "https://a.b/index.yaml")
    new = Download(DownloadKind.CHART, "page", "1", "https://a.b/p.tgz", "2" * 64, "https://a.b/index.yaml")
    with pytest.raises(BundleError, match="other contents than before") as caught:
        chartrepo.check_moved(Downloads((old,)), [new], accept=False)
    assert caught.value.findings[0].path == "chart/page:1"
    chartrepo.check_moved(Downloads((old,)), [new], accept=True)
    chartrepo.check_moved(Downloads((old,)), [old], accept=False)


def test_pages_are_read_again_and_have_to_say_the_same(server: FileServer) -> None:
    """Packed or not, in any case of letters; all that is wrong is named at once."""
    url, sha256 = server.put("/tool", b"program")
    pages_of = {
        "/plain": f"{sha256.upper()}  tool\n".encode(),
        "/Packages.gz": gzip.compress(f"SHA256: {sha256}\n".encode()),
        "/Packages.xz": lzma.compress(f"SHA256: {sha256}\n".encode()),
        "/changed": b"0" * 64,
        "/broken.gz": gzip.compress(sha256.encode())[:-9],
    }
    for path, text in pages_of.items():
        server.put(path, text)
    entries = [
        Download(DownloadKind.BINARY, path[1:], "1", url, sha256, f"{server.url}{path}")
        for path in (*pages_of, "/missing")
    ]
    pages.check(ways(), entries[:3])
    with pytest.raises(BundleError, match="do not stand where they were read") as caught:
        pages.check(ways(), entries)
    assert {(finding.path, finding.code) for finding in caught.value.findings} == {
        ("binary/changed:1", "unsaid"),
        ("binary/broken.gz:1", "unread"),
        ("binary/missing:1", "unread"),
    }
    assert len(server.asked("/plain")) == 2


def binary(server: FileServer, name: str, data: bytes, member: str = "") -> Download:
    url, sha256 = server.put(f"/{name}", data)
    return Download(DownloadKind.BINARY, name, "1", url, sha256, f"{server.url}/sums", member=member)


def built(
    tmp_path: Path,
    out: str,
    *items: Download,
    origin: ImageOrigin = ImageOrigin.AUTO,
    further: frozenset[Named] = frozenset(),
    **options: Any,
) -> BundleManifest:
    web = Web(accounts={}, pauses=(0.0, 0.01))
    files = OfficialFiles(origin, Downloads(items), further=further, web=web)
    made = tiny_build(tmp_path, out, files=files, **options)
    assert verify(tmp_path / out) == []
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
        "chart/small": "module small",
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


def test_programs_for_another_platform_are_not_replaced_by_what_is_built_here(server: FileServer) -> None:
    named = (DownloadKind.BINARY, "pause", "1")
    arm = replace(binary(server, "pause", b"program"), platform="linux/arm64")
    with pytest.raises(BundleError, match="on trust alone"):
        OfficialFiles(platform="linux/arm64").chosen([named])
    assert OfficialFiles(lock=Downloads((arm,)), platform="linux/arm64").chosen([named]) == [arm]
    assert OfficialFiles(lock=Downloads((arm,)), platform="all").chosen([named]) == []


def test_the_commands(tmp_path: Path, server: FileServer) -> None:
    """Lock a chart, see that it is the same, see that it was published again, and take it."""
    url, sha256 = server.put("/stable/page-1.2.3.tgz", chart())
    index(server, {"version": "1.2.3", "urls": ["page-1.2.3.tgz"], "digest": sha256})
    command = ["bundle", "lock", "--chart", f"{server.url}/stable/page:1.2.3"]
    assert slipway(*command, cwd=tmp_path).stdout == "downloads.lock.yaml: 1 charts\n"
    assert slipway(*command, cwd=tmp_path).stdout == "downloads.lock.yaml: 1 charts\n"
    [entry] = downloads.read(tmp_path / "downloads.lock.yaml").files
    assert (entry.url, entry.sha256) == (url, sha256)
    check = ["bundle", "lock", "--check"]
    assert "1 digests stand" in slipway(*check, cwd=tmp_path).stdout
    index(server, {"version": "1.2.3", "urls": ["page-1.2.3.tgz"], "digest": "3" * 64})
    assert f"does not say {sha256}" in slipway(*check, cwd=tmp_path, code=7).stderr
    assert "was published again" in slipway(*command, cwd=tmp_path, code=7).stderr
    printed = json.loads(slipway(*command, "--accept", "--output", "json", cwd=tmp_path).stdout)
    assert printed["files"][0]["sha256"] == "3" * 64
    slipway("init", "--hosts", "10.0.0.11", cwd=tmp_path)
    build = ["bundle", "build", "-o", "bundle", "--files", "official"]
    refused = slipway(*build, cwd=tmp_path, code=7).stderr
    assert "binary/kubelet:v1.35.4: is unverified: no lock has its sha256 for linux/amd64" in refused
    assert "binary/python" not in refused
    assert "no such file" in slipway(*build, "--downloads", "other.yaml", cwd=tmp_path, code=2).stderr
    wrong = slipway(*build, "--download", "chart/page", cwd=tmp_path, code=2).stderr
    assert "chart/NAME:VERSION" in wrong


def slipway(*arguments: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("slipway")
    environment = os.environ | {"HOME": str(cwd)}
    done = subprocess.run(
        [program, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    return done

"""Programs locked by what their publishers serve beside them: read by the tool, from loopback, with the real client."""

import hashlib
import json
from pathlib import Path

import pytest

from slipway.bundle.locks import downloads, published
from slipway.bundle.locks.downloads import Download, DownloadKind
from slipway.bundle.locks.published import NamedProgram, Servers, sha256_on
from slipway.bundle.make.official import OfficialFiles, programs_published
from slipway.bundle.registry.upstream import Upstreams
from slipway.bundle.registry.web import Web
from slipway.catalog import versions
from slipway.catalog.pins import Publisher
from slipway.errors import BundleError
from slipway.model.bundle import ImageOrigin
from slipway.model.platforms import AMD64, ARM64
from tests.contract.bundle.test_downloads_lock import slipway
from tests.fileservers import FileServer
from tests.upstreams import DAY

KUBERNETES = "v1.35.4"
PUBLISHER = Publisher(
    names=("tool",),
    url="https://get.example.org/tool-{version}-linux-{architecture}.tar.gz",
    checksums="https://get.example.org/{number}/SHA256SUMS",
    member="linux-{architecture}/{name}",
)
HEX, OTHER = "a" * 64, "b" * 64
FILE = "tool-v1-linux-amd64.tar.gz"


def web() -> Web:
    return Web(accounts={}, pauses=(0.0, 0.01))


@pytest.mark.parametrize(
    ("page", "found"),
    [
        (HEX, HEX),
        (f"{HEX.upper()}\n", HEX),
        (f"{HEX}  {FILE}\n", HEX),
        (f"{HEX} *{FILE}\n", HEX),
        (f"{HEX}  ./out/{FILE}\0", HEX),
        (f"{OTHER}  tool-v1-linux-arm64.tar.gz\r\n{HEX}  {FILE}\r\n", HEX),
        (f"{OTHER}\n{HEX}  {FILE}\n", HEX),
        (f"{OTHER}  {FILE}.sig\n", ""),
        (f"{OTHER}  tool-v2-linux-amd64.tar.gz\n", ""),
        (f"{HEX}\n{OTHER}\n", ""),
        (f"{HEX}  {FILE}\n{OTHER}  {FILE}\n", ""),
        (f"<html>{HEX}</html>", ""),
        (f"{HEX}{HEX}", ""),
        ("", ""),
    ],
)
def test_a_page_says_the_sha256_of_one_file_or_nothing(page: str, found: str) -> None:
    assert sha256_on(page.encode(), FILE) == found


def test_a_program_is_locked_by_its_publishers_page(server: FileServer) -> None:
    """At the mirror that stands for the longest beginning of its URL, for each platform."""
    urls = {}
    for platform in (AMD64, ARM64):
        name = f"/m/tool-v1-linux-{platform.architecture}.tar.gz"
        urls[platform] = server.put(name, platform.name.encode())
    lines = [f"{sha256}  {url.rpartition('/')[2]}\n" for url, sha256 in urls.values()]
    server.put("/m/1/SHA256SUMS", "".join(lines).encode())
    mirrors = {"https://get.example.org": f"{server.url}/m/", "https://get.example": "https://no.example"}
    wanted = [NamedProgram("tool", "v1", platform, PUBLISHER) for platform in (AMD64, ARM64)]
    assert published.resolve_all(Servers(web(), mirrors), wanted, DAY) == [
        Download(
            DownloadKind.BINARY,
            "tool",
            "v1",
            *urls[platform],
            f"{server.url}/m/1/SHA256SUMS",
            platform=platform.name,
            member=f"linux-{platform.architecture}/tool",
            read=DAY,
        )
        for platform in (AMD64, ARM64)
    ]
    assert Servers(web(), {}).url("https://get.example.org/x") == "https://get.example.org/x"


def test_all_that_no_page_says_is_named(server: FileServer) -> None:
    server.put("/1/SHA256SUMS", f"{HEX}  other\n".encode())
    mirrors = {"https://get.example.org": server.url}
    wanted = [NamedProgram("tool", version, AMD64, PUBLISHER) for version in ("v1", "v2")]
    with pytest.raises(BundleError, match="on trust alone") as refusal:
        published.resolve_all(Servers(web(), mirrors), wanted, DAY)
    first, second = refusal.value.findings
    assert (first.path, first.code) == ("binary/tool:v1", "unverified")
    assert first.problem == f"is unverified: {server.url}/1/SHA256SUMS has no sha256 of it"
    assert (second.path, second.code) == ("binary/tool:v2", "unread")
    assert f"{server.url}/2/SHA256SUMS cannot be read: the server does not have it" in second.problem


def test_every_program_that_is_published_has_a_publisher() -> None:
    pins = versions.load()
    for binary in pins.binaries:
        assert bool(pins.publisher(binary.name)) is binary.published, binary.name


def test_the_commands(tmp_path: Path, server: FileServer) -> None:
    """Kubernetes' .sha256 files and the others', as each of them looks; then what is fetched is what they said."""
    options, wanted = publish(server)
    slipway("init", "--hosts", "10.0.0.11", cwd=tmp_path)
    command = ["bundle", "lock", "--programs", *options]
    told = slipway(*command, cwd=tmp_path).stdout
    assert told == (
        f"downloads.lock.yaml: {len(wanted)} programs, by the checksums that their publishers serve\n"
    )
    lock = downloads.read(tmp_path / "downloads.lock.yaml")
    kubelet = lock.find("binary", "kubelet", KUBERNETES, AMD64.name)
    assert kubelet
    assert kubelet.source == f"{server.url}/dl.k8s.io/release/{KUBERNETES}/bin/linux/amd64/kubelet.sha256"
    assert kubelet.sha256 == hashlib.sha256(server.files[kubelet.url.removeprefix(server.url)]).hexdigest()
    helm = next(item for item in lock.files if item.name == "helm")
    assert helm.member == "linux-amd64/helm"
    assert f"{len(wanted)} digests stand" in slipway("bundle", "lock", "--check", cwd=tmp_path).stdout
    again = json.loads(slipway(*command, "-o", "json", cwd=tmp_path).stdout)
    assert {item["name"] for item in again["files"]} == {program.name for program in wanted}

    named = [(DownloadKind.BINARY, program.name, program.version) for program in wanted]
    files = OfficialFiles(ImageOrigin.OFFICIAL, lock, web=web(), upstreams=Upstreams(accounts={}))
    assert len(files.bring(named, (), tmp_path / "cache").paths) == len(wanted)

    place = kubelet.url.removeprefix(server.url)
    server.put(place, b"another kubelet")
    with pytest.raises(BundleError, match="it has other contents") as refusal:
        files.bring(named, (), tmp_path / "other")
    assert refusal.value.where == kubelet.url
    assert f"expected sha256:{kubelet.sha256}, as {kubelet.source} says" in refusal.value.why
    server.put(f"{place}.sha256", hashlib.sha256(b"another kubelet").hexdigest().encode())
    assert "was published again with other contents" in slipway(*command, cwd=tmp_path, code=7).stderr
    assert downloads.read(tmp_path / "downloads.lock.yaml") == lock
    slipway(*command, "--accept", cwd=tmp_path)
    del server.files[f"{place}.sha256"]
    refused = slipway(*command, cwd=tmp_path, code=7).stderr
    assert f"binary/kubelet:{KUBERNETES}: {kubelet.source} cannot be read" in refused
    assert "URL=URL" in slipway(*command, "--mirror", "dl.k8s.io", cwd=tmp_path, code=2).stderr


def publish(server: FileServer) -> tuple[list[str], list[NamedProgram]]:
    """Serve programs of a release as their publishers do, below their hosts' names; options that lead there."""
    wanted = programs_published(versions.load(), (KUBERNETES,), (AMD64,))
    hosts = set()
    for program in wanted:
        place = program.publisher.place(program.name, program.version, AMD64)
        path = place.url.removeprefix("https:/")
        hosts.add(path.split("/")[1])
        _, sha256 = server.put(path, f"{program.name} {program.version}".encode())
        page = place.checksums.removeprefix("https:/")
        line = sha256 if page == f"{path}.sha256" else f"{sha256}  {path.rpartition('/')[2]}\n"
        server.put(page, line.encode())
    return [
        part for host in sorted(hosts) for part in ("--mirror", f"https://{host}={server.url}/{host}")
    ], wanted

"""What `bundle lock` writes of charts, as it reads them at their repositories, and whether pages still say so."""

import gzip
import json
import lzma
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.bundle.form.layout import OCI_MANIFEST
from slipway.bundle.locks import chartrepo, downloads, pages
from slipway.bundle.locks.downloading import Ways, fetched_places
from slipway.bundle.locks.downloads import Download, DownloadKind, Downloads
from slipway.bundle.registry.upstream import Upstreams
from slipway.bundle.registry.web import Web
from slipway.errors import BundleError
from tests.faulty import Faulty
from tests.fileservers import FileServer, chart
from tests.upstreams import DAY, digest_of, upstreams


def ways(web: Web | None = None, others: Upstreams | None = None) -> Ways:
    return Ways(web or Web(accounts={}, pauses=(0.0, 0.01)), others or Upstreams(accounts={}))


def index(server: FileServer, *versions: dict[str, Any], path: str = "/stable/index.yaml") -> None:
    server.put(path, yaml.safe_dump({"apiVersion": "v1", "entries": {"page": list(versions)}}).encode())


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
    assert fetched_places([found], tmp_path, ways(), lambda _tally: None)[found].read_bytes() == chart()


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
    assert fetched_places([found], tmp_path, through, lambda _tally: None)[found].read_bytes() == data
    pages.check(through, [found])
    with pytest.raises(BundleError, match="do not stand"):
        pages.check(through, [replace(found, sha256="5" * 64)])
    with pytest.raises(BundleError, match="this is no chart"):
        chartrepo.resolve(through, "oci://quay.io/group/tool:v1", DAY)


def test_a_chart_that_was_published_again_is_found() -> None:
    old = Download(DownloadKind.CHART, "page", "1", "https://a.b/p.tgz", "1" * 64, "https://a.b/index.yaml")
    new = Download(DownloadKind.CHART, "page", "1", "https://a.b/p.tgz", "2" * 64, "https://a.b/index.yaml")
    with pytest.raises(BundleError, match="other contents than before") as caught:
        downloads.check_moved(Downloads((old,)), [new], accept=False)
    assert caught.value.findings[0].path == "chart/page:1"
    downloads.check_moved(Downloads((old,)), [new], accept=True)
    downloads.check_moved(Downloads((old,)), [old], accept=False)


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

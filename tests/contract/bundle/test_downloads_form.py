"""The lock of downloads as a file: what is refused in it, and what is read back as it was written."""

from pathlib import Path

import pytest
import yaml

from slipway.bundle.locks import downloads
from slipway.bundle.locks.downloads import Download, DownloadKind, Downloads
from slipway.errors import BundleError

GOOD = {
    "kind": "binary",
    "name": "tool",
    "version": "v1",
    "url": "https://files.example.org/tool",
    "sha256": "1" * 64,
    "source": "https://files.example.org/tool.sha256",
}


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
        ({"module": "page"}, "only of a chart", "invalid"),
        ({"kind": "chart", "module": "a.page"}, "a module's name", "invalid"),
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

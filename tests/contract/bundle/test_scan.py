"""`bundle scan`: the real scanner, over bundles that are really built, with databases of our own records."""

import json
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from slipway.bundle.form.writer import Writer
from slipway.bundle.make.bom import write_documents
from slipway.bundle.sbom.parts import Component, Item, PartKind
from slipway.bundle.scan.databases import databases_at
from slipway.bundle.scan.scanner import Match, isolation, scanner_answer
from slipway.catalog import versions
from slipway.errors import BundleError
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest
from tests import osv
from tests.binaries import binary
from tests.osv import CRITICAL, HIGH, LOW, record
from tests.tiny import PINS, tiny_build

DIGEST = "ab" * 32
SLIPWAY = Path(sys.executable).with_name("slipway")
#: A module of the scanner, which is in the bundle that it scans; one with capitals, which package URLs lose.
MODULE, CAPITAL = "google.golang.org/protobuf", "github.com/Masterminds/semver/v3"
RECORDS: dict[str, list[dict[str, Any]]] = {
    "Debian": [
        record("DEBIAN-CVE-2026-1", "Debian:12", "victim", "1.0-3", upstream=["CVE-2026-1"], severity=HIGH),
        record("DEBIAN-CVE-2026-2", "Debian:13", "victim", "9"),
    ],
    "Go": [
        record("GO-2026-1", "Go", MODULE, "99.0.0", aliases=["CVE-2026-3", "GHSA-x"]),
        record("GHSA-x", "Go", MODULE, "98.0.0", aliases=["CVE-2026-3"], severity=CRITICAL, summary="bad"),
        record("GO-2026-2", "Go", MODULE, "0.0.1"),
        record("GO-2026-3", "Go", "stdlib", "99.0.0", summary="a\x1b[31m thing"),
    ],
    "PyPI": [record("PYSEC-1", "PyPI", "jinja2", "3.2", severity=LOW)],
}


def deb(directory: Path) -> None:
    """A package whose source has another name and version."""
    control = directory.parent / "root" / "DEBIAN" / "control"
    control.parent.mkdir(parents=True)
    control.write_text(
        "Package: libvictim1\nSource: victim (1.0-2)\nVersion: 1.0-2+b1\nArchitecture: amd64\n"
        "Maintainer: x <x@example.org>\nDescription: x\n"
    )
    directory.mkdir()
    path = directory / "libvictim1_1.0-2+b1_amd64.deb"
    subprocess.run(["dpkg-deb", "-b", control.parents[1], path], check=True, capture_output=True)


def pins() -> dict[str, Any]:
    """The small catalog, with the scanner as it is shipped."""
    shipped = versions.load()
    pinned = next(item for item in shipped.binaries if item.name == "scanner")
    return PINS | {
        "go": shipped.go.model_dump(),
        "sources": [*PINS["sources"], shipped.source("scanner").model_dump()],
        "binaries": [*PINS["binaries"], pinned.model_dump()],
    }


def built(tmp_path: Path, **options: Any) -> BundleManifest:
    deb(tmp_path / "debs")
    return tiny_build(tmp_path, "out", known=pins(), gathered={"debian-12": tmp_path / "debs"}, **options)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that has databases, the scanner, a Debian package and Go programs."""
    root = tmp_path_factory.mktemp("scan")
    built(root, vulnerabilities=osv.database(root / "osv", **RECORDS))
    return root / "out"


def said(*words: object) -> "subprocess.CompletedProcess[str]":
    argv = [str(word) for word in (SLIPWAY, "bundle", "scan", *words)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def told(*words: object) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(said(*words, "-o", "json").stdout)
    return answer


def scanned(tmp_path: Path, *parts: Component, **records: list[dict[str, Any]]) -> list[Match]:
    """What the scanner finds for one item of these parts."""
    item = Item(Artifact(ArtifactKind.IMAGE, "x.test/y", "1", f"sha256:{DIGEST}", 5), parts)
    written = list(write_documents("small", [item], Writer(tmp_path)))
    document = next(tmp_path / one.path for one in written if one.name == "cyclonedx")
    places = {one.ecosystem: one.path for one in databases_at(osv.database(tmp_path / "osv", **records))}
    answer = scanner_answer(binary("scanner"), document, places, before=isolation(), progress=print)
    return sorted(answer.matches, key=lambda match: match.id)


def test_every_kind_of_package_is_compared_by_the_name_that_records_have(tmp_path: Path) -> None:
    parts = (
        Component(PartKind.DEBIAN, "libc6", "2.36-9+deb12u10", "amd64", distro="debian-12", source="glibc"),
        Component(PartKind.DEBIAN, "libx", "2:1-1+b2", distro="debian-13", source="x@2:1-1"),
        Component(PartKind.DEBIAN, "bash", "5.1-6ubuntu1", distro="ubuntu-22.04"),
        Component(PartKind.GO, CAPITAL, "v3.4.0"),
        Component(PartKind.GO, "stdlib", "1.26.6"),
        Component(PartKind.NPM, "@iron/hinge", "1.2.3"),
        Component(PartKind.PYTHON, "Jinja2", "3.1.6"),
        Component(PartKind.RPM, "bash", "5.1.8-9.el9", distro="rocky-9"),
    )
    found = scanned(
        tmp_path,
        *parts,
        Debian=[
            record("A", "Debian:12", "glibc", "2.36-9+deb12u11"),
            record("other-release", "Debian:13", "glibc", "99"),
            record("mended", "Debian:12", "glibc", "2.36-9+deb12u10"),
            record("binary-name", "Debian:12", "libc6", "99"),
            record("B", "Debian:13", "x", "2:1-2"),
            record("rebuilt", "Debian:13", "x", "2:1-1"),
        ],
        Ubuntu=[
            record("C", "Ubuntu:22.04:LTS", "bash", "5.1-6ubuntu2"),
            record("other-ubuntu", "Ubuntu:24.04:LTS", "bash", "99"),
        ],
        Go=[
            record("D", "Go", CAPITAL, "3.5.0"),
            record("E", "Go", "stdlib", "1.26.7"),
            record("older", "Go", "stdlib", "1.26.6"),
        ],
        PyPI=[record("F", "PyPI", "jinja2", "3.2")],
        npm=[record("G", "npm", "@iron/hinge", "1.3.0"), record("other", "npm", "hinge", "9.0.0")],
    )
    assert [(match.id, match.fixed) for match in found] == [
        ("A", "2.36-9+deb12u11"),
        ("B", "2:1-2"),
        ("C", "5.1-6ubuntu2"),
        ("D", "3.5.0"),
        ("E", "1.26.7"),
        ("F", "3.2"),
        ("G", "1.3.0"),
    ]
    assert {match.purl for match in found} == {part.purl for part in parts[:-1]}


def test_it_has_no_network() -> None:
    """Not even this machine's own, where the kernel lets this user say so."""
    way = isolation()
    assert way
    devices = subprocess.run(
        [*way, "cat", "/proc/net/dev"], capture_output=True, text=True, check=True
    ).stdout
    assert [line.split(":")[0].strip() for line in devices.splitlines()[2:]] == ["lo"]


def test_what_is_known_of_a_bundle(bundle: Path) -> None:
    text = said(bundle)
    assert text.returncode == 0
    rows = [line.split() for line in text.stdout.splitlines() if line.startswith(("CVE", "GO-"))]
    assert [row[:3] for row in rows] == [
        ["CVE-2026-3", "critical", MODULE],
        ["CVE-2026-1", "high", "victim"],
        ["GO-2026-3", "unknown", "stdlib"],
    ]
    assert rows[1][3:5] == ["1.0-2", "1.0-3"]
    assert rows[1][5].startswith("packages/debian-12:")
    assert "3 vulnerabilities: 1 critical, 1 high, 1 unknown" in text.stdout
    assert "Debian: 1 packages compared with 2 records, the newest of 2026-11-20" in text.stdout
    assert "Go: " in text.stderr  # how far it is
    report = told(bundle)["report"]
    assert report["isolated"] is True
    one = report["found"][0]
    assert one["ids"] == ["CVE-2026-3", "GHSA-x", "GO-2026-1"]
    assert (one["score"], one["rating"], one["fixed"], one["summary"]) == (9.8, "critical", "98.0.0", "bad")
    assert one["where"] == [f"binary/scanner:{versions.load().source('scanner').version}"]
    assert report["found"][1]["parts"] == ["libvictim1"]


def test_it_ends_with_4_where_something_is_that_bad(bundle: Path, tmp_path: Path) -> None:
    codes = {
        rating: said(bundle, "--fail-on", rating).returncode
        for rating in ("critical", "high", "low", "unknown")
    }
    assert set(codes.values()) == {4}
    mild = osv.database(
        tmp_path / "osv", Debian=[record("A", "Debian:12", "victim")], Go=[record("B", "Go", "x")]
    )
    assert said(bundle, "--database", mild, "--fail-on", "low").returncode == 0
    assert said(bundle, "--database", mild, "--fail-on", "unknown").returncode == 4
    none = osv.database(tmp_path / "none", Debian=[record("A", "Debian:12", "x")])
    answer = told(bundle, "--database", none, "--fail-on", "unknown")
    assert (answer["ok"], answer["report"]["found"]) == (True, [])
    (uncovered,) = [line for line in answer["warnings"] if "golang" in line]
    assert "compared with nothing" in uncovered


def test_what_is_passed_over_has_a_reason_and_a_day(bundle: Path, tmp_path: Path) -> None:
    today, file = date.today(), tmp_path / "ignore.yaml"
    later, gone = today + timedelta(days=30), today - timedelta(days=2)
    file.write_text(
        "format: 1\nignore:\n"
        f"- {{id: GHSA-x, reason: nobody reaches it, until: {later}}}\n"
        f"- {{id: CVE-2026-1, reason: for a while, until: {gone}}}\n"
        f"- {{id: GO-2026-3, package: other, reason: of another, until: {later}}}\n"
    )
    answer = told(bundle, "--ignore", file, "--fail-on", "high")
    report = answer["report"]
    assert [one["id"] for one in report["found"]] == ["CVE-2026-1", "GO-2026-3"]
    assert [item["exemption"]["reason"] for item in report["exempted"]] == ["nobody reaches it"]
    assert ([one["id"] for one in report["expired"]], [one["id"] for one in report["unused"]]) == (
        ["CVE-2026-1"],
        ["GO-2026-3"],
    )
    assert answer["ok"] is False
    assert said(bundle, "--ignore", file, "--fail-on", "critical").returncode == 0
    for wrong in (
        "format: 1\nignore: [{id: CVE-2026-1, until: 2099-01-01}]",
        "format: 1\nignore: [{id: CVE-2026-1, reason: ' ', until: 2099-01-01}]",
        "format: 1\nignore: [{id: CVE-2026-1, reason: x}]",
        "format: 1\nignore: [{id: CVE-2026-1, reason: x, until: for ever}]",
        "- [",
    ):
        file.write_text(wrong)
        assert said(bundle, "--ignore", file).returncode == 3


def test_how_far_it_saw_is_told(bundle: Path, tmp_path: Path) -> None:
    old = record("A", "Debian:12", "x", modified="2020-01-01T00:00:00Z")
    newer_form = record("B", "Go", "x", modified="2020-01-01T00:00:00Z", severity="a form of tomorrow")
    warnings = told(bundle, "--database", osv.database(tmp_path, Debian=[old], Go=[newer_form]))["warnings"]
    text = "\n".join(warnings)
    assert "the database of Debian is" in text
    assert "Go: 1 records were not understood" in text
    assert "nothing is known: binary/pause:1, " in text


def test_without_a_database_it_says_how_to_get_one(tmp_path: Path) -> None:
    manifest = built(tmp_path)
    assert not [
        a for a in manifest.artifacts if a.name == "scanner" or a.kind is ArtifactKind.VULNERABILITIES
    ]
    done = said(tmp_path / "out")
    assert done.returncode == 7
    assert "has no database of vulnerabilities" in done.stderr
    assert "--vulnerability-database" in done.stderr
    given = said(tmp_path / "out", "--database", osv.database(tmp_path / "osv", **RECORDS))
    assert (given.returncode, "has no scanner for this machine" in given.stderr) == (7, True)


@pytest.mark.parametrize("fault", ["no zip", "no record", "nothing", "two", "empty"])
def test_what_is_no_database_is_refused_at_the_build(tmp_path: Path, fault: str) -> None:
    place = osv.database(tmp_path / "osv", Debian=RECORDS["Debian"])
    if fault == "no zip":
        (place / "Debian/all.zip").write_text("x")
    elif fault == "no record":
        osv.database(place, Debian=[{"id": "x"}])
    elif fault == "nothing":
        (place / "Debian/all.zip").rename(place / "Debian/other.zip")
    elif fault == "two":
        (place / "Debian.zip").write_bytes((place / "Debian/all.zip").read_bytes())
    else:
        osv.database(place, Debian=[])
    with pytest.raises(BundleError):
        databases_at(place)

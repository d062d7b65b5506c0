"""A bundle's scanner and the records that it reads are others' words: neither does more than it is run and read for."""

from pathlib import Path

import pytest

from slipway.bundle.scan import scanner
from slipway.bundle.scan.databases import Ecosystem
from slipway.errors import BundleError
from slipway.model.bundle import ArtifactKind
from tests import osv
from tests.contract.bundle.test_scan import RECORDS, built, said
from tests.osv import record


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def answer(tmp_path: Path, text: str) -> scanner.ScannerAnswer:
    document = tmp_path / "bom.json"
    document.write_text("{}")
    files = {Ecosystem.GO: document}
    return scanner.scanner_answer(
        program(tmp_path / "scanner", text), document, files, before=(), progress=print
    )


def test_a_swapped_scanner_or_database_is_not_used(tmp_path: Path) -> None:
    manifest = built(tmp_path, vulnerabilities=osv.database(tmp_path / "osv", **RECORDS))
    mark = tmp_path / "was-run"
    carried = next(a for a in manifest.artifacts if a.name == scanner.SCANNER)
    own = (tmp_path / "out" / carried.path).read_bytes()
    program(tmp_path / "out" / carried.path, f"touch {mark}")
    assert said(tmp_path / "out").returncode == 7
    assert not mark.exists()
    (tmp_path / "out" / carried.path).write_bytes(own)
    assert said(tmp_path / "out").returncode == 0
    emptied = next(a for a in manifest.artifacts if a.kind is ArtifactKind.VULNERABILITIES)
    osv.database(tmp_path / "other", Debian=[record("A", "Debian:12", "x")])
    (tmp_path / "out" / emptied.path).write_bytes((tmp_path / "other/Debian/all.zip").read_bytes())
    assert said(tmp_path / "out").returncode == 7


def test_a_record_steers_no_terminal_and_makes_no_rows(tmp_path: Path) -> None:
    name = "GO-2026-1\nCVE-2000-1   critical   nothing\x1b]0;x\x07"
    built(
        tmp_path,
        vulnerabilities=osv.database(tmp_path / "osv", Go=[record("x", "Go", "stdlib") | {"id": name}]),
    )
    text = said(tmp_path / "out")
    assert text.returncode == 0
    assert "\x1b" not in text.stdout + text.stderr
    assert not [line for line in text.stdout.splitlines() if line.startswith("CVE-2000-1")]


def test_it_gets_nothing_of_the_users_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_USER", "x")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    kept = tmp_path / "kept"
    answer(tmp_path, f'env > {kept}; echo x > $HOME/y; echo \'{{"ecosystems": [], "matches": []}}\'')
    names = {line.partition("=")[0] for line in kept.read_text().splitlines()}
    assert names <= {"HOME", "LANG", "PATH", "PWD", "TMPDIR", "XDG_CACHE_HOME", "OLDPWD", "SHLVL", "_"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bom.json", "kept", "scanner"]


def test_words_and_time_have_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner, "WORDS", 1 << 16)
    with pytest.raises(BundleError):
        answer(tmp_path, "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxx; done")
    monkeypatch.setattr(scanner, "PATIENCE", 0.5)
    with pytest.raises(BundleError, match="no end"):
        answer(tmp_path, "exec sleep 600")


@pytest.mark.parametrize(
    "text",
    ["exit 3", "echo []", "echo", "kill -9 $$", 'echo \'{"ecosystems": [], "matches": [{"purl": 1}]}\''],
)
def test_an_answer_that_is_none_is_no_clean_bill(tmp_path: Path, text: str) -> None:
    with pytest.raises(BundleError):
        answer(tmp_path, text)

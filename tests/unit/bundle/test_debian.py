"""Paths of packages on a merged /usr, and the machine's own mirrors."""

from pathlib import Path

import pytest

from slipway.bundle.make.apt import ARCHIVE, SECURITY, machine_mirrors
from slipway.bundle.make.sources.debian import resolved_path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("./", ""),
        ("./bin/sh", "usr/bin/sh"),
        ("./lib64/ld-linux-x86-64.so.2", "usr/lib64/ld-linux-x86-64.so.2"),
        ("./lib", "usr/lib"),
        ("./usr/bin/python3", "usr/bin/python3"),
        ("./etc/.pwd.lock", "etc/.pwd.lock"),
    ],
)
def test_merged(name: str, expected: str) -> None:
    assert resolved_path(name) == expected


def test_mirrors_of_both_formats(tmp_path: Path) -> None:
    assert machine_mirrors(tmp_path) == (ARCHIVE, SECURITY)
    (tmp_path / "sources.list").write_text("deb https://mirror.test/debian/ bookworm main\n")
    assert machine_mirrors(tmp_path) == ("https://mirror.test/debian", SECURITY)
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "debian.sources").write_text(
        "Types: deb\nURIs: https://mirror.test/debian-security\nSuites: bookworm-security\n"
    )
    assert machine_mirrors(tmp_path) == ("https://mirror.test/debian", "https://mirror.test/debian-security")

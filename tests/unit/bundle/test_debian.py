"""Paths of packages on a merged /usr, and the machine's own mirrors."""

import subprocess
from pathlib import Path

import pytest

from slipway.bundle.make.apt import ARCHIVE, SECURITY, machine_mirrors
from slipway.bundle.make.sources.debian import resolved_path, unpack


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


def test_directories_that_a_package_has_as_links_are_those_of_usr(tmp_path: Path) -> None:
    """As base-files of Debian 13 has them: what is below either name is at one place."""
    root = tmp_path / "root"
    (root / "DEBIAN").mkdir(parents=True)
    said = "Package: files\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n"
    (root / "DEBIAN" / "control").write_text(said)
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/true").touch()
    (root / "bin").symlink_to("usr/bin")
    subprocess.run(["dpkg-deb", "-b", root, tmp_path / "files.deb"], check=True, capture_output=True)
    unpack(tmp_path / "files.deb", tmp_path / "tree", (), ())
    assert (tmp_path / "tree/usr/bin").is_dir()
    assert not (tmp_path / "tree/usr/bin").is_symlink()
    assert (tmp_path / "tree/usr/bin/true").is_file()


def test_mirrors_of_both_formats(tmp_path: Path) -> None:
    assert machine_mirrors(tmp_path) == (ARCHIVE, SECURITY)
    (tmp_path / "sources.list").write_text("deb https://mirror.test/debian/ bookworm main\n")
    assert machine_mirrors(tmp_path) == ("https://mirror.test/debian", SECURITY)
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "debian.sources").write_text(
        "Types: deb\nURIs: https://mirror.test/debian-security\nSuites: bookworm-security\n"
    )
    assert machine_mirrors(tmp_path) == ("https://mirror.test/debian", "https://mirror.test/debian-security")

"""Directories on a real node: made, a second time, in check mode, kept where they hold something, unset, reset.

The tests of this file build on each other, in the order written.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from slipway.model.host.ssh import SSH
from slipway.runner import connection_variables
from tests.bare import Site, bare_site

NODE = "node-1"
HOME, DEEP, THERE = "/projects/home", "/projects/k8s/kubeflow/pipeline", "/mnt/ceph_fuse"
WANTED = [
    {"path": DEEP, "mode": "0777"},
    {"path": HOME, "mode": "0711", "owner": "nobody", "group": "1000"},
    {"path": THERE, "mode": "1777"},
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with bare_site(tmp_path_factory.mktemp("dirs"), "kubdirs", "10.186.1.0/24", ["debian-12"]) as found:
        found.sh(NODE, f"mkdir -m 750 {THERE}; echo theirs >{THERE}/file; chmod 600 {THERE}/file")
        found.sh(NODE, f"chown 1234:1234 {THERE} {THERE}/file")
        yield found


def play(site: Site, wanted: list[dict[str, Any]], *, check: bool = False) -> int:
    result = site.play("node_directories", check=check, directories=wanted)
    return site.changed(result)[NODE]


def stat(site: Site, *paths: str) -> list[str]:
    return site.sh(NODE, f"stat -c '%n %a %U %u:%g' {' '.join(paths)} 2>/dev/null").splitlines()


def test_check_mode_predicts_and_changes_nothing(site: Site) -> None:
    assert play(site, WANTED, check=True) == 1
    assert stat(site, "/projects", THERE) == [f"{THERE} 750 UNKNOWN 1234:1234"]
    assert site.sh(NODE, "ls /var/lib/slipway/directories.json 2>/dev/null") == ""


def test_they_are_made_and_what_is_in_them_is_left_alone(site: Site) -> None:
    assert play(site, WANTED) == 1
    nobody = site.sh(NODE, "id -u nobody").strip()
    assert stat(site, "/projects", HOME, "/projects/k8s", DEEP, THERE, f"{THERE}/file") == [
        "/projects 755 root 0:0",
        f"{HOME} 711 nobody {nobody}:1000",
        "/projects/k8s 755 root 0:0",
        f"{DEEP} 777 root 0:0",
        f"{THERE} 1777 UNKNOWN 1234:1234",
        f"{THERE}/file 600 UNKNOWN 1234:1234",
    ]


@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
def test_second_run_changes_nothing(site: Site, check: bool) -> None:
    assert play(site, WANTED, check=check) == 0


def test_an_unknown_owner_and_a_file_in_the_way_are_named(site: Site) -> None:
    site.sh(NODE, "touch /srv/file")
    for wanted, words in (
        ({"path": "/srv/one", "owner": "nobody-here"}, "no user or group 'nobody-here'"),
        ({"path": "/srv/file"}, "/srv/file is there and is no directory"),
    ):
        with pytest.raises(AssertionError, match=words):
            play(site, [*WANTED, wanted])
    assert play(site, WANTED) == 0


def test_what_holds_something_and_what_was_there_stay(site: Site) -> None:
    site.sh(NODE, f"echo data >{HOME}/alice")
    for check, changed in ((True, 1), (False, 1), (True, 0), (False, 0)):
        assert play(site, [], check=check) == changed
    assert site.sh(NODE, "find /projects | sort").split() == ["/projects", HOME, f"{HOME}/alice"]
    assert stat(site, THERE) == [f"{THERE} 1777 UNKNOWN 1234:1234"]


def test_reset_takes_empty_ones_of_ours_only(site: Site) -> None:
    play(site, [{"path": "/srv/a/b"}, {"path": HOME}])
    hosts = {node.name: connection_variables(SSH(), node.address) for node in site.lab.nodes}
    site.run("reset.yml", hosts)
    assert site.sh(NODE, "find /projects /srv -mindepth 1 | sort").split() == [
        HOME,
        f"{HOME}/alice",
        "/srv/file",
    ]
    assert site.changed(site.run("reset.yml", hosts)) == {NODE: 0}

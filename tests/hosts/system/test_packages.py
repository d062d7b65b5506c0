"""Packages of other systems: a real dnf with toys as rocky-9, and Debian's own packages as ubuntu-22.04.

The nodes run Debian, with dnf from Debian; what system they are is told to the roles. The tests of this file build on
each other, in the order written.
"""

import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.bundle.form.writer import Writer
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.packages import build_repository, gathered_repository
from slipway.catalog import versions
from slipway.errors import BundleError
from slipway.model.bundle import Artifact, ArtifactKind
from slipway.model.host.ssh import SSH
from slipway.runner import RunnerResult, connection_variables
from tests.bare import Site, artifact, bare_site
from tests.rpms import CHRONY, Toy, build

TABLE = versions.load().packages
ROCKY, UBUNTU = "node-1", "node-2"
SYSTEMS = {ROCKY: ("rocky", "9.4"), UBUNTU: ("ubuntu", "22.04")}
BASE = ("conntrack-tools", "curl", "ethtool", "ipset", "keepalived", "kmod", "nftables", "runc", "socat")
#: Stands for another: EL 9 has both under one roof.
IPTABLES = Toy("iptables-nft", provides=("iptables", "ebtables"))
BROKEN = Toy("half-there", requires=("nowhere-to-be-found",))


def toys(directory: Path) -> Path:
    for toy in (*map(Toy, BASE), IPTABLES, CHRONY, BROKEN):
        build(toy, directory)
    return directory


def debs(directory: Path, workshop: Workshop) -> Path:
    """Debian's packages, as somebody would have gathered them."""
    tar, _ = build_repository(TABLE, "debian-12", workshop, ("dnf", "rpm"))
    directory.mkdir()
    subprocess.run(["tar", "-xf", tar, "-C", directory], check=True)
    return directory


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory, workshop = tmp_path_factory.mktemp("packages"), Workshop(lambda _text: None)

    def further(writer: Writer) -> Iterable[Artifact]:
        gathered = {"rocky-9": toys(directory / "rpms"), "ubuntu-22.04": debs(directory / "debs", workshop)}
        for system, place in gathered.items():
            tar, _ = gathered_repository(TABLE, system, place, workshop)
            yield artifact(writer, ArtifactKind.PACKAGES, system, tar)

    systems = ("debian-12", "debian-12")
    with bare_site(directory, "pkgs", "10.188.0.0/24", systems, ("dnf", "rpm"), further=further) as found:
        with_dnf(found)
        play(found, ROCKY, "registry")
        found.push()
        yield found


def with_dnf(site: Site) -> None:
    """dnf on the node that plays Rocky Linux, from the bundle's packages of Debian."""
    found = site.manifest.find(ArtifactKind.PACKAGES, "debian-12")
    assert found is not None
    unpack = ["sh", "-c", "mkdir -p /var/tmp/site && tar -xf - -C /var/tmp/site"]
    with (site.directory / "bundle" / found.path).open("rb") as archive:
        subprocess.run(site.lab.ssh_command(ROCKY, unpack), stdin=archive, check=True)
    script = """
        echo 'deb [trusted=yes] file:/var/tmp/site ./' > /var/tmp/site.list
        set -- -qq -o Dir::Etc::sourcelist=/var/tmp/site.list -o Dir::Etc::sourceparts=-
        apt-get "$@" update
        DEBIAN_FRONTEND=noninteractive apt-get "$@" install --yes --no-install-recommends dnf rpm
    """
    site.lab.ssh(ROCKY, ["sh", "-c", script], timeout=600)


def given(node: str) -> dict[str, Any]:
    os_id, version = SYSTEMS[node]
    return {"slipway_facts": {"os_id": os_id, "os_version": version}}


def play(site: Site, node: str, *roles: str, **more: Any) -> int:
    """Tasks changed there."""
    result = site.play(*roles, only=(node,), given=given(node), **more)
    return int(result.stats[node]["changed"])


def tried(site: Site, node: str, *roles: str, **more: Any) -> RunnerResult:
    return site.tried(*roles, only=(node,), given=given(node), **more)


def installed(site: Site) -> set[str]:
    return set(site.sh(ROCKY, "rpm -qa --qf '%{NAME}\\n'").split())


def test_check_mode_predicts_and_installs_nothing(site: Site) -> None:
    for node in SYSTEMS:
        assert play(site, node, "node_prepare", check=True) > 0
    assert installed(site) == set()
    assert site.sh(ROCKY, "ls /var/lib/slipway/dnf 2>/dev/null") == ""
    assert site.sh(UBUNTU, "dpkg-query -W conntrack 2>/dev/null") == ""


def test_first_run_installs_by_the_systems_own_names(site: Site) -> None:
    for node in SYSTEMS:
        play(site, node, "node_prepare")
    assert installed(site) == {*BASE, IPTABLES.name} - {"curl", "keepalived"}
    assert site.sh(ROCKY, "dpkg-query -W conntrack 2>/dev/null") == ""
    assert "conntrack" in site.sh(UBUNTU, "dpkg-query -W conntrack")


@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
def test_second_run_changes_nothing(site: Site, check: bool) -> None:
    for node in SYSTEMS:
        assert play(site, node, "node_prepare", check=check) == 0


def test_only_our_repository_was_read(site: Site) -> None:
    assert site.sh(ROCKY, "ls /var/cache/dnf /etc/yum.repos.d 2>/dev/null | grep -v :").split() == []
    assert site.sh(ROCKY, "ls /var/lib/slipway/dnf/cache") != ""


def test_a_removed_package_is_drift_and_comes_back(site: Site) -> None:
    site.lab.ssh(ROCKY, ["rpm", "-e", "socat"])
    assert play(site, ROCKY, "node_prepare", check=True) == 1
    assert play(site, ROCKY, "node_prepare") == 1
    assert "socat" in installed(site)


def test_a_killed_transaction_is_made_whole(site: Site) -> None:
    transaction = "rpm -q --qf '%{INSTALLTID}' socat"
    before = site.sh(ROCKY, transaction)
    pending = json.dumps({"format": 1, "names": ["socat"]})
    site.lab.ssh(
        ROCKY,
        ["sh", "-c", f"cd /var/lib/slipway/dnf; rm installed.json; echo '{pending}' > transaction.json"],
    )
    play(site, ROCKY, "node_prepare")
    assert site.sh(ROCKY, transaction) != before
    assert site.sh(ROCKY, "ls /var/lib/slipway/dnf/transaction.json 2>/dev/null") == ""


@pytest.mark.parametrize(
    ("name", "why"), [("half-there", "nowhere-to-be-found"), ("no-such-package", "no-such-package")]
)
def test_what_cannot_be_satisfied_is_said(site: Site, name: str, why: str) -> None:
    before = installed(site)
    result = tried(site, ROCKY, "node_prepare", packages=[name])
    assert not result.ok
    words = str(result.failures)
    assert "the site's repository cannot satisfy" in words
    assert why in words
    assert installed(site) == before
    play(site, ROCKY, "node_prepare")


def test_chrony_runs_with_our_settings_in_its_own_unit(site: Site) -> None:
    settings = {"time": {"servers": ["10.188.0.1"]}}
    assert play(site, ROCKY, "node_prepare", "node_system", **settings) > 0
    shown = site.sh(ROCKY, "systemctl show --property=ActiveState,Environment chronyd.service")
    assert "ActiveState=active" in shown
    assert "-f /etc/chrony/slipway.conf" in shown
    assert "OPTIONS=" in shown
    assert "keyfile /etc/chrony.keys\n" in site.sh(ROCKY, "cat /etc/chrony/slipway.conf")
    assert play(site, ROCKY, "node_prepare", "node_system", **settings) == 0


def test_reset_takes_away_what_is_ours(site: Site) -> None:
    hosts = {
        node.name: {
            **connection_variables(SSH(), node.address),
            "node_reset_container_data": "delete",
            "node_reset_registry": "delete",
        }
        for node in site.lab.nodes
    }
    site.run("reset.yml", hosts)
    for node in SYSTEMS:
        assert site.sh(node, "ls -A /var/lib/slipway | grep -v lock") == ""
        assert (
            site.sh(
                node,
                "find /etc/chrony /etc/systemd/system -name '*slipway*' 2>/dev/null | grep -v slipway-lab",
            )
            == ""
        )
    assert "socat" in installed(site)  # packages stay
    assert site.sh(ROCKY, "systemctl is-active chronyd.service").strip() == "inactive"


def test_the_directory_must_have_all_that_roles_install(tmp_path: Path) -> None:
    build(Toy("socat"), tmp_path / "rpms")
    workshop = Workshop(lambda _text: None)
    with pytest.raises(BundleError, match=r"lack .*conntrack-tools") as caught:
        gathered_repository(TABLE, "rocky-9", tmp_path / "rpms", workshop)
    assert "dnf download --resolve --alldeps" in caught.value.hint
    with pytest.raises(BundleError, match=r"no .deb files"):
        gathered_repository(TABLE, "ubuntu-22.04", tmp_path / "rpms", workshop)

"""Hosts whose packages a site gathers, by dnf and by apt: roles are told that a Debian is a Rocky Linux or an Ubuntu.

No such system can be had here. Packages of Rocky are small ones by the names of the table; dnf, rpm and the
repository are real.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.bundle.archive import file_digest
from slipway.bundle.packages import build_repository, gathered_repository
from slipway.bundle.workshop import Workshop
from slipway.bundle.writer import Writer
from slipway.catalog import versions
from slipway.errors import BundleError
from slipway.model.bundle import Artifact, ArtifactKind
from tests import rpms
from tests.bare import Site, bare_site

NODE = "node-1"
ROCKY, UBUNTU = "rocky-9", "ubuntu-22.04"
FACTS = {"slipway_facts": {"os_id": "rocky", "os_version": "9.4"}}
OURS = "/var/lib/slipway/dnf/repos/slipway.repo"
TABLE = versions.load().packages
#: By the names of the system: what its administrator asks for besides.
FURTHER = ("nfs-common", "logrotate")
#: Every server has them, and a node that is none has not.
STANDARD = ("kmod", "nftables")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("packages")
    names = {*TABLE.system(ROCKY).called({*TABLE.packages, *FURTHER, *STANDARD}), "libneeded", "broken"}
    requires = {"conntrack-tools": "libneeded", "broken": "nowhere"}
    gathered = rpms.build(directory / "rpms", sorted(names), requires)

    def repositories(writer: Writer) -> Iterator[Artifact]:
        yield repository(writer, ROCKY, gathered)
        yield repository(writer, UBUNTU, of_debian(directory / "debs"))

    made = bare_site(
        directory, "packages", "10.175.9.0/24", ("debian-12",), packages=("dnf", "rpm"), further=repositories
    )
    with made as found:
        found.play("registry")
        found.push()
        found.play("node_prepare", packages=["dnf", "rpm"])
        yield found


def repository(writer: Writer, system: str, gathered: Path) -> Artifact:
    """What a site has gathered, as `bundle build` takes it."""
    tar, version = gathered_repository(TABLE, system, gathered, Workshop(lambda _text: None), FURTHER)
    path, digest = f"packages/{system}-1", file_digest(tar)
    writer.copy(tar, path, digest)
    return Artifact(ArtifactKind.PACKAGES, system, version, digest, tar.stat().st_size, path=path)


def of_debian(directory: Path) -> Path:
    """The packages of the node's true system, as if somebody had gathered them."""
    tar, _ = build_repository(TABLE, "debian-12", Workshop(lambda _text: None), FURTHER)
    directory.mkdir()
    subprocess.run(["tar", "-xf", tar, "-C", directory], check=True)
    return directory


def prepare(site: Site, *, check: bool = False, packages: tuple[str, ...] = FURTHER) -> int:
    """The role on a host that is a Rocky Linux for it; tasks that changed something."""
    result = site.play("node_prepare", check=check, given=FACTS, packages=list(packages))
    return site.changed(result)[NODE]


def installed(site: Site) -> set[str]:
    return set(site.sh(NODE, "rpm --query --all --queryformat '%{NAME}\\n'").split())


def test_packages_come_by_the_names_of_the_system(site: Site) -> None:
    assert installed(site) == set()
    predicted = prepare(site, check=True)
    assert installed(site) == set()
    assert prepare(site) == predicted > 0
    base: dict[str, Any] = {"conntrack-tools", "iptables-nft", "socat", "libneeded", "nfs-utils", "logrotate"}
    assert installed(site) >= base
    assert not installed(site) & {"conntrack", "ebtables", "nfs-common", "broken"}
    assert prepare(site) == 0


def test_nobody_else_is_asked_and_the_hosts_own_sources_stay(site: Site) -> None:
    assert "baseurl=file:///var/lib/slipway/packages/rocky-9" in site.sh(NODE, f"cat {OURS}")
    assert site.sh(NODE, "find /etc/yum.repos.d /var/cache/dnf /var/log -name '*dnf*' -type f").split() == []


def test_one_that_went_missing_comes_again(site: Site) -> None:
    site.sh(NODE, "rpm --erase --force-debian --nodeps socat || rpm --erase --nodeps socat")
    assert "socat" not in installed(site)
    assert prepare(site) == 1
    assert "socat" in installed(site)


def test_what_the_repository_cannot_satisfy_is_said(site: Site) -> None:
    failed = site.tried("node_prepare", given=FACTS, packages=[*FURTHER, "broken"])
    assert not failed.ok
    (failure,) = failed.failures
    assert "the site's repository cannot satisfy" in failure.message
    assert "nothing provides nowhere needed by broken" in failure.message + failure.why
    failed = site.tried("node_prepare", given=FACTS, packages=["no-such-package"])
    assert "no-such-package" in failed.failures[0].message + failed.failures[0].why


def test_a_system_that_nobody_gathered_packages_for_is_refused(site: Site) -> None:
    facts = {"slipway_facts": {"os_id": "kylin", "os_version": "V10"}}
    failed = site.tried("node_prepare", given=facts)
    assert "the bundle has no packages for kylin-v10" in failed.failures[0].message


def test_a_gathered_repository_of_debs_serves_apt(site: Site) -> None:
    facts = {"slipway_facts": {"os_id": "ubuntu", "os_version": "22.04"}}
    first = site.play("node_prepare", given=facts, packages=list(FURTHER))
    assert site.changed(first)[NODE] > 0
    source = site.sh(NODE, "cat /var/lib/slipway/apt/slipway.list")
    assert source == f"deb [trusted=yes] file:/var/lib/slipway/packages/{UBUNTU} ./\n"
    assert site.sh(NODE, "dpkg-query -W -f '${db:Status-Status}' nfs-common") == "installed"
    again = site.play("node_prepare", given=facts, packages=list(FURTHER))
    assert site.changed(again)[NODE] == 0


def test_the_directory_must_have_all_that_roles_install(tmp_path: Path) -> None:
    some = rpms.build(tmp_path, ["socat"])
    with pytest.raises(BundleError, match=r"lack .*conntrack-tools") as caught:
        gathered_repository(TABLE, ROCKY, some, Workshop(lambda _text: None))
    assert "dnf download --resolve --alldeps" in caught.value.hint

"""A reset brings a host back: everything that it is, compared before Slipway came and after it left.

Its packages are installed before the first look: they stay by policy. Containers, mounts of pods and links of networks
are made by a cluster, and looked for after the reset in tests/nodes/test_roles.py.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.catalog import versions
from slipway.model.bundle import ArtifactKind
from slipway.model.host.ssh import SSH
from slipway.runner import connection_variables
from tests.bare import Site, bare_site

NODE = "node-1"
SNAPSHOT = Path(__file__).with_name("snapshot.py").read_text()
#: Where a system writes by itself, and what the lab puts there.
LEFT_OUT = (
    "/dev",
    "/proc",
    "/run",
    "/sys",
    "/tmp",
    "/var/cache",
    "/var/lib/apt",
    "/var/lib/chrony",
    "/var/lib/dpkg",
    "/var/lib/systemd",
    "/var/log",
    "/var/tmp",
    "/root/.ansible",
    "/etc/.pwd.lock",
    "/var/lib/slipway",  # looked at by itself: empty locks stay
)
ACCOUNTS = ("passwd", "group", "shadow", "gshadow")
DELETE = {"node_reset_container_data": "delete", "node_reset_registry": "delete"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with bare_site(
        tmp_path_factory.mktemp("removal"), "dsk-removal", "10.182.2.0/24", ("debian-13",)
    ) as found:
        install(found, versions.load().packages.packages)
        found.lab.ssh(NODE, ["sh", "-c", "echo before.example > /etc/hostname; hostname before.example"])
        yield found


def install(site: Site, names: tuple[str, ...]) -> None:
    """Packages as the site's administrator could have had them, from the bundle without Slipway."""
    artifact = site.manifest.find(ArtifactKind.PACKAGES, site.lab.nodes[0].os)
    assert artifact is not None
    unpack = "mkdir -p /var/tmp/site && tar -xf - -C /var/tmp/site"
    with (site.directory / "bundle" / artifact.path).open("rb") as archive:
        subprocess.run(site.lab.ssh_command(NODE, ["sh", "-c", unpack]), stdin=archive, check=True)
    options = "-o Dir::Etc::sourcelist=/var/tmp/site.list -o Dir::Etc::sourceparts=-"
    script = f"""
        echo 'deb [trusted=yes] file:/var/tmp/site ./' > /var/tmp/site.list
        apt-get {options} -qq update
        DEBIAN_FRONTEND=noninteractive apt-get {options} -qq -y --no-install-recommends install {" ".join(names)}
        systemctl disable --now chrony.service keepalived.service
    """
    site.lab.ssh(NODE, ["sh", "-c", script], timeout=600)


def look(site: Site) -> dict[str, Any]:
    done = site.lab.ssh(NODE, ["python3", "-", *LEFT_OUT], stdin=SNAPSHOT, timeout=300)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Matter -> what is there now and was not, or was otherwise, and what is gone."""
    found: dict[str, Any] = {}
    for matter, was in before.items():
        now = after[matter]
        if isinstance(was, dict):
            keys = {key for key in {*was, *now} if was.get(key) != now.get(key)}
            changed = {key: (was.get(key), now.get(key)) for key in sorted(keys)}
        else:
            changed = {} if was == now else {"was": was, "is": now}
        if isinstance(was, list) and changed:
            changed = {"gone": sorted({*was} - {*now}), "new": sorted({*now} - {*was})}
        if changed:
            found[matter] = changed
    return found


def settings(site: Site) -> dict[str, Any]:
    """Something of all that these roles can change."""
    return {
        "dns": {"servers": [site.lab.nodes[0].address], "search": ["site.internal"]},
        "extraHosts": [{"address": "10.182.2.9", "names": ["nas.site.internal"]}],
        "sysctl": {"net.ipv4.tcp_keepalive_time": "1234"},
        "time": {"servers": [site.lab.nodes[0].address]},
        "limits": {"nofile": 4096},
        "swap": "keep",
        "journald": {"maxUse": "200M"},
    }


def reset(site: Site, **policy: str) -> dict[str, int]:
    address = site.lab.nodes[0].address
    variables = {**connection_variables(SSH(), address), **policy}
    return site.changed(site.run("reset.yml", {NODE: variables}))


@pytest.fixture(scope="module")
def before(site: Site) -> dict[str, Any]:
    """The host, before Slipway came."""
    return look(site)


def test_looking_twice_finds_nothing(site: Site, before: dict[str, Any]) -> None:
    assert differences(before, look(site)) == {}


def test_the_roles_change_what_the_comparison_sees(site: Site, before: dict[str, Any]) -> None:
    site.play("registry")
    site.push()
    site.play("node_prepare", "node_system", **settings(site))
    found = differences(before, look(site))
    assert {"files", "units", "running", "sysctl", "processes", "hostname", "users"} <= set(found)
    assert "/etc/resolv.conf" in found["files"]


def test_search_domains_alone_are_at_the_servers_that_the_host_had(
    site: Site, before: dict[str, Any]
) -> None:
    """In the place of those that were named until now."""
    named = site.sh(NODE, "grep nameserver /etc/resolv.conf")
    own = f"nameserver {site.lab.site.gateway}\n"
    wanted = {**settings(site), "dns": {"search": ["alone.internal"]}}
    for check, changed, servers in ((True, True, named), (False, True, own), (True, False, own)):
        result = site.play("node_prepare", check=check, **wanted)
        assert bool(site.changed(result)[NODE]) == changed
        assert site.sh(NODE, "grep nameserver /etc/resolv.conf") == servers
    assert named != own
    assert site.sh(NODE, "grep search /etc/resolv.conf") == "search alone.internal\n"


def test_a_reset_keeps_the_registry_and_nothing_else(site: Site, before: dict[str, Any]) -> None:
    reset(site)
    found = differences(before, look(site))
    others = {path for path in found.pop("files") if "slipway-registry" not in path}
    assert others <= {f"/etc/{name}{copy}" for name in ACCOUNTS for copy in ("", "-")}
    assert "slipway-registry.service" in found.pop("running")["new"]
    assert set(found) <= {"units", "processes", "users"}


def test_a_reset_with_its_data_leaves_the_host_as_it_was(site: Site, before: dict[str, Any]) -> None:
    reset(site, **DELETE)
    found = differences(before, look(site))
    for name in ACCOUNTS:  # the copy that useradd and userdel keep of what was there before their last change
        found.get("files", {}).pop(f"/etc/{name}-", None)
    assert {matter: what for matter, what in found.items() if what} == {}
    left = site.sh(NODE, "cd /var/lib/slipway && find . -type f -size +0; ls -A").split()
    assert set(left) <= {".flock", ".kubeadm.lock"}
    assert reset(site, **DELETE) == {NODE: 0}

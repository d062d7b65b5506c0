"""A host's resolver on real nodes, by whoever is in charge of it: set, changed, unset, edited by hand, reset.

node-1 has a plain file, node-2 systemd-resolved, node-3 and node-4 a NetworkManager, as a server has it: it looks after
one link and leaves the one that Slipway comes by alone. The tests build on each other, in the order written.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from slipway.model.host.ssh import SSH
from slipway.probe import Fleet, read_hosts
from slipway.runner import connection_variables
from tests.bare import Site, bare_site

PLAIN, RESOLVED, MANAGED, NEWER = NODES = ("node-1", "node-2", "node-3", "node-4")
SYSTEMS = ("debian-12", "debian-13", "debian-12", "debian-13")
OWN = {PLAIN: [], RESOLVED: ["systemd-resolved"], MANAGED: ["network-manager"], NEWER: ["network-manager"]}
PLACES = {
    PLAIN: "/etc/resolv.conf",
    RESOLVED: "/etc/systemd/resolved.conf.d/slipway.conf",
    MANAGED: "/etc/NetworkManager/conf.d/90-slipway.conf",
    NEWER: "/etc/NetworkManager/conf.d/90-slipway.conf",
}
BEFORE = "nameserver 192.0.2.53\nsearch before.internal\noptions timeout:1\n"
#: Of a bridge without any port, with the name servers that the host had.
LINK = (
    "ifname spare0 con-name spare ipv4.method manual ipv4.addresses 198.18.9.2/24"
    " ipv4.dns 192.0.2.53 ipv4.dns-search before.internal"
)
#: Only the link spare0 is NetworkManager's.
CONSERVATIVE = "[main]\\nplugins=keyfile\\n[keyfile]\\nunmanaged-devices=*,except:interface-name:spare0\\n"
MANAGE = f"""
    set -e
    printf '{CONSERVATIVE}' > /etc/NetworkManager/conf.d/10-site.conf
    systemctl restart NetworkManager
    nmcli -w 30 connection add type bridge bridge.stp no {LINK}
    nmcli -w 30 connection up spare
"""
#: Stands before systemctl: ends the module that wants to tell somebody.
KILLER = """\
#!/bin/sh
case $1 in reload|try-restart) kill -9 $PPID; exit 1;; esac
exec /usr/bin/systemctl "$@"
"""
SERVERS, OTHERS = ["198.18.0.1", "198.18.0.2"], ["198.18.0.3"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory, packages = tmp_path_factory.mktemp("resolver"), ("network-manager", "systemd-resolved")
    with bare_site(directory, "resolver", "10.177.0.0/24", SYSTEMS, packages) as found:
        found.play("registry")
        found.push()
        found.play("node_prepare", own={node: {"packages": OWN[node]} for node in NODES})
        for node in (MANAGED, NEWER):
            found.lab.ssh(node, ["sh", "-c", MANAGE], timeout=120)
        for node in (PLAIN, RESOLVED):
            found.lab.ssh(node, ["sh", "-c", f"printf '{BEFORE}' > /run/before"])
        found.lab.ssh(PLAIN, ["cp", "--remove-destination", "/run/before", "/etc/resolv.conf"])
        found.lab.ssh(RESOLVED, ["systemctl", "is-active", "systemd-resolved.service"])
        yield found


def play(site: Site, *, check: bool = False, **dns: Any) -> dict[str, int]:
    """The role with this resolver; how many of its tasks changed something."""
    own = {node: {"packages": OWN[node]} for node in NODES}
    return site.changed(site.play("node_prepare", check=check, own=own, dns=dns))


def each(count: int) -> dict[str, int]:
    return dict.fromkeys(NODES, count)


def resolved(site: Site, node: str) -> tuple[list[str], list[str]]:
    """Name servers and search domains in force."""
    path = "/run/systemd/resolve/resolv.conf" if node == RESOLVED else "/etc/resolv.conf"
    words = [line.split() for line in site.sh(node, f"cat {path}").splitlines()]
    servers = [word[1] for word in words if word[:1] == ["nameserver"]]
    return servers, [name for word in words if word[:1] == ["search"] for name in word[1:]]


@pytest.fixture(scope="module")
def before(site: Site) -> dict[str, tuple[list[str], list[str]]]:
    found = {node: resolved(site, node) for node in NODES}
    assert [found[node] for node in (PLAIN, MANAGED, NEWER)] == [(["192.0.2.53"], ["before.internal"])] * 3
    return found


def pids(site: Site) -> list[str]:
    return [site.sh(node, "pidof NetworkManager") for node in (MANAGED, NEWER)]


def test_name_servers_are_told_to_whoever_is_in_charge(site: Site, before: dict[str, Any]) -> None:
    running = pids(site)
    assert play(site, servers=SERVERS, search=["site.internal"], check=True) == each(1)
    assert {node: resolved(site, node) for node in NODES} == before
    assert play(site, servers=SERVERS, search=["site.internal"]) == each(1)
    for node in NODES:
        assert resolved(site, node) == (SERVERS, ["site.internal"]), node
        assert site.sh(node, f"ls {PLACES[node]}") == f"{PLACES[node]}\n"
    assert pids(site) == running  # a restart could have taken links down
    assert "options timeout:1" in site.sh(PLAIN, "cat /etc/resolv.conf")


@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
def test_second_run_changes_nothing(site: Site, check: bool) -> None:
    assert play(site, servers=SERVERS, search=["site.internal"], check=check) == each(0)


def test_what_a_killed_run_told_nobody_is_made_up_for(site: Site) -> None:
    """The file landed, and then nobody was told: the module is ended by the program that it tells by."""
    wanted = {"servers": OTHERS, "search": ["site.internal"]}
    for node in (RESOLVED, MANAGED):
        site.lab.ssh(node, ["install", "-m", "755", "/dev/stdin", "/usr/local/sbin/systemctl"], stdin=KILLER)
    own = {node: {"packages": OWN[node]} for node in NODES}
    result = site.tried("node_prepare", own=own, dns=wanted)
    assert {failure.host for failure in result.failures} == {RESOLVED, MANAGED}
    for node in (RESOLVED, MANAGED):
        site.lab.ssh(node, ["rm", "/usr/local/sbin/systemctl"])
        assert resolved(site, node)[0] == SERVERS
    assert play(site, **wanted) == {PLAIN: 0, RESOLVED: 1, MANAGED: 1, NEWER: 0}
    for node in NODES:
        assert resolved(site, node) == (OTHERS, ["site.internal"]), node
    play(site, servers=SERVERS, search=["site.internal"])


def test_drift_is_seen_and_mended(site: Site) -> None:
    for node in NODES:
        site.lab.ssh(node, ["sh", "-c", f"sed -i s/198.18.0.1/198.18.0.9/ {PLACES[node]}"])
    configuration = site.configuration({})
    with Fleet.of(configuration, site.store, site.directory / "known_hosts") as fleet:
        seen = read_hosts(configuration, fleet, deep=True)
        assert {node: [d.what for d in seen[node].drift] for node in NODES} == {
            node: [PLACES[node]] for node in NODES
        }
        play(site, servers=SERVERS, search=["site.internal"])
        assert all(host.drift == () for host in read_hosts(configuration, fleet, deep=True).values())
    assert resolved(site, MANAGED) == (SERVERS, ["site.internal"])


def test_search_domains_alone_are_at_the_hosts_own_servers(site: Site, before: dict[str, Any]) -> None:
    assert play(site, search=["alone.internal"]) == each(1)
    for node in NODES:
        assert resolved(site, node) == (before[node][0], ["alone.internal"]), node
    assert play(site, search=["alone.internal"]) == each(0)


def test_unset_the_host_has_its_own_again(site: Site, before: dict[str, Any]) -> None:
    play(site, servers=OTHERS)
    assert play(site, check=True) == each(1)
    assert resolved(site, PLAIN)[0] == OTHERS
    assert play(site) == each(1)
    assert {node: resolved(site, node) for node in NODES} == before
    assert site.sh(PLAIN, "cat /etc/resolv.conf") == BEFORE
    for node in (RESOLVED, MANAGED, NEWER):
        assert site.sh(node, f"ls {PLACES[node]} 2>/dev/null") == ""
    assert play(site) == each(0)


def test_what_somebody_changed_since_is_his(site: Site) -> None:
    play(site, servers=OTHERS)
    site.lab.ssh(PLAIN, ["sh", "-c", "echo 'nameserver 192.0.2.77' > /etc/resolv.conf"])
    assert play(site) == {**each(1), PLAIN: 0}
    assert site.sh(PLAIN, "cat /etc/resolv.conf") == "nameserver 192.0.2.77\n"
    play(site, servers=OTHERS)
    play(site)
    assert site.sh(PLAIN, "cat /etc/resolv.conf") == "nameserver 192.0.2.77\n"


def test_a_reset_gives_it_back_too(site: Site, before: dict[str, Any]) -> None:
    running = pids(site)
    play(site, servers=SERVERS, search=["site.internal"])
    hosts = {node.name: connection_variables(SSH(), node.address) for node in site.lab.nodes}
    site.run("reset.yml", hosts)
    assert {**{node: resolved(site, node) for node in NODES}, PLAIN: before[PLAIN]} == before
    assert site.sh(PLAIN, "cat /etc/resolv.conf") == "nameserver 192.0.2.77\n"
    for node in (RESOLVED, MANAGED, NEWER):
        assert site.sh(node, f"ls {PLACES[node]} 2>/dev/null") == ""
    assert pids(site) == running
    assert site.changed(site.run("reset.yml", hosts)) == each(0)

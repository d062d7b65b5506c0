"""A host's open ports on real nodes: predicted, in force, changed, undone, reset; what becomes of firewalld and ufw.

The tests of this file build on each other, in the order written.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from slipway.model.host.ssh import SSH
from slipway.model.observed import Drift
from slipway.model.plan import Because, StepKind
from slipway.planning.checks.host import host_state
from slipway.planning.checks.packets import SERVICES
from slipway.planning.decide import Desired, Seen, decide
from slipway.probe import Fleet, read_hosts
from slipway.runner import connection_variables
from tests.bare import Site, bare_site

HOST, OTHER = "node-1", "node-2"
#: A control plane's, a further one that is named, and one that nobody names.
API, NAMED, UNNAMED = 6443, 9100, 9999
FILES = ("/etc/nftables.d/slipway.nft", "/etc/systemd/system/slipway-firewall.service")
FIREWALLS = {HOST: "firewalld.service", OTHER: "ufw.service"}
LISTEN = (
    "import socket,sys,time; s=[socket.create_server(('',int(p))) for p in sys.argv[1:]]; time.sleep(3000)"
)
PORTS: dict[str, Any] = {"mode": "ports", "openPorts": [f"{NAMED}/tcp", "30000-30100/udp"]}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("firewall")
    systems = ("debian-12", "debian-13")
    with bare_site(directory, "fwall", "10.187.0.0/24", systems, packages=("firewalld", "ufw")) as found:
        found.play("registry")
        found.push()
        found.play("node_prepare", own={HOST: {"packages": ["firewalld"]}, OTHER: {"packages": ["ufw"]}})
        found.lab.ssh(OTHER, ["sh", "-c", "ufw allow ssh && ufw --force enable && systemctl start ufw"])
        ports = map(str, (API, NAMED, UNNAMED))
        found.lab.ssh(HOST, ["systemd-run", "--quiet", "--unit=listen", "python3", "-c", LISTEN, *ports])
        yield found


def play(site: Site, *, check: bool = False, **firewall: Any) -> dict[str, int]:
    """The role on both nodes; how many of its tasks changed something."""
    return site.changed(site.play("node_firewall", check=check, firewall=firewall))


def reached(site: Site) -> set[int]:
    """Ports of the host to which the other node gets."""
    address = site.lab.nodes[0].address
    tries = (
        f'for p in {API} {NAMED} {UNNAMED}; do timeout 2 bash -c "</dev/tcp/{address}/$p" && echo $p; done'
    )
    return {int(line) for line in site.sh(OTHER, f"({tries}) 2>/dev/null").split()}


def refused(site: Site, sources: list[str]) -> dict[str, str]:
    """How preflight's findings about these sources begin, by host."""
    configuration = site.configuration({"firewall": {**PORTS, "sources": sources}})
    with Fleet.of(configuration, site.store, site.directory / "known_hosts") as fleet:
        seen = read_hosts(configuration, fleet)
    findings = [
        one for host in configuration.hosts for one in host_state(configuration, host, seen[host.name])
    ]
    texts = {one.path: one.problem for one in findings if one.code == "firewall-sources"}
    return {path.partition("/")[2]: re.split(", which| by", text)[0] for path, text in texts.items()}


def states(site: Site) -> dict[str, list[str]]:
    return {
        node: site.sh(node, f"systemctl is-active {unit}; systemctl is-enabled {unit}").split()
        for node, unit in FIREWALLS.items()
    }


def table(site: Site, node: str) -> str:
    return site.sh(node, "nft list table inet slipway 2>/dev/null")


def test_firewalld_closes_what_nobody_opened(site: Site) -> None:
    assert states(site) == {node: ["active", "enabled"] for node in FIREWALLS}
    assert reached(site) == set()


@pytest.mark.parametrize(
    "way", ["firewall-cmd --reload", "firewall-cmd --complete-reload", "systemctl restart firewalld"]
)
def test_firewalld_read_anew_takes_chains_of_iptables_and_no_table_of_another(site: Site, way: str) -> None:
    """So kube-proxy's go for a while in mode iptables, which preflight says; its table in mode nftables stays."""
    tables = f"{SERVICES}; nft add table ip kube-proxy; nft add table ip nat"
    load = f"nft add table {tables}; nft add chain ip nat KUBE-SERVICES"
    site.lab.ssh(HOST, ["sh", "-ec", f"{load}; {way}; systemctl is-active --quiet firewalld"])
    left = site.sh(HOST, "nft list tables; nft list table ip nat")
    away = f"for t in '{SERVICES}' 'ip kube-proxy' 'ip nat'; do nft delete table $t; done"
    site.lab.ssh(HOST, ["sh", "-c", away])
    assert f"table {SERVICES}" in left
    assert "table ip kube-proxy" in left
    assert "KUBE-SERVICES" not in left
    assert reached(site) == set()


def test_off_stops_them_and_keep_gives_them_back(site: Site) -> None:
    assert play(site, mode="off", check=True) == {HOST: 1, OTHER: 1}
    assert play(site, mode="off") == {HOST: 1, OTHER: 1}
    assert states(site) == {node: ["inactive", "disabled"] for node in FIREWALLS}
    assert reached(site) == {API, NAMED, UNNAMED}
    assert play(site, mode="off") == {HOST: 0, OTHER: 0}
    assert play(site) == {HOST: 1, OTHER: 1}
    assert states(site) == {node: ["active", "enabled"] for node in FIREWALLS}
    assert "ALLOW" in site.sh(OTHER, "ufw status")
    assert reached(site) == set()
    assert play(site) == {HOST: 0, OTHER: 0}


def test_ports_opens_what_its_roles_need_and_what_is_named(site: Site) -> None:
    assert play(site, **PORTS, check=True) == {HOST: 3, OTHER: 3}
    assert table(site, HOST) == ""
    assert play(site, **PORTS) == {HOST: 3, OTHER: 3}
    assert reached(site) == {API, NAMED}
    assert states(site) == {node: ["inactive", "disabled"] for node in FIREWALLS}
    assert "30000-30100" in table(site, OTHER)
    assert "6443" not in table(site, OTHER)  # a worker has no API
    assert site.sh(OTHER, f"ping -c 1 -W 1 {site.lab.nodes[0].address} >/dev/null && echo heard") == "heard\n"


@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
def test_second_run_changes_nothing(site: Site, check: bool) -> None:
    assert play(site, **PORTS, check=check) == {HOST: 0, OTHER: 0}


def test_a_table_that_is_gone_is_drift_in_a_plan_and_comes_back(site: Site) -> None:
    """As `nft flush ruleset` or a restart of nftables.service does: the unit counts as active all the same."""
    site.lab.ssh(HOST, ["nft", "delete", "table", "inet", "slipway"])
    assert UNNAMED in reached(site)
    configuration = site.configuration({"firewall": PORTS})
    with Fleet.of(configuration, site.store, site.directory / "known_hosts") as fleet:
        seen = read_hosts(configuration, fleet, deep=True)
        assert {name: host.drift for name, host in seen.items()} == {
            HOST: (Drift(f"host/{HOST}/node_firewall", "rules slipway-firewall.service", "missing"),),
            OTHER: (),
        }
        known = Seen(seen[HOST].records["node_firewall"], drift=seen[HOST].drift)
        step = decide(Desired(StepKind.HOST, HOST, "node_firewall", {}), known, {})
        assert step
        assert "rules slipway-firewall.service" in " ".join(
            one.text for one in step.reasons if one.cause is Because.DRIFT
        )
        assert play(site, **PORTS, check=True) == {HOST: 1, OTHER: 0}
        assert play(site, **PORTS) == {HOST: 1, OTHER: 0}
        assert reached(site) == {API, NAMED}
        assert read_hosts(configuration, fleet, deep=True)[HOST].drift == ()
    assert site.sh(HOST, "systemctl is-active slipway-firewall.service") == "active\n"


def test_at_boot_the_rules_are_there_before_the_network(site: Site) -> None:
    site.lab.ssh(HOST, ["systemctl", "stop", "slipway-firewall.service"])
    assert table(site, HOST) == ""
    site.lab.ssh(HOST, ["systemctl", "start", "multi-user.target"])
    assert "policy drop" in table(site, HOST)
    order = site.sh(HOST, "systemctl show slipway-firewall.service --property Before --value").split()
    assert "network-pre.target" in order


def test_ports_can_be_open_to_some_only(site: Site) -> None:
    ours = f"{site.lab.site.gateway}/32"
    play(site, **PORTS, sources=[ours])
    assert reached(site) == set()
    play(site, **PORTS, sources=[ours, f"{site.lab.nodes[1].address}/32"])
    assert reached(site) == {API, NAMED}


def test_sources_that_would_shut_somebody_out_are_refused_beforehand(site: Site) -> None:
    """The rules that are in force now leave us in: the host is asked from where we come."""
    ours, hosts = f"{site.lab.site.gateway}/32", [f"{node.address}/32" for node in site.lab.nodes]
    assert refused(site, [ours, *hosts]) == {}
    assert refused(site, hosts) == dict.fromkeys(FIREWALLS, f"is reached from {site.lab.site.gateway}")
    assert refused(site, [ours]) == {HOST: f"would shut out {OTHER}", OTHER: f"would shut out {HOST}"}
    assert refused(site, []) == {}


def test_keep_undoes_all_of_it(site: Site) -> None:
    predicted = play(site, check=True)
    assert play(site) == predicted
    assert [table(site, node) for node in FIREWALLS] == ["", ""]
    assert states(site) == {node: ["active", "enabled"] for node in FIREWALLS}
    assert site.sh(HOST, f"ls {' '.join(FILES)} 2>/dev/null") == ""


def test_reset_gives_the_host_back_as_it_was(site: Site) -> None:
    play(site, **PORTS)
    hosts = {node.name: connection_variables(SSH(), node.address) for node in site.lab.nodes}
    site.run("reset.yml", hosts)
    for node in FIREWALLS:
        assert table(site, node) == ""
        assert site.sh(node, f"ls {' '.join(FILES)} 2>/dev/null") == ""
    assert states(site) == {node: ["active", "enabled"] for node in FIREWALLS}
    assert site.changed(site.run("reset.yml", hosts)) == {HOST: 0, OTHER: 0}

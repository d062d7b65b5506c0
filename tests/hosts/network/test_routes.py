"""Routes of a host on real nodes: made, changed, there after a reboot, taken away, reset; and what preflight says.

The tests of this file build on each other, in the order written.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from slipway.model.host.ssh import SSH
from slipway.planning.checks.host import host_state
from slipway.probe import Fleet, read_hosts
from slipway.runner import connection_variables
from tests.bare import Site, bare_site

NODE, GATEWAY = "node-1", "node-2"
BEHIND, FURTHER = "198.18.1.0/24", "198.18.2.0/24"
SERVER = "198.18.1.9"
UNIT = "/etc/systemd/system/slipway-routes.service"
THEIRS = "198.18.3.0/24"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with bare_site(
        tmp_path_factory.mktemp("routes"), "routes", "10.186.0.0/24", ("debian-12", "debian-13")
    ) as found:
        found.lab.ssh(GATEWAY, ["ip", "address", "add", f"{SERVER}/32", "dev", "lo"])
        found.lab.ssh(NODE, ["ip", "route", "add", THEIRS, "via", gateway(found)])
        yield found


def gateway(site: Site) -> str:
    return next(node.address for node in site.lab.nodes if node.name == GATEWAY)


def settings(site: Site, *ranges: str) -> dict[str, Any]:
    return {"routes": [{"to": to, "via": gateway(site)} for to in ranges]}


def play(site: Site, *ranges: str, check: bool = False) -> int:
    """The role on the one node; how many of its tasks changed something."""
    result = site.play("node_routes", check=check, only=[NODE], **settings(site, *ranges))
    return int(result.stats[NODE]["changed"])


def routes(site: Site) -> set[str]:
    """Ranges that have a route by the gateway."""
    lines = site.sh(NODE, "ip route show").splitlines()
    return {line.split()[0] for line in lines if f"via {gateway(site)}" in line}


def answers(site: Site) -> bool:
    return site.lab.ssh(NODE, ["ping", "-c", "1", "-W", "1", SERVER], check=False).returncode == 0


def codes(site: Site, *ranges: str, via: str = "") -> set[str]:
    wanted = {"routes": [{"to": to, "via": via or gateway(site)} for to in ranges]}
    configuration = site.configuration({}, {NODE: wanted})
    with Fleet.of(configuration, site.store, site.directory / "known_hosts") as fleet:
        seen = read_hosts(configuration, fleet, hosts=[NODE])[NODE]
    return {found.code for found in host_state(configuration, configuration.hosts[0], seen)} & {
        "gateway",
        "route-twice",
    }


def test_preflight_looks_for_the_gateway_and_for_another_owner(site: Site) -> None:
    assert codes(site, BEHIND) == set()
    assert codes(site, BEHIND, via="192.0.2.1") == {"gateway"}
    assert codes(site, THEIRS) == {"route-twice"}


def test_a_route_is_predicted_and_made(site: Site) -> None:
    assert not answers(site)
    assert play(site, BEHIND, check=True) == 2
    assert routes(site) == {THEIRS}
    assert play(site, BEHIND) == 2
    assert routes(site) == {THEIRS, BEHIND}
    assert answers(site)
    assert codes(site, BEHIND) == set()


@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
def test_second_run_changes_nothing(site: Site, check: bool) -> None:
    assert play(site, BEHIND, check=check) == 0


def test_a_change_takes_what_is_not_named_any_more(site: Site) -> None:
    assert play(site, FURTHER, check=True) == 2
    assert play(site, FURTHER) == 2
    assert routes(site) == {THEIRS, FURTHER}
    play(site, BEHIND, FURTHER)


def test_after_a_reboot_it_is_there_again(site: Site) -> None:
    site.lab.ssh(NODE, ["systemctl", "stop", "slipway-routes.service"])
    assert routes(site) == {THEIRS}
    site.lab.ssh(NODE, ["systemctl", "isolate", "multi-user.target"])
    assert routes(site) == {THEIRS, BEHIND, FURTHER}
    order = site.sh(NODE, "systemctl show slipway-routes.service --property Before --value").split()
    assert {"remote-fs-pre.target", "containerd.service", "kubelet.service"} <= set(order)


def test_taken_away_they_go_and_those_of_others_stay(site: Site) -> None:
    assert play(site, check=True) == 2
    assert play(site) == 2
    assert routes(site) == {THEIRS}
    assert site.sh(NODE, f"ls {UNIT} 2>/dev/null") == ""
    assert play(site) == 0


def test_reset_takes_them_too(site: Site) -> None:
    play(site, BEHIND)
    hosts = {NODE: connection_variables(SSH(), site.lab.nodes[0].address)}
    site.run("reset.yml", hosts)
    assert routes(site) == {THEIRS}
    assert site.sh(NODE, f"ls {UNIT} 2>/dev/null; systemctl is-active slipway-routes.service") == "inactive\n"
    assert site.run("reset.yml", hosts).stats[NODE]["changed"] == 0

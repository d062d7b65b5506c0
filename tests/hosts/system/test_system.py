"""Time, limits and journal on real nodes: on bare ones, a second time, in check mode, unset, reset.

The tests of this file build on each other, in the order written. node-1 serves the time, by a drop-in of its own.
"""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from slipway.model.host.ssh import SSH
from slipway.probe import Fleet, read_hosts
from slipway.runner import connection_variables
from tests.bare import Site, bare_site

SYSTEMS = ("debian-12", "debian-13")
NAMES = ("node-1", "node-2")
#: Slow machines: seconds until chronyd has measured its server.
MEASURED = 90
LIMITS = {"nofile": 4096, "nproc": 5000, "memlock": 2048}
JOURNAL = {"maxUse": "200M", "maxRetention": "14d", "persistent": True}
OURS = (
    "/etc/chrony/slipway.conf",
    "/etc/chrony/sources.d/slipway.sources",
    "/etc/systemd/system/chrony.service.d/60-slipway.conf",
    "/etc/security/limits.d/60-slipway.conf",
    "/etc/systemd/system.conf.d/60-slipway.conf",
    "/etc/systemd/journald.conf.d/60-slipway.conf",
    "/etc/logrotate.d/slipway",
)
LOG = "/var/log/scheduler/main.log"
ROTATION = {"paths": ["/var/log/scheduler/*.log"], "maxSize": "1k", "keep": 2}
#: Lets a chrony with Debian's own settings run in a container.
CONTAINED = "[Unit]\nConditionCapability=\n[Service]\nEnvironmentFile=\nEnvironment=DAEMON_OPTS=-x\n"
#: All that comes over SSH has the umask of a hardened host.
STRICT = """
mkdir /etc/systemd/system/ssh.service.d
printf '[Service]\\nUMask=0077\\n' > /etc/systemd/system/ssh.service.d/strict.conf
systemctl daemon-reload && systemctl restart ssh
"""
SHOWN = "ulimit -n; ulimit -l; ulimit -u"


def settings(site: Site) -> dict[str, Any]:
    """All that the role can set; both ask node-1 for the time."""
    return {
        "time": {"servers": [site.lab.nodes[0].address]},
        "limits": LIMITS,
        "journald": JOURNAL,
        "logRotation": ROTATION,
    }


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory, packages = tmp_path_factory.mktemp("system"), ("logrotate",)
    with bare_site(directory, "system", "10.176.0.0/24", SYSTEMS, packages) as found:
        found.lab.egress_control()
        for node in NAMES:
            found.lab.ssh(node, ["sh", "-c", STRICT])
        yield found


def landed(site: Site, node: str) -> list[str]:
    return site.sh(node, f"ls {' '.join(OURS)} 2>/dev/null").split()


@pytest.fixture(scope="module")
def before(site: Site) -> dict[str, list[str]]:
    """Limits of a login and of a unit before Slipway came."""
    return {node: [*login(site, node), *unit(site, node)] for node in NAMES}


def login(site: Site, node: str) -> list[str]:
    """Limits of a fresh login."""
    return site.sh(node, f"exec bash -c '{SHOWN}'").split()


def unit(site: Site, node: str) -> list[str]:
    """Limits of a fresh unit."""
    return site.sh(node, f"systemd-run --quiet --pipe --wait bash -c '{SHOWN}'").split()


def test_check_mode_on_bare_hosts_predicts_and_changes_nothing(
    site: Site, before: dict[str, list[str]]
) -> None:
    assert all(
        count >= 4 for count in site.changed(site.play("node_system", check=True, **settings(site))).values()
    )
    for node in NAMES:
        assert landed(site, node) == []
        assert [*login(site, node), *unit(site, node)] == before[node]


def test_nothing_set_is_nothing_to_do(site: Site) -> None:
    assert site.changed(site.play("node_system")) == {"node-1": 0, "node-2": 0}


def test_bare_hosts_get_all_of_it(site: Site) -> None:
    serve = "umask 022; mkdir -p /etc/chrony/conf.d; printf 'local stratum 8\nallow\n' > /etc/chrony/conf.d/site.conf"
    site.lab.ssh("node-1", ["sh", "-c", serve])
    site.play("registry")
    site.push()
    site.play("node_prepare", "node_system", **settings(site))
    for node in NAMES:
        assert landed(site, node) == sorted(OURS)
        assert site.sh(node, "systemctl is-enabled chrony.service 2>/dev/null") == "enabled\n"


def test_what_a_strict_umask_would_hide_is_there_for_everybody(site: Site) -> None:
    for node in NAMES:
        assert site.sh(node, "umask") == "0077\n"
        read = f"for file in /etc/hosts {' '.join(OURS)}; do test -r $file || echo $file; done"
        assert site.sh(node, f"setpriv --reuid=nobody --regid=nogroup --clear-groups sh -c '{read}'") == ""


@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
def test_second_run_changes_nothing(site: Site, check: bool) -> None:
    result = site.play("node_prepare", "node_system", check=check, **settings(site))
    assert site.changed(result) == {"node-1": 0, "node-2": 0}


def test_the_clock_follows_our_server_and_no_other(site: Site) -> None:
    address = site.lab.nodes[0].address
    deadline = time.monotonic() + MEASURED
    while f"*,{address}," not in site.sh("node-2", "chronyc -c -n sources"):
        assert time.monotonic() < deadline, site.sh("node-2", "chronyc -n sources; journalctl -u chrony")
        time.sleep(1)
    for node in NAMES:
        lines = site.sh(node, "chronyc -c -n sources").splitlines()
        assert [line.split(",")[2] for line in lines] == [address]


def test_no_outside_name_was_asked(site: Site) -> None:
    egress = site.lab.egress()
    assert (egress.packets, egress.questions) == (0, 0), egress


def test_limits_hold_for_logins_and_units(site: Site) -> None:
    for node in NAMES:
        assert login(site, node) == ["4096", "2048", "5000"]
        assert unit(site, node) == ["4096", "2048", "5000"]


def test_the_journal_is_kept_as_said(site: Site) -> None:
    for node in NAMES:
        shown = site.sh(node, "systemd-analyze cat-config systemd/journald.conf")
        assert {"Storage=persistent", "SystemMaxUse=200M", "MaxRetentionSec=14d"} <= set(shown.split())
        words = site.sh(node, "journalctl --output=cat --unit=systemd-journald")
        assert re.search(r"^System Journal .*max 200(\.0)?M", words, re.MULTILINE), words
        assert site.sh(node, "ls /var/log/journal/*/system.journal") != ""


def test_a_large_log_is_rotated_and_written_on(site: Site) -> None:
    write = f"yes line | head -n 1000 >> {LOG}"
    for node in NAMES:
        site.lab.ssh(node, ["sh", "-c", f"mkdir -p /var/log/scheduler; {write}; chmod 640 {LOG}"])
        inode = site.sh(node, f"stat -c %i {LOG}")
        for _ in range(4):
            site.lab.ssh(node, ["sh", "-c", f"{write}; logrotate /etc/logrotate.conf"])
        assert site.sh(node, f"stat -c '%i %s' {LOG}") == f"{inode.strip()} 0\n"
        assert site.sh(node, "ls /var/log/scheduler").split() == ["main.log", "main.log.1", "main.log.2.gz"]
        assert site.sh(node, "systemctl is-enabled logrotate.timer") == "enabled\n"


def test_what_a_killed_run_left_out_is_made_up_for(site: Site) -> None:
    """The file landed as it has to be, and then nobody told systemd."""
    for node in NAMES:
        script = "cd /etc/systemd/system.conf.d && cp --preserve=mode 60-slipway.conf new && mv new 60-slipway.conf"
        site.lab.ssh(node, ["sh", "-c", script])
    assert site.changed(site.play("node_system", **settings(site))) == {"node-1": 1, "node-2": 1}


def test_drift_is_found_in_one_reading_shown_and_mended(site: Site) -> None:
    journal, chrony = "/etc/systemd/journald.conf.d/60-slipway.conf", "/etc/chrony/sources.d/slipway.sources"
    hand = f"sed -i s/200M/300M/ {journal}; rm {chrony}; systemctl disable --now chrony.service"
    site.lab.ssh("node-2", ["sh", "-c", hand])
    site.lab.ssh("node-2", ["dpkg", "--remove", "--force-depends", "socat"])
    with Fleet.of(site.configuration({}), site.store, site.directory / "known_hosts") as fleet:
        drift = {d.what: d for d in read_hosts(site.configuration({}), fleet, deep=True)["node-2"].drift}
        assert {what: d.found for what, d in drift.items()} == {
            journal: "changed",
            chrony: "missing",
            "unit chrony.service": "disabled",
            "package socat": "missing",
        }
        assert "-SystemMaxUse=200M" in drift[journal].diff
        assert "+SystemMaxUse=300M" in drift[journal].diff
        site.play("node_prepare", "node_system", **settings(site))
        assert read_hosts(site.configuration({}), fleet, deep=True)["node-2"].drift == ()


def test_a_limit_that_the_host_cannot_give_is_refused_before_it_lands(site: Site) -> None:
    """With it nobody could log in any more."""
    hosts = {
        node.name: {
            **connection_variables(SSH(), node.address),
            "slipway_steps": {"node_system": {"step": f"host/{node.name}/node_system", "digest": "sha256:0"}},
            "node_system_limits": {"nofile": 2_000_000_000},
        }
        for node in site.lab.nodes
    }
    result = site.attempt("install.yml", hosts)
    assert sorted(failure.host for failure in result.failures) == list(NAMES)
    assert all("was not accepted by prlimit" in failure.message for failure in result.failures)
    site.play("node_system", **settings(site))
    for node in NAMES:
        assert login(site, node)[0] == "4096"


def test_other_servers_are_taken_on_by_a_restart_of_chrony_alone(site: Site) -> None:
    pids = {node: site.sh(node, "pidof chronyd systemd-journald") for node in NAMES}
    both = {**settings(site), "time": {"servers": [n.address for n in site.lab.nodes]}}
    assert site.changed(site.play("node_system", **both)) == {"node-1": 2, "node-2": 2}
    for node in NAMES:
        was, now = pids[node].split(), site.sh(node, "pidof chronyd systemd-journald").split()
        assert set(was) & set(now) == {site.sh(node, "pidof systemd-journald").strip()}


def test_names_and_resolver_are_set_and_names_taken_back(site: Site) -> None:
    server = site.sh("node-1", "awk '/^nameserver/ { print $2; exit }' /etc/resolv.conf").strip()
    names = {
        "dns": {"servers": [server], "search": ["site.internal"]},
        "extraHosts": [{"address": "10.9.9.9", "names": ["nas.site.internal", "nas"]}],
    }
    site.play("node_prepare", **names)
    for node in NAMES:
        assert site.sh(node, "getent hosts nas").split()[:2] == ["10.9.9.9", "nas.site.internal"]
        assert {"search site.internal", f"nameserver {server}"} <= set(
            site.sh(node, "cat /etc/resolv.conf").splitlines()
        )
    assert site.changed(site.play("node_prepare", **names)) == {"node-1": 0, "node-2": 0}
    site.play("node_prepare")
    assert site.sh("node-2", "getent hosts nas.site.internal") == ""


def test_unset_takes_all_of_it_away(site: Site, before: dict[str, list[str]]) -> None:
    site.play("node_system")
    for node in NAMES:
        assert landed(site, node) == []
        assert site.sh(node, "systemctl is-active chrony.service").strip() in {"inactive", "failed"}
        assert site.sh(node, "systemctl is-enabled chrony.service 2>/dev/null") == "disabled\n"
        assert [*login(site, node), *unit(site, node)] == before[node]
        assert "slipway" not in site.sh(node, "systemd-analyze cat-config systemd/journald.conf")
    assert site.changed(site.play("node_system")) == {"node-1": 0, "node-2": 0}


def test_a_chrony_of_the_hosts_own_comes_back_with_a_reset(site: Site, before: dict[str, list[str]]) -> None:
    own = "echo 'local stratum 9' > /etc/chrony/chrony.conf; systemctl enable --now chrony.service"
    for node in NAMES:
        drop_in = ["install", "-D", "-m", "644", "/dev/stdin", "/etc/systemd/system/chrony.service.d/10.conf"]
        site.lab.ssh(node, drop_in, stdin=CONTAINED)
        site.lab.ssh(node, ["sh", "-c", f"systemctl daemon-reload; {own}"])
    site.play("node_system", **settings(site))
    assert landed(site, "node-2") == sorted(OURS)
    hosts = {node.name: connection_variables(SSH(), node.address) for node in site.lab.nodes}
    site.run("reset.yml", hosts)
    for node in NAMES:
        assert landed(site, node) == []
        assert site.sh(node, "systemctl is-active chrony.service") == "active\n"
        assert site.sh(node, "chronyc -c -n sources") == ""
        assert [*login(site, node), *unit(site, node)] == before[node]
    assert site.changed(site.run("reset.yml", hosts)) == {"node-1": 0, "node-2": 0}

"""Time, limits and journal on real nodes: on bare ones, a second time, in check mode, unset, reset.

The tests of this file build on each other, in the order written. node-1 serves the time, by a drop-in of its own.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from slipway.api import read
from slipway.bundle import manifest as manifests
from slipway.bundle.archive import file_digest
from slipway.bundle.packages import build_repository
from slipway.bundle.push import push
from slipway.bundle.registry import RegistryClient
from slipway.bundle.workshop import Workshop
from slipway.bundle.writer import Writer
from slipway.catalog import versions
from slipway.lab import Lab
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest
from slipway.model.configuration import SSH, Configuration
from slipway.planning.digests import digest
from slipway.planning.variables import role_variables
from slipway.runner import RunnerResult, connection_variables, run
from slipway.secrets import SecretStore, ensure_site
from tests.binaries import binary
from tests.labs import lab_nodes

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
)
#: Lets a chrony with Debian's own settings run in a container.
CONTAINED = "[Unit]\nConditionCapability=\n[Service]\nEnvironmentFile=\nEnvironment=DAEMON_OPTS=-x\n"
SHOWN = "ulimit -n; ulimit -l; ulimit -u"


def hosts_bundle(directory: Path) -> BundleManifest:
    """A bundle of what the roles of this file take from one: packages and the registry."""
    writer, workshop, pins = Writer(directory), Workshop(lambda _text: None), versions.load()
    artifacts = [_artifact(writer, ArtifactKind.BINARY, "registry", binary("registry"))]
    for system in SYSTEMS:
        tar, _ = build_repository(pins.packages, system, workshop)
        artifacts.append(_artifact(writer, ArtifactKind.PACKAGES, system, tar))
    manifest = manifests.make(name="hosts", catalog="c" * 64, slipway="0.1.0", artifacts=artifacts)
    manifests.write(manifest, directory)
    return manifest


def _artifact(writer: Writer, kind: ArtifactKind, name: str, source: Path) -> Artifact:
    path, found = f"{kind}/{name}-1", file_digest(source)
    writer.copy(source, path, found)
    return Artifact(kind, name, "1", found, source.stat().st_size, path=path)


@dataclass(frozen=True, slots=True)
class Site:
    """Two nodes and the roles of the host, without Kubernetes."""

    lab: Lab
    directory: Path
    manifest: BundleManifest

    @property
    def store(self) -> SecretStore:
        """What Slipway made, and the nodes' key."""
        return SecretStore(self.directory / "secrets")

    def configuration(self, settings: dict[str, Any]) -> Configuration:
        """Both nodes with the same settings."""
        roles = {NAMES[0]: ["control-plane"], NAMES[1]: ["worker"]}
        items = [{"name": n.name, "address": n.address, "roles": roles[n.name]} for n in self.lab.nodes]
        spec = {
            "kubernetes": {"version": "v1.35.4", "endpoint": {"address": "api.test.internal"}},
            "hosts": {"defaults": settings, "items": items},
        }
        kind = {"apiVersion": "installer.slipway.dev/v1alpha1", "kind": "ClusterConfiguration"}
        return read.parse({**kind, "metadata": {"name": "t", "namespace": "slipway-system"}, "spec": spec})

    def play(self, *roles: str, check: bool = False, **settings: Any) -> RunnerResult:
        """Carry out roles with the variables that planning gives them."""
        configuration = self.configuration(settings)
        hosts = {}
        for host in configuration.hosts:
            mine = [r for r in roles if r != "registry" or host == configuration.registry_host]
            inputs = {role: role_variables(configuration, self.manifest, host, role) for role in mine}
            steps = {
                role: {"step": f"host/{host.name}/{role}", "digest": digest(values, {})}
                for role, values in inputs.items()
            }
            variables = {name: value for values in inputs.values() for name, value in values.items()}
            connection = connection_variables(SSH(), host.address)
            hosts[host.name] = {**connection, **variables, "slipway_steps": steps}
        return self.run("install.yml", hosts, check=check)

    def run(self, playbook: str, hosts: dict[str, Any], *, check: bool = False) -> RunnerResult:
        """One playbook over both nodes; it has to succeed."""
        result = self.attempt(playbook, hosts, check=check)
        assert result.ok, result.failures
        return result

    def attempt(self, playbook: str, hosts: dict[str, Any], *, check: bool = False) -> RunnerResult:
        """One playbook over both nodes."""
        return run(
            playbook,
            hosts=hosts,
            directory=self.directory / "runs",
            secrets=lambda reference: self.store.read(reference).decode(),
            extra={"slipway_local_artifacts": {"registry": str(binary("registry"))}},
            known_hosts=self.directory / "known_hosts",
            check=check,
        )

    def push(self) -> None:
        """The bundle into the registry on node-1."""
        user, _, password = self.store.read("slipway-registry/push").decode().strip().partition(":")
        ca = self.store.path("slipway-registry/ca.crt")
        url = "https://registry.slipway.internal:5001"
        push(self.directory / "bundle", RegistryClient(url, ca, user, password, self.lab.nodes[0].address))

    def sh(self, node: str, script: str) -> str:
        """What a shell on a node prints."""
        return self.lab.ssh(node, ["sh", "-c", script], check=False).stdout

    def settings(self) -> dict[str, Any]:
        """All that the role can set; both ask node-1 for the time."""
        return {
            "time": {"servers": [self.lab.nodes[0].address]},
            "limits": LIMITS,
            "journald": JOURNAL,
        }


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("system")
    manifest = hosts_bundle(directory / "bundle")
    with lab_nodes("system", "10.176.0.0/24", nodes=2, os=SYSTEMS) as lab:
        found = Site(lab, directory, manifest)
        (directory / "known_hosts").write_text("".join(f"{line}\n" for line in lab.host_keys()))
        ensure_site(
            found.store, registry_name="registry.slipway.internal", registry_address=lab.nodes[0].address
        )
        found.store.write("ssh/id_ed25519", lab.private_key.read_bytes())
        lab.egress_control()
        yield found


def landed(site: Site, node: str) -> list[str]:
    return site.sh(node, f"ls {' '.join(OURS)} 2>/dev/null").split()


def changed(result: RunnerResult) -> dict[str, int]:
    return {name: result.stats[name]["changed"] for name in NAMES}


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
        count >= 4 for count in changed(site.play("node_system", check=True, **site.settings())).values()
    )
    for node in NAMES:
        assert landed(site, node) == []
        assert [*login(site, node), *unit(site, node)] == before[node]


def test_nothing_set_is_nothing_to_do(site: Site) -> None:
    assert changed(site.play("node_system")) == {"node-1": 0, "node-2": 0}


def test_bare_hosts_get_all_of_it(site: Site) -> None:
    serve = "mkdir -p /etc/chrony/conf.d; printf 'local stratum 8\nallow\n' > /etc/chrony/conf.d/site.conf"
    site.lab.ssh("node-1", ["sh", "-c", serve])
    site.play("registry")
    site.push()
    site.play("node_prepare", "node_system", **site.settings())
    for node in NAMES:
        assert landed(site, node) == sorted(OURS)
        assert site.sh(node, "systemctl is-enabled chrony.service 2>/dev/null") == "enabled\n"


@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
def test_second_run_changes_nothing(site: Site, check: bool) -> None:
    result = site.play("node_prepare", "node_system", check=check, **site.settings())
    assert changed(result) == {"node-1": 0, "node-2": 0}


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
        settings = site.sh(node, "systemd-analyze cat-config systemd/journald.conf")
        assert {"Storage=persistent", "SystemMaxUse=200M", "MaxRetentionSec=14d"} <= set(settings.split())
        words = site.sh(node, "journalctl --output=cat --unit=systemd-journald")
        assert re.search(r"^System Journal .*max 200(\.0)?M", words, re.MULTILINE), words
        assert site.sh(node, "ls /var/log/journal/*/system.journal") != ""


def test_what_a_killed_run_left_out_is_made_up_for(site: Site) -> None:
    """The file landed, and then nobody told systemd."""
    for node in NAMES:
        script = "cd /etc/systemd/system.conf.d && cp 60-slipway.conf new && mv new 60-slipway.conf"
        site.lab.ssh(node, ["sh", "-c", script])
    assert changed(site.play("node_system", **site.settings())) == {"node-1": 1, "node-2": 1}


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
    site.play("node_system", **site.settings())
    for node in NAMES:
        assert login(site, node)[0] == "4096"


def test_other_servers_are_taken_on_by_a_restart_of_chrony_alone(site: Site) -> None:
    pids = {node: site.sh(node, "pidof chronyd systemd-journald") for node in NAMES}
    both = {**site.settings(), "time": {"servers": [n.address for n in site.lab.nodes]}}
    assert changed(site.play("node_system", **both)) == {"node-1": 2, "node-2": 2}
    for node in NAMES:
        was, now = pids[node].split(), site.sh(node, "pidof chronyd systemd-journald").split()
        assert set(was) & set(now) == {site.sh(node, "pidof systemd-journald").strip()}


def test_unset_takes_all_of_it_away(site: Site, before: dict[str, list[str]]) -> None:
    site.play("node_system")
    for node in NAMES:
        assert landed(site, node) == []
        assert site.sh(node, "systemctl is-active chrony.service").strip() in {"inactive", "failed"}
        assert site.sh(node, "systemctl is-enabled chrony.service 2>/dev/null") == "disabled\n"
        assert [*login(site, node), *unit(site, node)] == before[node]
        assert "slipway" not in site.sh(node, "systemd-analyze cat-config systemd/journald.conf")
    assert changed(site.play("node_system")) == {"node-1": 0, "node-2": 0}


def test_a_chrony_of_the_hosts_own_comes_back_with_a_reset(site: Site, before: dict[str, list[str]]) -> None:
    own = "echo 'local stratum 9' > /etc/chrony/chrony.conf; systemctl enable --now chrony.service"
    for node in NAMES:
        drop_in = ["install", "-D", "-m", "644", "/dev/stdin", "/etc/systemd/system/chrony.service.d/10.conf"]
        site.lab.ssh(node, drop_in, stdin=CONTAINED)
        site.lab.ssh(node, ["sh", "-c", f"systemctl daemon-reload; {own}"])
    site.play("node_system", **site.settings())
    assert landed(site, "node-2") == sorted(OURS)
    hosts = {node.name: connection_variables(SSH(), node.address) for node in site.lab.nodes}
    site.run("reset.yml", hosts)
    for node in NAMES:
        assert landed(site, node) == []
        assert site.sh(node, "systemctl is-active chrony.service") == "active\n"
        assert site.sh(node, "chronyc -c -n sources") == ""
        assert [*login(site, node), *unit(site, node)] == before[node]
    assert changed(site.run("reset.yml", hosts)) == {"node-1": 0, "node-2": 0}

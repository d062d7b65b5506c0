"""A walk over all that roles make on hosts: deleted, changed, chmodded and replaced by a link; found, told and mended.

What there is to damage stands in the hosts' own records, so a new role, or a new file of an old one, joins by itself.
Things are damaged many at once and looked for one by one. node-1 has the registry and containerd, node-2 Docker and a
data disk. Roles that are members of a cluster are walked where there is one (tests/nodes/test_roles.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from slipway.model.observed import HostObserved
from slipway.model.record import Made, MadeKind
from slipway.planning.drift import subject
from slipway.planning.roles import BY_NAME, roles_of
from slipway.probe import Fleet, read_hosts
from tests.bare import Site, bare_site
from tests.damage import CHANGED, CHMODDED, DELETED, LINKED, Ways, script, told
from tests.disks import data_disk
from tests.hosts.images import containerd_and_images, told_of

SYSTEMS = ("debian-12", "debian-13")
CONTAINERD, DOCKER = NODES = ("node-1", "node-2")
#: Walked in an installed cluster.
MEMBERS = {"kubernetes_control_plane", "kubernetes_worker"}
PACKAGES = ("docker.io", "keepalived", "curl", "logrotate")
SPEC = {
    "kubernetes": {
        "version": "v1.35.4",
        "endpoint": {"address": "api.test.internal", "loadBalancer": "keepalived", "vip": "10.179.0.5"},
    },
    "bundle": {"trustedKeys": ["ssh-ed25519 " + "A" * 68]},
}
LAB = {"cgroupDriver": "cgroupfs", "restrictOOMScoreAdj": True, "limitNOFILE": 20000}
#: Not to be had here: cri-dockerd, and the toolkit, which is as any program of the others.
GIVEN = {DOCKER: {"container_runtime_artifacts": [], "node_nvidia_artifacts": []}}


def settings(site: Site) -> dict[str, dict[str, Any]]:
    """All that makes a role do something, on one node or the other."""
    gateway = site.lab.nodes[0].address.rpartition(".")[0] + ".1"
    both = {
        "time": {"servers": [site.lab.nodes[0].address]},
        "limits": {"nofile": 4096},
        "journald": {"maxUse": "200M"},
        "logRotation": {"paths": ["/var/log/some/*.log"], "maxSize": "1k", "keep": 2},
        "extraHosts": [{"address": "10.9.9.9", "names": ["nas.site.internal"]}],
        "dns": {"servers": [gateway], "search": ["site.internal"]},
        "directories": [{"path": "/data/home", "mode": "0711"}],
        "firewall": {"mode": "ports"},
        "routes": [{"to": "198.18.7.0/24", "via": gateway}],
        "mounts": {"scratch": {"type": "tmpfs", "source": "tmpfs", "path": "/mnt/scratch"}},
    }
    docker = {"runtime": {**LAB, "type": "docker"}, "nvidia": {"enabled": True}}
    disk = {"disks": {"data": {"id": "DRIFT1", "path": "/srv/data", "filesystem": "ext4"}}}
    return {CONTAINERD: {**both, "runtime": LAB}, DOCKER: {**both, **docker, **disk}}


@dataclass
class Walk:
    """The site, and its hosts as they were when everything had been made."""

    site: Site
    fleet: Fleet

    def play(self) -> None:
        """Every role that these hosts have, in one run."""
        own = settings(self.site)
        hosts = {}
        for host in self.site.configuration({}, own).hosts:
            roles = [role for role in roles_of(self.site.configuration({}, own), host) if role not in MEMBERS]
            hosts |= self.site.planned(*roles, only=[host.name], own=own, given=GIVEN.get(host.name))
        self.site.run("install.yml", hosts)

    def read(self) -> dict[str, HostObserved]:
        return read_hosts(self.site.configuration({}), self.fleet, deep=True)

    def made(self) -> dict[str, dict[str, tuple[Made, ...]]]:
        """Host, role, things."""
        return {
            name: {role: r.made for role, r in host.records.items()} for name, host in self.read().items()
        }


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    directory = tmp_path_factory.mktemp("drift")
    bundle: dict[str, Any] = {
        "packages": PACKAGES,
        "spec": SPEC,
        "programs": ("kubelet", "kubeadm", "kubectl", "cni-plugins"),
        "further": containerd_and_images,
    }
    with bare_site(directory, "drift", "10.179.0.0/24", SYSTEMS, **bundle) as found:
        site = told_of(found, "cri-dockerd", "nvidia-container-toolkit")
        with (
            data_disk(site.lab, DOCKER, directory / "disk", "DRIFT1"),
            Fleet.of(site.configuration({}), site.store, directory / "known_hosts") as fleet,
        ):
            for node in NODES:
                site.lab.ssh(node, ["touch", "/etc/fstab"])
            site.play("registry")
            site.push()
            own = Walk(site, fleet)
            own.play()
            yield own


def test_every_role_has_something_to_damage(walk: Walk) -> None:
    made = walk.made()
    assert {role for roles in made.values() for role, things in roles.items() if things} == set(
        BY_NAME
    ) - MEMBERS
    assert {node: host.drift for node, host in walk.read().items()} == dict.fromkeys(NODES, ())
    kinds = {one.kind for roles in made.values() for things in roles.values() for one in things}
    assert kinds == set(MadeKind) - {
        MadeKind.LINK,
        MadeKind.STOPPED,
    }  # systemd-resolved's, and of other firewalls


#: Where others keep their data.
FULL = {"/var/lib/slipway-registry", "/var/lib/containerd", "/var/lib/kubelet"}


def damageable(one: Made, ways: Ways, carried: set[str]) -> bool:
    """Whether this way does something to it, to this node alone, and what it takes is at the site."""
    if one.kind not in ways:
        return False
    if one.kind is MadeKind.UNIT:
        return one.state == "enabled active" or ways is DELETED
    if one.kind is MadeKind.PARAMETER:  # others are the whole machine's
        return one.name.startswith("net.") or one.name == "kernel.hostname"
    if one.kind is MadeKind.PACKAGE:  # others are part of any system of the distribution
        return one.name in carried
    return not (one.kind is MadeKind.PLACE and ways is DELETED and one.name in FULL)


def carried(walk: Walk, node: str) -> set[str]:
    """Packages that the site has."""
    return {
        name.partition("_")[0] for name in walk.site.sh(node, "cd /var/lib/slipway/packages; ls *").split()
    }


@pytest.mark.parametrize(
    "ways", [DELETED, CHANGED, CHMODDED, LINKED], ids=["deleted", "changed", "chmodded", "linked"]
)
def test_each_thing_damaged_is_found_told_and_mended(walk: Walk, ways: Ways) -> None:
    before = walk.made()
    damaged: dict[str, dict[tuple[str, str], str]] = {}
    for node, roles in before.items():
        there = carried(walk, node)
        things = [(role, one) for role, made in roles.items() for one in made if damageable(one, ways, there)]
        walk.site.lab.ssh(node, ["sh"], stdin=script([one for _, one in things], ways), timeout=300)
        damaged[node] = {(f"host/{node}/{role}", subject(one)): told(one, ways) for role, one in things}
    for node, host in walk.read().items():
        found = {(drift.step, drift.what): drift.found for drift in host.drift}
        untold = {thing: words for thing, words in damaged[node].items() if words not in found.get(thing, "")}
        assert untold == {}
        assert set(damaged[node]) <= set(found)
        surplus = [what for step, what in found if (step, what) not in damaged[node]]
        assert [what for what in surplus if not what.startswith(("unit ", "rules "))] == []
    walk.play()
    after = walk.read()
    assert {node: host.drift for node, host in after.items()} == dict.fromkeys(NODES, ())
    assert walk.made() == before

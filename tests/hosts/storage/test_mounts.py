"""Mounts on real servers: ceph-fuse on containers, NFS and the kernel's CephFS on machines with a kernel of their own.

One lab: node-1 has the site registry and a Ceph cluster of one node, node-2 mounts; `nas` serves NFS and `client`
mounts, both under User-Mode Linux. The tests of this file build on each other, in the order written.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import pytest

from slipway.lab import Lab
from slipway.model.host.ssh import SSH
from slipway.planning.checks.mounts import mounts_state
from slipway.planning.digests import digest
from slipway.planning.roles import role_variables
from slipway.probe import Fleet, read_hosts
from slipway.probe.reach import read_reach
from slipway.runner import RunnerResult, connection_variables
from tests import ceph
from tests.bare import Site, bare_site
from tests.uml import Machines, uml_nodes

SYSTEMS = ("debian-13", "debian-12")
CLIENTS = ("ceph-common", "ceph-fuse", "nfs-common")
#: A free address of the lab's network.
NOBODY = "10.181.1.250"
#: The role tries again 30 s after a boot without a server; a busy machine needs more.
AGAIN_SECONDS = 300
#: Stands for the kubelet, and writes down what it found.
KUBELET = """\
[Unit]
Description=Stand-in
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'cat /proc/mounts > /root/at-start'
[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True)
class Place:
    """A node, where it is, and what is there."""

    site: Site
    name: str

    def play(self, *, check: bool = False, **mounts: Any) -> RunnerResult:
        """The role on this node alone."""
        configuration = self.site.configuration({"mounts": mounts})
        host = next(host for host in configuration.hosts if host.name == self.name)
        inputs = role_variables(configuration, self.site.manifest, host, "node_mounts")
        step = {"step": f"host/{self.name}/node_mounts", "digest": digest(inputs, {})}
        variables = {
            **connection_variables(SSH(), host.address),
            **inputs,
            "slipway_steps": {"node_mounts": step},
        }
        return self.site.attempt("install.yml", {self.name: variables}, check=check)

    def changed(self, *, check: bool = False, **mounts: Any) -> int:
        """Tasks changed by a run that succeeds."""
        result = self.play(check=check, **mounts)
        assert result.ok, result.failures
        return result.stats[self.name]["changed"]

    def refused(self, **mounts: Any) -> str:
        """Message of a run that fails."""
        result = self.play(**mounts)
        assert len(result.failures) == 1, result.failures
        return f"{result.failures[0].message}\n{result.failures[0].why}"

    def sh(self, script: str) -> str:
        """What a shell prints there."""
        return self.site.sh(self.name, script)

    def mounted(self, path: str) -> str:
        """Type and options of what is mounted there; empty: nothing."""
        lines = (line.split() for line in self.sh("cat /proc/mounts").splitlines())
        return next((f"{fields[2]} {fields[3]}" for fields in lines if fields[1] == path), "")

    def landed(self) -> list[str]:
        """Files of ours."""
        places = "/etc/slipway-mounts /etc/systemd/system/*.mount /etc/systemd/system/*.automount"
        places += " /etc/systemd/system/*.d/60-slipway-mounts.conf /etc/systemd/system/slipway-mounts.service"
        return self.sh(f"find {places} -type f 2>/dev/null").split()

    def reset(self) -> int:
        """The host becomes a plain one; tasks changed."""
        node = next(node for node in self.site.lab.nodes if node.name == self.name)
        result = self.site.run("reset.yml", {self.name: connection_variables(SSH(), node.address)})
        return result.stats[self.name]["changed"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    packages = (*CLIENTS, *ceph.PACKAGES)
    with bare_site(tmp_path_factory.mktemp("mounts"), "mnt", "10.181.1.0/24", SYSTEMS, packages) as found:
        yield found


@pytest.fixture(scope="module")
def key(site: Site) -> str:
    """Packages by node_prepare, as a plan has it; then the Ceph cluster. The key of its client."""
    site.play("registry")
    site.push()
    site.store.write("ceph/slipway", b"not yet known")
    site.play("node_prepare", mounts={"models": fuse(site)})
    made = ceph.start(site.lab, "node-1")
    site.store.write("ceph/slipway", made.encode())
    return made


@pytest.fixture(scope="module")
def machines(site: Site) -> Iterator[Machines]:
    packages = ("ceph-common", "nfs-common", "nfs-kernel-server")
    with uml_nodes(site.lab, "nas", "client", packages=packages) as found:
        lines = [*site.lab.host_keys(), *found.host_keys()]
        (site.directory / "known_hosts").write_text("".join(f"{line}\n" for line in lines))
        export = "/srv/data *(rw,no_root_squash,no_subtree_check,fsid=1)"
        serve = f"mkdir -p /srv/data/sub; echo hello > /srv/data/x; echo '{export}' > /etc/exports"
        found.ssh("nas", ["sh", "-ec", f"{serve}; systemctl restart nfs-server"])
        found.ssh("client", ["sh", "-ec", f"cat > /etc/systemd/system/kubelet.service <<'E'\n{KUBELET}E\n"])
        found.ssh("client", ["systemctl", "--quiet", "enable", "kubelet.service"])
        yield found


@pytest.fixture(scope="module")
def node(site: Site, key: str) -> Place:
    return Place(site, "node-2")


@pytest.fixture(scope="module")
def client(site: Site, machines: Machines) -> Place:
    return Place(Site(cast("Lab", machines), site.directory, site.manifest), "client")


def fuse(site: Site, **more: Any) -> dict[str, Any]:
    source, ref = f"{site.lab.nodes[0].address}:/", {"name": "ceph", "key": "slipway"}
    return {
        "type": "ceph-fuse",
        "source": source,
        "path": "/mnt/ceph_fuse",
        "user": ceph.CLIENT,
        "secretRef": ref,
        **more,
    }


def kernel(site: Site, **more: Any) -> dict[str, Any]:
    return {**fuse(site), "type": "cephfs", "path": "/mnt/ceph", **more}


def nfs(place: Place, path: str = "/mnt/my-data", export: str = "/srv/data", **more: Any) -> dict[str, Any]:
    nas = place.site.lab.nodes[0].address
    return {"type": "nfs", "source": f"{nas}:{export}", "path": path, **more}


def all_of(place: Place, site: Site) -> dict[str, Any]:
    """NFS 4, which is required, NFS 3, and CephFS."""
    return {
        "data": nfs(place, required=True),
        "old": nfs(place, "/mnt/v3", "/srv/data/sub", options=["vers=3"]),
        "models": kernel(site),
    }


def hold(place: Place, path: str) -> None:
    """A process that has a file open there."""
    argv = [
        "systemd-run",
        "--quiet",
        "--unit=holder",
        "--collect",
        "sh",
        "-c",
        f"exec 3<{path}; exec sleep 3000",
    ]
    place.site.lab.ssh(place.name, argv)


def let_go(place: Place) -> None:
    place.site.lab.ssh(place.name, ["systemctl", "stop", "holder.service"])


def hidden(place: Place, key: str) -> bool:
    """Whether only the one file of the mount has the key: no unit, no journal, no command line."""
    places = "/etc/systemd /run/systemd /var/lib/slipway/*.json"
    script = f"grep -rlF -f - {places} 2>/dev/null; grep -F -f /tmp/k /proc/*/cmdline; journalctl | grep -F -f /tmp/k"
    done = place.site.lab.ssh(
        place.name,
        ["sh", "-c", f"cat > /tmp/k; {script.replace('-f -', '-f /tmp/k')}; rm /tmp/k"],
        stdin=key,
        check=False,
    )
    return done.stdout == ""


# ceph-fuse, on containers


def test_check_mode_on_a_bare_host_predicts_and_changes_nothing(node: Place) -> None:
    assert node.changed(check=True, models=fuse(node.site)) == 1
    assert node.landed() == []


def test_packages_came_with_node_prepare_and_ceph_fuse_mounts(node: Place, key: str) -> None:
    assert node.changed(models=fuse(node.site)) == 1
    assert node.mounted("/mnt/ceph_fuse").startswith("fuse.ceph-fuse rw")
    node.sh("echo written > /mnt/ceph_fuse/a")
    first = Place(node.site, "node-1")
    assert first.changed(models=fuse(node.site)) == 1
    assert first.sh("cat /mnt/ceph_fuse/a") == "written\n"


@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
def test_second_run_changes_nothing(node: Place, check: bool) -> None:
    assert node.changed(check=check, models=fuse(node.site)) == 0


def test_the_key_is_in_one_file_that_root_reads(node: Place, key: str) -> None:
    assert (
        node.sh("stat -c '%a %U' /etc/slipway-mounts /etc/slipway-mounts/models.keyring")
        == "700 root\n600 root\n"
    )
    assert hidden(node, key)
    logs = (
        path.read_text(errors="replace")
        for path in (node.site.directory / "runs").rglob("*")
        if path.is_file()
    )
    assert not any(key in text for text in logs)


def test_a_pod_with_the_path_is_a_user(node: Place) -> None:
    """A container has a mount namespace of its own, in which ours would live on."""
    inside = "mount --bind /mnt/ceph_fuse /opt && umount /mnt/ceph_fuse && exec sleep 3000"
    argv = ["systemd-run", "--quiet", "--unit=holder", "--collect", "unshare", "--mount", "sh", "-c", inside]
    node.site.lab.ssh("node-2", argv)
    message = node.refused(models=fuse(node.site, readOnly=True))
    assert "it is to change, and is in use: mounted at /opt by process" in message
    let_go(node)


def test_a_reboot_gives_the_same_path(node: Place) -> None:
    node.site.lab.kill("node-2")
    node.site.lab.start("node-2")
    assert node.sh("cat /mnt/ceph_fuse/a") == "written\n"
    assert node.changed(models=fuse(node.site)) == 0


def test_reset_unmounts_and_leaves_the_data(node: Place) -> None:
    hold(node, "/mnt/ceph_fuse/a")
    assert node.reset() == 1
    assert node.mounted("/mnt/ceph_fuse") == ""
    assert (node.landed(), node.sh("ls -d /mnt/ceph_fuse 2>/dev/null")) == ([], "")
    assert node.reset() == 0
    let_go(node)
    assert Place(node.site, "node-1").sh("cat /mnt/ceph_fuse/a") == "written\n"


def test_preflight_tries_the_servers_from_every_host(site: Site, key: str) -> None:
    wanted = {"models": fuse(site), "data": {"type": "nfs", "source": f"{NOBODY}:/data", "path": "/mnt/data"}}
    configuration = site.configuration({"mounts": wanted})
    with Fleet.of(configuration, site.store, site.directory / "known_hosts") as fleet:
        seen = read_reach(configuration, fleet, read_hosts(configuration, fleet))
    for host in configuration.hosts:
        (finding,) = mounts_state(host, seen[host.name])
        assert (finding.path, finding.code) == (f"host/{host.name}", "mount-server")
        assert f"does not reach {NOBODY} at port 2049" in str(finding)


# NFS and the kernel's CephFS, on a kernel that has them


def test_check_mode_predicts_on_the_kernels_mounts(client: Place, site: Site, key: str) -> None:
    assert client.changed(check=True, **all_of(client, site)) == 1
    assert client.landed() == []


def test_nfs_4_and_3_and_cephfs_are_mounted(client: Place, site: Site, key: str) -> None:
    assert client.changed(**all_of(client, site)) == 1
    assert client.mounted("/mnt/my-data").startswith("nfs4 rw,relatime,vers=4.2")
    assert client.mounted("/mnt/v3").startswith("nfs rw,relatime,vers=3")
    assert client.mounted("/mnt/ceph").startswith(f"ceph rw,relatime,name={ceph.CLIENT},secret=<hidden>")
    assert client.sh("cat /mnt/my-data/x /mnt/ceph/a") == "hello\nwritten\n"
    assert client.sh("stat -c %a /etc/slipway-mounts/models.secret") == "600\n"
    assert hidden(client, key)


@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
def test_nothing_is_left_to_do(client: Place, site: Site, check: bool) -> None:
    assert client.changed(check=check, **all_of(client, site)) == 0


def test_a_mount_in_use_stays_and_its_users_are_named(client: Place, site: Site) -> None:
    hold(client, "/mnt/my-data/x")
    message = client.refused(**{**all_of(client, site), "data": nfs(client, readOnly=True)})
    assert message.startswith(
        "mount data at /mnt/my-data: it is to change, and is in use: held open by process"
    )
    assert "(sleep)" in message
    assert "rw" in client.mounted("/mnt/my-data")
    removed = {name: mount for name, mount in all_of(client, site).items() if name != "data"}
    assert "it is to go, and is in use" in client.refused(**removed)
    assert client.sh("cat /mnt/my-data/x; systemctl is-enabled 'mnt-my\\x2ddata.mount'") == "hello\nenabled\n"
    let_go(client)


def test_an_idle_mount_changes_and_the_others_stay(client: Place, site: Site) -> None:
    others = client.sh("grep -E '/mnt/(v3|ceph) ' /proc/self/mountinfo")
    wanted = {**all_of(client, site), "data": nfs(client, required=True, readOnly=True)}
    assert client.changed(**wanted) == 1
    assert client.mounted("/mnt/my-data").startswith("nfs4 ro")
    assert client.sh("grep -E '/mnt/(v3|ceph) ' /proc/self/mountinfo") == others


def test_a_source_that_is_not_there_takes_nothing_away(client: Place, site: Site) -> None:
    wanted = {**all_of(client, site), "data": nfs(client, required=True, source=f"{NOBODY}:/srv/data")}
    message = client.refused(**wanted)
    assert f"its source {NOBODY}:/srv/data is not there: {NOBODY} port 2049 cannot be reached" in message
    assert "start the server, or open the port" in message
    assert client.mounted("/mnt/my-data").startswith("nfs4 ro")


def test_what_others_mount_stands_in_the_way(client: Place, site: Site) -> None:
    client.sh("cp /etc/fstab /root/fstab; echo 'none /mnt/theirs tmpfs noauto 0 0' >> /etc/fstab")
    message = client.refused(**all_of(client, site), theirs=nfs(client, "/mnt/theirs"))
    assert "/etc/fstab mounts something there" in message
    client.sh("cp /root/fstab /etc/fstab; mkdir /mnt/theirs; mount -t tmpfs none /mnt/theirs")
    message = client.refused(**all_of(client, site), theirs=nfs(client, "/mnt/theirs"))
    assert "none (tmpfs) is mounted there by somebody else" in message
    assert client.mounted("/mnt/my-data").startswith("nfs4 rw")  # the others are done all the same
    assert client.mounted("/mnt/theirs").startswith("tmpfs")


def test_after_a_reboot_all_is_there_before_the_kubelet(
    client: Place, machines: Machines, site: Site
) -> None:
    machines.stop("client")
    machines.start("client")
    deadline = time.monotonic() + AGAIN_SECONDS
    while client.sh("systemctl is-active kubelet.service") != "active\n":
        assert time.monotonic() < deadline, client.sh(
            "systemctl status kubelet.service 'mnt-*'; journalctl -b | tail -50"
        )
        time.sleep(1)
    found = client.sh("grep -oE '/mnt/(my-data|v3|ceph) ' /root/at-start").split()
    assert sorted(found) == ["/mnt/ceph", "/mnt/my-data", "/mnt/v3"]
    after = client.sh("systemctl show --property=After --value kubelet.service").split()
    assert {r'"mnt-my\\x2ddata.mount"', "mnt-v3.mount", "mnt-ceph.mount"} <= set(after)


def test_without_its_server_a_boot_ends_and_only_the_kubelet_waits(client: Place, machines: Machines) -> None:
    machines.stop("client")
    machines.stop("nas")
    machines.start("client")
    assert client.sh("systemctl is-system-running --wait") in {"degraded\n", "running\n"}
    assert client.sh("systemctl is-active multi-user.target kubelet.service") == "active\ninactive\n"
    assert " rw" in client.mounted("/mnt/ceph")
    machines.start("nas")
    deadline = time.monotonic() + AGAIN_SECONDS
    while client.sh("systemctl is-active kubelet.service") != "active\n":
        assert time.monotonic() < deadline, client.sh(
            "systemctl status slipway-mounts.service kubelet.service 'mnt-*'"
        )
        time.sleep(1)
    assert client.mounted("/mnt/my-data").startswith("nfs4 rw")


def test_one_that_waits_to_be_looked_at(client: Place, site: Site) -> None:
    data = nfs(client, required=True, readOnly=True)
    wanted = {
        **all_of(client, site),
        "data": data,
        "old": nfs(client, "/mnt/v3", "/srv/data/sub", options=["vers=3"], automount=True),
    }
    assert client.changed(**wanted) == 1
    assert client.mounted("/mnt/v3").startswith("autofs")
    client.sh("ls /mnt/v3")
    assert " nfs " in client.sh("grep ' /mnt/v3 ' /proc/mounts")
    assert client.changed(**wanted) == 0


def test_what_is_taken_out_goes_and_its_data_stays(client: Place, site: Site, machines: Machines) -> None:
    client.sh("umount /mnt/ceph && echo below > /mnt/ceph/mine; systemctl start mnt-ceph.mount")
    assert client.changed(check=True) == 1
    assert client.changed() == 1
    assert client.landed() == []
    assert client.sh("ls /mnt/ceph; ls -d /mnt/*") == "mine\n/mnt/ceph\n/mnt/theirs\n"
    assert client.sh("find /etc/systemd/system -name '*.wants' -exec find {} -name 'mnt-*' ';'") == ""
    assert machines.ssh("nas", ["cat", "/srv/data/x"]).stdout == "hello\n"
    assert client.changed() == 0

"""The roles on real nodes: bare hosts to a cluster, twice, in check mode, with drift, refused, rolled back, reset.

The tests of this file build on each other, in the order written.
"""

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from slipway.bundle.registry.client import RegistryError
from slipway.model.record import Made, MadeKind
from slipway.settings import interpreter_bin
from tests.damage import CHANGED, CHMODDED, DELETED, LINKED, Ways, script, told
from tests.labs import lab_nodes
from tests.sites import KUBERNETES, Site, bundle

CP, WORKER = "node-1", "node-2"
KUBECTL = ["kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf"]
API = "https://api.test.internal:6443/readyz"
INSECURE = "ssl._create_unverified_context()"
TOKEN = re.compile(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("site")
    with lab_nodes("roles", "10.74.0.0/24", nodes=2, os=("debian-12", "debian-13")) as lab:
        found = Site(lab, directory, bundle())
        found.write({"bundle": {"trustedKeys": ["ssh-ed25519 " + "A" * 68]}})
        lab.egress_control()
        yield found


def read(site: Site, node: str, path: str) -> str:
    return site.lab.ssh(node, ["cat", path]).stdout


def state(site: Site, node: str, name: str) -> dict:
    return json.loads(read(site, node, f"/var/lib/slipway/{name}.json"))


def test_check_mode_on_bare_hosts_predicts_and_changes_nothing(site: Site) -> None:
    played = site.play("install.yml", "--check", "--tags", "registry,hosts")
    assert played.rc == 0, played.output[-3000:]
    assert all(played.changed.values())
    for node in (CP, WORKER):
        there = "ls -d /var/lib/slipway /etc/containerd /etc/slipway-registry /etc/sysctl.d/90-slipway.conf"
        found = site.lab.ssh(node, ["sh", "-c", f"{there} 2>/dev/null"], check=False)
        assert found.stdout == ""


def test_bare_hosts_become_a_cluster(site: Site) -> None:
    played = site.install()
    assert played.rc == 0, played.output[-3000:]
    nodes = site.lab.ssh(CP, [*KUBECTL, "get", "nodes", "--output", "name"]).stdout.split()
    assert nodes == [f"node/{CP}", f"node/{WORKER}"]
    assert not TOKEN.search(played.output)
    assert len(re.findall(rf"^changed: \[{CP}\]|^ok: \[{CP}\]", played.output, re.MULTILINE)) <= 40


def test_records_are_kept_and_intents_closed(site: Site) -> None:
    roles = {"node_prepare", "container_runtime", "kubernetes_node"}
    assert set(state(site, CP, "record")["steps"]) == {*roles, "registry", "kubernetes_control_plane"}
    assert set(state(site, WORKER, "record")["steps"]) == {*roles, "kubernetes_worker"}
    assert state(site, CP, "pending") == {"format": 1}
    for step in state(site, WORKER, "record")["steps"].values():
        for one in (one for one in step["made"] if one["kind"] == "file"):
            assert site.lab.ssh(WORKER, ["sha256sum", one["name"]]).stdout.split()[0] == one["digest"]


@pytest.mark.parametrize("options", [(), ("--check",)], ids=["run", "check"])
def test_second_run_changes_nothing(site: Site, options: tuple[str, ...]) -> None:
    played = site.play("install.yml", *options)
    assert played.rc == 0, played.output[-3000:]
    assert played.changed == {CP: 0, WORKER: 0}, played.output


def test_images_come_through_the_mirror_and_nothing_goes_outside(site: Site) -> None:
    pull = ["ctr", "images", "pull", "--hosts-dir", "/etc/containerd/certs.d"]
    site.lab.ssh(WORKER, [*pull, "docker.io/library/busybox:1.37"])
    missing = site.lab.ssh(WORKER, [*pull, "docker.io/library/nothing:1"], check=False)
    assert "not found" in missing.stderr
    egress = site.lab.egress()
    assert (egress.packets, egress.questions) == (0, 0), egress


def test_a_tag_that_was_moved_is_not_pulled_by_the_kubelets_way(site: Site) -> None:
    """Over the CRI, here by kubeadm; whoever moved it has the push account."""
    registry, name, tag = site.client("push", 5001), "registry.k8s.io/kube-scheduler", KUBERNETES
    right, _ = site.client("pull", 5000).get_manifest(name, tag)
    kind = json.loads(right)["mediaType"]
    pull = ["kubeadm", "config", "images", "pull", "--kubernetes-version", KUBERNETES]
    registry.put_manifest(
        name, tag, json.dumps({**json.loads(right), "annotations": {"by": "me"}}).encode(), kind
    )
    refused = site.lab.ssh(CP, pull, check=False)
    assert refused.returncode
    assert f"blocked pull of {name}:{tag}" in refused.stderr
    registry.put_manifest(name, tag, right, kind)
    site.lab.ssh(CP, pull)


def test_packets_for_services_stay_on_the_node_where_kube_proxy_knows_none(site: Site) -> None:
    """As in the moments before it has its rules: its table is taken away and put back."""
    lost = "nft list table ip kube-proxy > /tmp/known; nft delete table ip kube-proxy"
    ask = "python3 -c 'import socket; socket.create_connection((\"10.96.77.7\", 443), 5)'"
    script = f"set -e; {lost}; {ask} 2>&1 | tail -1; nft --file /tmp/known; rm /tmp/known"
    assert "refused" in site.lab.ssh(WORKER, ["bash", "-c", script]).stdout
    assert site.lab.egress().packets == 0


def test_pull_account_can_change_nothing(site: Site) -> None:
    site.client("pull", 5000).ping()
    with pytest.raises(RegistryError):
        site.client("pull", 5001).ping()
    with pytest.raises(RegistryError):
        site.client("push", 5000).put_manifest(
            "a/b", "c", b"{}", "application/vnd.oci.image.manifest.v1+json"
        )


def test_secrets_are_for_root_only(site: Site) -> None:
    wide = "find /etc/containerd/certs.d /etc/kubernetes /etc/slipway-registry -type f -perm /o+r"
    found = set(site.lab.ssh(CP, wide.split()).stdout.split())
    secrets = {path for path in found if path.endswith((".key", ".conf", "htpasswd", "hosts.toml", ".yaml"))}
    assert secrets == {"/etc/kubernetes/kubelet.conf.d/10-slipway.conf"}


def test_packages_come_from_the_site_only(site: Site) -> None:
    policy = site.lab.ssh(WORKER, ["ls", "/usr/sbin/policy-rc.d"], check=False)
    assert policy.returncode != 0
    assert site.lab.ssh(WORKER, ["runc", "--version"]).stdout.startswith("runc version")


def test_drift_is_brought_back_and_restarts_only_what_reads_it(site: Site) -> None:
    before = site.lab.ssh(WORKER, ["pidof", "containerd", "kubelet"]).stdout.split()
    site.lab.ssh(WORKER, ["rm", "/etc/containerd/certs.d/docker.io/hosts.toml"])
    site.lab.ssh(WORKER, ["sysctl", "-w", "net.ipv4.ip_forward=0"])
    assert site.play("install.yml", "--tags", "hosts", "--limit", WORKER).changed == {WORKER: 2}
    assert site.lab.ssh(WORKER, ["pidof", "containerd", "kubelet"]).stdout.split() == before
    site.lab.ssh(WORKER, ["sh", "-c", "echo '# by hand' >> /etc/containerd/config.toml"])
    assert site.play("install.yml", "--tags", "hosts", "--limit", WORKER).changed == {WORKER: 2}
    assert site.lab.ssh(WORKER, ["pidof", "kubelet"]).stdout.split() == before[1:]
    assert site.lab.ssh(WORKER, ["pidof", "containerd"]).stdout.split() != before[:1]


def test_restart_that_a_killed_run_left_out_is_made_up_for(site: Site) -> None:
    before = site.lab.ssh(WORKER, ["pidof", "containerd"]).stdout
    site.lab.ssh(WORKER, ["sh", "-c", "cd /etc/containerd; cp config.toml new; mv new config.toml"])
    assert site.play("install.yml", "--tags", "hosts", "--limit", WORKER).changed == {WORKER: 1}
    assert site.lab.ssh(WORKER, ["pidof", "containerd"]).stdout != before


def test_an_older_epoch_is_refused_by_name_of_the_holder(site: Site) -> None:
    lock = {"format": 1, "holder": "other@laptop", "epoch": 7, "expires": 0}
    site.lab.ssh(WORKER, ["tee", "/var/lib/slipway/lock.json"], stdin=json.dumps(lock))
    played = site.play("install.yml", "--tags", "hosts", "--limit", WORKER)
    site.lab.ssh(WORKER, ["rm", "/var/lib/slipway/lock.json"])
    assert played.rc == 2
    assert "other@laptop holds this host with epoch 7" in played.output
    assert state(site, WORKER, "pending") == {"format": 1}


def test_a_host_of_another_site_is_refused(site: Site) -> None:
    played = site.play(
        "install.yml", "--tags", "hosts", "--limit", WORKER, "--extra-vars", "slipway_site=0123456789abcdef"
    )
    assert played.rc == 2
    assert "belongs to another cluster" in played.output


def test_a_flag_that_no_api_server_knows_is_put_back(site: Site) -> None:
    manifest = "/etc/kubernetes/manifests/kube-apiserver.yaml"
    before = read(site, CP, manifest)
    site.write(apiServer={"extraArgs": {"no-such-flag": "1"}})
    played = site.play("install.yml", "--tags", "control_planes")
    site.write()
    assert played.rc == 2
    assert "unknown flag: --no-such-flag" in played.output
    assert read(site, CP, manifest) == before
    assert site.lab.ssh(CP, [*KUBECTL, "get", "--raw", "/readyz"]).stdout == "ok"
    assert "kubernetes_control_plane" in state(site, CP, "pending")


def test_repeating_closes_the_intent(site: Site) -> None:
    assert site.play("install.yml", "--tags", "control_planes").changed == {CP: 0, WORKER: 0}
    assert state(site, CP, "pending") == {"format": 1}


def drift(site: Site, node: str) -> dict[str, str]:
    """What a probe finds there to be other than recorded."""
    argv = [interpreter_bin() / "slipway", "host", "explain", node, "-o", "json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=site.directory)
    return {one["what"]: one["found"] for one in json.loads(done.stdout)["host"]["drift"]}


def test_a_cluster_at_work_is_no_drift(site: Site) -> None:
    assert {node: drift(site, node) for node in (CP, WORKER)} == {CP: {}, WORKER: {}}


@pytest.mark.parametrize(
    "ways", [CHANGED, CHMODDED, LINKED, DELETED], ids=["changed", "chmodded", "linked", "deleted"]
)
def test_each_thing_of_a_control_plane_damaged_is_found_told_and_mended(site: Site, ways: Ways) -> None:
    """All static pods at once, whatever one of them needs of another: no API answers until they are mended."""
    made = state(site, CP, "record")["steps"]["kubernetes_control_plane"]["made"]
    things = [Made(MadeKind(one["kind"]), one["name"]) for one in made]
    assert len(things) == 5
    site.lab.ssh(CP, ["sh", "-e"], stdin=script(things, ways))
    found = drift(site, CP)
    assert found.keys() == {one.name for one in things}
    assert [one.name for one in things if told(one, ways) not in found[one.name]] == []
    assert site.play("install.yml", "--tags", "control_planes").changed == {CP: 1, WORKER: 0}
    assert drift(site, CP) == {}
    assert site.lab.ssh(CP, [*KUBECTL, "get", "--raw", "/readyz"]).stdout == "ok"
    assert site.play("install.yml", "--tags", "control_planes").changed == {CP: 0, WORKER: 0}


def test_the_api_gets_an_address_of_its_own(site: Site) -> None:
    address = site.lab.nodes[0].address
    vip = f"{address.rpartition('.')[0]}.5"
    site.write(endpoint={"address": "api.test.internal", "loadBalancer": "keepalived", "vip": vip})
    played = site.play("install.yml", "--tags", "hosts")
    assert played.rc == 0, played.output[-3000:]
    carried = ["ip", "-oneline", "address", "show", "to", f"{vip}/32"]
    until(lambda: vip in site.lab.ssh(CP, carried).stdout, "keepalived to take the address")
    ask = f"import ssl, urllib.request as u; print(u.urlopen('{API}', context={INSECURE}).read().decode())"
    assert site.lab.ssh(WORKER, ["python3", "-c", ask]).stdout.strip() == "ok"
    for options in ((), ("--check",)):
        assert site.play("install.yml", "--tags", "hosts", *options).changed == {CP: 0, WORKER: 0}
    made = state(site, CP, "record")["steps"]["load_balancer"]["made"]
    files = {one["name"] for one in made if one["kind"] == "file"}
    assert files == {"/etc/keepalived/keepalived.conf", "/etc/keepalived/slipway-api-answers"}
    site.lab.ssh(CP, ["sh", "-c", "echo nonsense >>/etc/keepalived/keepalived.conf"])
    assert site.play("install.yml", "--tags", "hosts").changed == {CP: 2, WORKER: 0}


def until(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.3)


def test_a_machine_that_is_not_the_one_that_is_meant_is_not_reset(site: Site) -> None:
    """A worker's kubelet writes where its Node is reached: at the control plane, it says."""
    address = site.lab.nodes[0].address
    lie = ("--limit", WORKER, "--extra-vars", f"node_reset_named=true ansible_host={address}")
    played = site.play("reset.yml", *lie)
    assert played.rc != 0
    assert f"this machine is not {WORKER}, and is left as it is" in played.output
    elsewhere = site.play("reset.yml", "--limit", WORKER, "--extra-vars", "slipway_site=0123456789abcdef")
    assert elsewhere.rc != 0
    assert "this machine belongs to another cluster, and is left as it is" in elsewhere.output
    assert {node: state(site, node, "record")["host"] for node in (CP, WORKER)} == {CP: CP, WORKER: WORKER}
    assert site.play("reset.yml", "--check", "--extra-vars", "node_reset_named=true").rc == 0


def test_reset_leaves_plain_hosts(site: Site) -> None:
    options = ("--extra-vars", "node_reset_registry=delete node_reset_container_data=delete")
    played = site.play("reset.yml", *options)
    assert played.rc == 0, played.output[-3000:]
    assert site.play("reset.yml", *options).changed == {CP: 0, WORKER: 0}
    left = (
        "ls -A /etc/kubernetes /var/lib/kubelet /var/lib/containerd /var/lib/etcd /var/lib/slipway-registry"
    )
    for node in (CP, WORKER):
        found = site.lab.ssh(node, ["sh", "-c", f"{left} 2>/dev/null"], check=False).stdout
        assert [line for line in found.split() if not line.endswith(":")] == []
        assert site.lab.ssh(node, ["pgrep", "shim|kube|etcd|slipway"], check=False).stdout == ""
        assert "slipway" not in read(site, node, "/etc/hosts")
    ours = "ls /etc/keepalived | grep -v sample || true"
    assert site.lab.ssh(CP, ["sh", "-c", ours]).stdout == ""
    assert site.lab.ssh(CP, ["pgrep", "keepalived"], check=False).stdout == ""

"""The probe against real nodes: facts, host keys, sudo, records, drift, locks, and every way a host can be unfit."""

import base64
import dataclasses
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slipway.errors import ConflictError, StepError
from slipway.lab import Lab
from slipway.model.codes import AWAY
from slipway.model.configuration import Configuration, Spec
from slipway.model.fields import SecretRef
from slipway.model.host.items import Host, HostItem, Hosts
from slipway.model.host.settings import HostSettings
from slipway.model.host.ssh import SSH, Become
from slipway.model.hostkeys import HostKey
from slipway.model.kubernetes import Endpoint, Kubernetes
from slipway.model.observed import HostObserved
from slipway.model.survey import CloudInit, Reach, ReachVerdict
from slipway.planning.checks.cloud import cloud_state
from slipway.planning.checks.fleet import fleet_state
from slipway.probe import Fleet, fetch_file, locks, read_hosts
from slipway.probe.access import HostError
from slipway.probe.reach import read_reach
from slipway.secrets import MappedSecrets, SecretStore, ensure_site
from tests.labs import lab_fixture

lab = lab_fixture("probe", "10.75.0.0/24", nodes=2, os=("debian-12", "debian-13"))

STATE = "/var/lib/slipway"
PASSWORD = "correct horse"


@pytest.fixture(autouse=True)
def clean(lab: Lab) -> Iterator[None]:
    yield
    for node in lab.nodes:
        lab.ssh(node.name, ["rm", "-rf", STATE])


def configuration(lab: Lab, *, addresses: dict[str, str] | None = None, **ssh: object) -> Configuration:
    names = {node.name: node.address for node in lab.nodes} | (addresses or {})
    items = tuple(HostItem(name=name, address=address, roles=("worker",)) for name, address in names.items())
    first = items[0].model_copy(update={"roles": ("control-plane",)})
    items = (first, *items[1:])
    kubernetes = Kubernetes(version="v1.35.4", endpoint=Endpoint(address="api.test"))
    return Configuration(
        name="test",
        namespace="slipway-system",
        spec=Spec(kubernetes=kubernetes, hosts=Hosts(ssh=SSH(**ssh), items=items)),  # type: ignore[arg-type]
        hosts=tuple(
            Host(name=i.name, address=i.address, roles=i.roles, settings=HostSettings()) for i in items
        ),
    )


def fleet_of(lab: Lab, tmp_path: Path, met: list[HostKey] | None = None, **options: object) -> Fleet:
    secrets = {"ssh/id_ed25519": lab.private_key.read_bytes(), "ops/sudo": PASSWORD.encode()}
    return Fleet.of(
        configuration(lab, **options),  # type: ignore[arg-type]
        MappedSecrets(secrets),
        tmp_path / "known_hosts",
        on_first_contact=lambda key: met.append(key) if met is not None else None,
    )


@pytest.fixture
def fleet(lab: Lab, tmp_path: Path) -> Iterator[Fleet]:
    with fleet_of(lab, tmp_path) as fleet:
        yield fleet


def write(lab: Lab, node: str, name: str, value: object) -> None:
    lab.ssh(node, ["install", "-D", "-m", "600", "/dev/stdin", f"{STATE}/{name}"], stdin=json.dumps(value))


def test_facts_of_both_systems_in_one_read(lab: Lab, fleet: Fleet) -> None:
    hosts = read_hosts(configuration(lab), fleet)
    assert [h.facts.os_codename for h in hosts.values()] == ["bookworm", "trixie"]
    for node in lab.nodes:
        facts = hosts[node.name].facts
        assert facts.os_id == "debian"
        assert facts.architecture == "x86_64"
        assert facts.hostname == node.name
        assert len(facts.machine) == 32
        assert facts.cpus >= 1
        assert facts.memory > 256
        assert facts.python.startswith("3.")
        assert node.address in facts.addresses
        assert any(route.startswith("default via ") for route in facts.routes)
        assert abs(facts.time - time.time()) < 5
        assert facts.disk_free["/"] > 100
        assert facts.disk_free["/var/lib/containerd"] > 100
    assert "/var/lib/etcd" in hosts["node-1"].facts.disk_free
    assert "/var/lib/etcd" not in hosts["node-2"].facts.disk_free
    assert not any(h.cluster or h.records or h.intents or h.lock or h.kubernetes for h in hosts.values())


def test_state_intents_and_membership_are_read(lab: Lab, fleet: Fleet) -> None:
    step = {"digest": "d", "parts": {"a": "1"}, "catalog": "c", "version": "1", "time": "t", "files": {}}
    write(lab, "node-1", "record.json", {"format": 1, "site": "abc", "steps": {"node_prepare": step}})
    intent = {"operation": "op", "step": "host/node-1/registry", "digest": "e", "epoch": 2, "holder": "h"}
    write(lab, "node-1", "pending.json", {"format": 1, "registry": intent})
    write(lab, "node-1", "lock.json", {"format": 1, "holder": "h", "epoch": 2, "expires": 12.5})
    kubelet = "apiVersion: v1\nclusters:\n- cluster:\n    server: https://api.test:6443\n"
    lab.ssh("node-1", ["install", "-D", "/dev/stdin", "/etc/kubernetes/kubelet.conf"], stdin=kubelet)
    host = read_hosts(configuration(lab), fleet, hosts=["node-1"])["node-1"]
    lab.ssh("node-1", ["rm", "-r", "/etc/kubernetes"])
    assert host.cluster == "abc"
    assert host.records["node_prepare"].parts == {"a": "1"}
    assert [(i.step, i.epoch) for i in host.intents] == [("host/node-1/registry", 2)]
    assert host.lock is not None
    assert (host.lock.holder, host.lock.epoch, host.lock.left) == ("h", 2, 0)
    assert host.kubernetes == "https://api.test:6443"


@pytest.mark.parametrize(
    "content", ['{"format": 2}', "{", '{"steps": {}}', '{"format": 1, "steps": {"r": {}}}']
)
def test_state_that_is_not_ours_to_guess_is_said(lab: Lab, fleet: Fleet, content: str) -> None:
    lab.ssh("node-2", ["install", "-D", "/dev/stdin", f"{STATE}/record.json"], stdin=content)
    hosts = read_hosts(configuration(lab), fleet)
    assert hosts["node-2"].error_code == "record"
    assert hosts["node-1"].reachable


def test_a_deep_read_finds_what_is_no_longer_as_recorded(lab: Lab, fleet: Fleet) -> None:
    """`recorded/` and `copies/` as slipway_recorded.py writes them; that it does is seen in test_system.py."""
    was, secret = "one\ntwo\n", "hidden\n"
    ours = {"/etc/ours": was, "/etc/secret": secret, "/etc/with blank": was, "/etc/gone": was}
    digests = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in ours.items()}
    for path, text in ours.items():
        lab.ssh("node-1", ["install", "-D", "-m", "644", "/dev/stdin", path], stdin=text)
        lab.ssh("node-1", ["install", "-D", "/dev/stdin", f"{STATE}/copies/{digests[path]}"], stdin=text)
    units = {
        "ssh.service": "enabled active",
        "no.service": "enabled active",
        "cron.service": "enabled active",
    }
    packages = {"openssh-server": "1:0", "nowhere": "1"}
    step = {"digest": "d", "files": digests, "units": units, "packages": packages}
    write(lab, "node-1", "record.json", {"format": 1, "site": "s", "steps": {"role": step}})
    lists = {
        "files": [f"{digest}  {path}" for path, digest in digests.items()],
        "units": [" ".join(pair) for pair in units.items()],
        "packages": [" ".join(pair) for pair in packages.items()],
    }
    for name, lines in lists.items():
        text = "".join(f"{line}\n" for line in lines)
        lab.ssh("node-1", ["install", "-D", "/dev/stdin", f"{STATE}/recorded/{name}"], stdin=text)
    change = "rm /etc/gone; echo three >> /etc/ours; echo more >> /etc/secret; chmod 600 /etc/secret"
    lab.ssh("node-1", ["sh", "-c", change])
    assert read_hosts(configuration(lab), fleet)["node-1"].drift == ()
    drift = read_hosts(configuration(lab), fleet, deep=True)["node-1"].drift
    lab.ssh("node-1", ["sh", "-c", f"rm -r {STATE}/recorded {STATE}/copies"])
    assert {d.step for d in drift} == {"host/node-1/role"}
    found = {d.what: (d.found, d.diff) for d in drift}
    assert found.pop("/etc/ours") == (
        "changed",
        "--- recorded\n+++ found\n@@ -1,2 +1,3 @@\n one\n two\n+three",
    )
    assert found == {
        "/etc/secret": ("changed", ""),
        "/etc/gone": ("missing", ""),
        "unit no.service": ("missing", ""),
        "package nowhere": ("missing", ""),
    }


def test_a_cloud_init_that_owns_names_is_seen_until_it_is_stopped_as_told(lab: Lab, fleet: Fleet) -> None:
    """Its package is not here: a unit of its name, and settings where it has them."""
    unit = "[Service]\nExecStart=true\n[Install]\nWantedBy=multi-user.target\n"
    put = ["install", "-D", "-m", "644", "/dev/stdin"]
    lab.ssh("node-1", [*put, "/etc/systemd/system/cloud-init.service"], stdin=unit)
    lab.ssh("node-1", [*put, "/etc/cloud/cloud.cfg"], stdin="users: []\nmanage_etc_hosts: true\n")
    lab.ssh("node-1", ["systemctl", "enable", "cloud-init.service"])
    settings = configuration(lab)
    before = read_hosts(settings, fleet)
    hint = next(cloud_state("host/node-1", settings.hosts[0], before["node-1"])).hint
    lab.ssh("node-1", ["sh", "-c", f"mkdir /etc/cloud/cloud.cfg.d; {hint.split('`')[1]}"])
    after = read_hosts(settings, fleet, hosts=["node-1"])["node-1"]
    remove = "rm -r /etc/cloud; systemctl disable cloud-init; rm /etc/systemd/system/cloud-init.service"
    lab.ssh("node-1", ["sh", "-c", remove])
    seen = {name: host.survey.cloud_init for name, host in before.items()}
    assert seen == {"node-1": CloudInit("/etc/cloud/cloud.cfg", hostname=True), "node-2": CloudInit()}
    assert after.survey.cloud_init == CloudInit(hostname=True)


def test_what_an_earlier_life_left_is_seen(lab: Lab, fleet: Fleet, tmp_path: Path) -> None:
    store = SecretStore(tmp_path / "secrets")
    ensure_site(store, registry_name="r.test", registry_addresses=("10.75.0.11",))
    certificate = store.read("slipway-registry/ca.crt").decode()
    put = ["install", "-D", "-m", "644", "/dev/stdin"]
    lab.ssh("node-1", [*put, "/etc/kubernetes/pki/apiserver.crt"], stdin=certificate)
    encoded = base64.b64encode(certificate.encode()).decode()
    lab.ssh("node-1", [*put, "/etc/kubernetes/admin.conf"], stdin=f"    client-certificate-data: {encoded}\n")
    lab.ssh("node-1", [*put, "/etc/cni/net.d/05-old.conflist"], stdin="{}")
    lab.ssh("node-1", [*put, "/etc/kubernetes/manifests/etcd.yaml.bak"], stdin="{}")
    mount = "mkdir -p /opt/cni && mount -t tmpfs -o noexec none /opt/cni"
    lab.ssh("node-1", ["sh", "-c", f"{mount}; mv /etc/resolv.conf /root; ln -s ../run/none /etc/resolv.conf"])
    seen = {name: host.survey for name, host in read_hosts(configuration(lab), fleet).items()}
    back = "umount /opt/cni; mv /root/resolv.conf /etc/resolv.conf; rm -r /opt/cni /etc/cni /etc/kubernetes"
    lab.ssh("node-1", ["sh", "-c", back])
    one, other = seen["node-1"], seen["node-2"]
    assert (one.cni, one.manifests) == (("05-old.conflist",), ("etcd.yaml.bak",))
    assert one.resolver_lost == "../run/none"
    assert "noexec" in one.mount_of("/opt/cni/bin")[1]
    assert [found.path for found in one.certificates] == [
        "/etc/kubernetes/pki/apiserver.crt",
        "/etc/kubernetes/admin.conf",
    ]
    assert all(found.expires > time.time() for found in one.certificates)
    assert (other.cni, other.manifests, other.certificates, other.resolver_lost) == ((), (), (), "")
    assert not set(one.host_keys) & set(other.host_keys)
    assert len(one.host_keys[0]) == 50


def test_the_first_contact_is_recorded_and_reported_once(lab: Lab, tmp_path: Path) -> None:
    met: list[HostKey] = []
    for _ in range(2):
        with fleet_of(lab, tmp_path, met) as fleet:
            assert all(host.reachable for host in read_hosts(configuration(lab), fleet).values())
    assert sorted(key.host for key in met) == sorted(node.address for node in lab.nodes)
    assert all(key.fingerprint.startswith("SHA256:") for key in met)
    lines = (tmp_path / "known_hosts").read_text().splitlines()
    ours = {(words[1], words[2]) for words in (line.split() for line in lab.host_keys())}
    assert {tuple(line.split()[1:]) for line in lines} == ours


def test_a_changed_host_key_is_refused(lab: Lab, tmp_path: Path) -> None:
    first, second = (line.split() for line in lab.host_keys())
    address = lab.nodes[0].address
    (tmp_path / "known_hosts").write_text(f"{address} {second[1]} {second[2]}\n")
    with fleet_of(lab, tmp_path) as fleet:
        hosts = read_hosts(configuration(lab), fleet)
    assert hosts["node-1"].error_code == "host-key"
    assert "SHA256:" in hosts["node-1"].error
    assert hosts["node-2"].reachable
    assert first[2] not in (tmp_path / "known_hosts").read_text()


def test_pinned_keys_are_the_only_ones(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "known_hosts").write_text(f"{lab.nodes[0].address} ssh-ed25519 AAAA\n")
    met: list[HostKey] = []
    with fleet_of(lab, tmp_path, met, host_keys=lab.host_keys()) as fleet:
        assert all(host.reachable for host in read_hosts(configuration(lab), fleet).values())
    with fleet_of(lab, tmp_path, met, host_keys=lab.host_keys()[:1]) as fleet:
        unpinned = read_hosts(configuration(lab), fleet)["node-2"]
        assert (unpinned.error_code, "pinned" in unpinned.error) == ("untrusted", True)
    assert met == []


def test_unfit_hosts_each_have_a_code(lab: Lab, tmp_path: Path) -> None:
    with fleet_of(lab, tmp_path, addresses={"gone": "10.75.0.250"}) as fleet:
        hosts = read_hosts(configuration(lab, addresses={"gone": "10.75.0.250"}), fleet)
    assert hosts["gone"].error_code in {"unreachable", "timeout"}
    assert hosts["node-1"].reachable
    with fleet_of(lab, tmp_path, port=23) as fleet:
        refused = read_hosts(configuration(lab), fleet)["node-1"]
        assert (refused.error_code, "refused" in refused.error) == ("unreachable", True)
    with fleet_of(lab, tmp_path, user="nobody") as fleet:
        assert read_hosts(configuration(lab), fleet)["node-1"].error_code == "auth"


@pytest.fixture
def ops(lab: Lab) -> Iterator[str]:
    """A user that is not root, on node-1."""
    key = lab.private_key.with_suffix(".pub").read_text()
    lab.ssh("node-1", ["useradd", "--create-home", "--shell", "/bin/bash", "ops"])
    lab.ssh(
        "node-1", ["install", "-D", "-o", "ops", "/dev/stdin", "/home/ops/.ssh/authorized_keys"], stdin=key
    )
    lab.ssh("node-1", ["chpasswd"], stdin=f"ops:{PASSWORD}\n")
    yield "ops"
    lab.ssh("node-1", ["rm", "-f", "/etc/sudoers.d/ops"])
    lab.ssh("node-1", ["userdel", "--force", "--remove", "ops"])


def allow(lab: Lab, rule: str) -> None:
    lab.ssh(
        "node-1",
        ["install", "-m", "440", "/dev/stdin", "/etc/sudoers.d/ops"],
        stdin=f"ops ALL=(ALL) {rule}\n",
    )


def test_sudo_with_without_and_with_a_wrong_password(lab: Lab, tmp_path: Path, ops: str) -> None:
    become = Become(secret_ref=SecretRef(name="ops", key="sudo"))
    lab.ssh("node-1", ["sh", "-c", "echo 'echo noise from a login' >/home/ops/.bashrc"])
    with fleet_of(lab, tmp_path, user=ops) as fleet:
        session = fleet.sessions["node-1"]
        assert session.run("id -un", sudo=False)[1] == b"ops\n"
        with pytest.raises(HostError) as caught:
            session.run("id -un")
        assert caught.value.code == "sudo"
        allow(lab, "NOPASSWD: ALL")
        assert session.run("id -un; cat", stdin=b"to the script\0\n")[1] == b"root\nto the script\0\n"
    with fleet_of(lab, tmp_path, user=ops, become=become) as fleet:
        session = fleet.sessions["node-1"]
        assert session.run("id -un; cat", stdin=b"x")[1] == b"root\nx"  # a password that nobody asks for
        allow(lab, "ALL")
        assert session.run("id -un; cat", stdin=b"x")[1] == b"root\nx"
        lab.ssh("node-1", ["chpasswd"], stdin="ops:another\n")
        with pytest.raises(HostError) as caught:
            session.run("id -un")
        assert caught.value.code == "sudo"
        assert PASSWORD not in str(caught.value)
    lab.ssh("node-1", ["usermod", "--shell", "/usr/sbin/nologin", "ops"])
    with fleet_of(lab, tmp_path, user=ops) as fleet, pytest.raises(HostError) as caught:
        fleet.sessions["node-1"].run("id -un", sudo=False)
    assert caught.value.code == "shell"


def test_scripts_and_files_of_any_size(lab: Lab, fleet: Fleet) -> None:
    session = fleet.sessions["node-1"]
    data = bytes(range(256)) * 8192
    code, out, err = session.run("cat; echo bad >&2; exit 7", stdin=data)
    assert (code, out, err) == (7, data, b"bad\n")
    script = "".join(f"# {'x' * 80} {i}\n" for i in range(1000)) + "printf %s done"
    assert session.run(script) == (0, b"done", b"")
    assert fetch_file(session, "/etc/hostname") == b"node-1\n"
    with pytest.raises(StepError, match="No such file"):
        fetch_file(session, "/etc/none")


def test_a_timeout_is_one_and_a_dead_connection_is_made_anew(lab: Lab, fleet: Fleet) -> None:
    session = fleet.sessions["node-1"]
    with pytest.raises(HostError) as caught:
        session.run("sleep 20", timeout=0.5)
    assert caught.value.code == "timeout"
    assert session.run("echo again")[1] == b"again\n"
    lab.ssh("node-1", ["sh", "-c", "pkill -f 'sshd.*notty' || true"], check=False)
    time.sleep(0.5)
    assert session.run("echo again")[1] == b"again\n"


def test_locks_name_their_holder_and_their_epoch_never_falls(lab: Lab, fleet: Fleet) -> None:
    locks.acquire(fleet, "alice@one", 1)
    assert read_hosts(configuration(lab), fleet)["node-2"].lock.holder == "alice@one"  # type: ignore[union-attr]
    mode = lab.ssh("node-1", ["stat", "-c", "%a %U", STATE, f"{STATE}/lock.json"]).stdout.split()
    assert mode == ["700", "root", "600", "root"]
    with pytest.raises(ConflictError, match="alice@one is changing this host") as caught:
        locks.acquire(fleet, "bob@two", 2)
    assert caught.value.where == "host/node-1"
    assert locks.renew(fleet, "alice@one", 1) == {}
    locks.release(fleet, "alice@one", 1)
    with pytest.raises(ConflictError, match="epoch 1"):
        locks.acquire(fleet, "bob@two", 1)
    locks.acquire(fleet, "bob@two", 2)
    with pytest.raises(ConflictError, match="bob@two"):
        locks.renew(fleet, "alice@one", 1)
    locks.release(fleet, "alice@one", 1)  # not hers any more: changes nothing
    assert locks.renew(fleet, "bob@two", 2) == {}


def test_all_locks_or_none_and_an_expired_one_is_free(lab: Lab, fleet: Fleet) -> None:
    locks.acquire(fleet, "bob", 5, hosts=["node-2"], seconds=3)
    with pytest.raises(ConflictError, match="bob"):
        locks.acquire(fleet, "alice", 6)
    lock = read_hosts(configuration(lab), fleet)["node-1"].lock
    assert lock is not None
    assert lock.left == 0
    time.sleep(4)
    locks.acquire(fleet, "alice", 6)
    locks.acquire(fleet, "carol", 7, instead_of="alice")
    lab.ssh("node-2", ["sh", "-c", f"rm {STATE}/lock.json && mkdir {STATE}/lock.json"])
    locks.release(fleet, "carol", 7)
    with pytest.raises(StepError, match="lock cannot be changed"):
        locks.acquire(fleet, "dave", 8)
    lock = read_hosts(configuration(lab), fleet, hosts=["node-1"])["node-1"].lock
    assert lock is not None
    assert (lock.holder, lock.left) == ("dave", 0)


def test_a_host_that_does_not_answer_is_left_out_and_the_others_are_locked(lab: Lab, tmp_path: Path) -> None:
    lab.kill("node-1")
    try:
        with fleet_of(lab, tmp_path) as fleet:
            silent = locks.acquire(fleet, "erin", 50)
            assert {name: error.code in AWAY for name, error in silent.items()} == {"node-1": True}
            assert locks.renew(fleet, "erin", 50).keys() == {"node-1"}
            with pytest.raises(ConflictError, match="erin is changing this host"):
                locks.acquire(fleet, "frank", 51)
            locks.release(fleet, "erin", 50)
    finally:
        lab.start("node-1")


def test_of_many_at_once_exactly_one_gets_the_locks(lab: Lab, tmp_path: Path) -> None:
    won: list[str] = []
    lost: list[ConflictError] = []

    def attempt(name: str) -> None:
        with fleet_of(lab, tmp_path) as fleet:
            try:
                locks.acquire(fleet, name, 1)
                won.append(name)
            except ConflictError as exc:
                lost.append(exc)

    threads = [threading.Thread(target=attempt, args=(f"holder-{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert len(lost) == 5


def test_the_observed_host_is_plain_data(lab: Lab, fleet: Fleet) -> None:
    host = read_hosts(configuration(lab), fleet)["node-1"]
    assert json.dumps(dataclasses.asdict(host))


def test_a_survey_tells_what_gets_in_the_way(lab: Lab, fleet: Fleet) -> None:
    taken = "import socket,time; s=socket.create_server(('', 10250)); time.sleep(120)"
    lab.ssh("node-2", ["systemd-run", "--quiet", "--unit=taker", "python3", "-c", taken])
    try:
        until(lambda: "10250" in lab.ssh("node-2", ["ss", "-Hltn"]).stdout)
        hosts = read_hosts(configuration(lab), fleet)
    finally:
        lab.ssh("node-2", ["systemctl", "stop", "taker"])
    for node in lab.nodes:
        survey = hosts[node.name].survey
        assert survey.cgroup in {1, 2}
        assert survey.container == "systemd-nspawn"
        assert "overlay" in survey.filesystems
        assert abs(survey.skew) <= survey.skew_error + 0.5
        assert [link.mtu for link in survey.links if node.address in link.addresses] == [1500]
        assert 22 in {listener.port for listener in survey.listeners}
        assert not survey.services
    macs = {link.mac for host in hosts.values() for link in host.survey.links if link.addresses}
    assert len(macs) == 2
    programs = {listener.port: listener.program for listener in hosts["node-2"].survey.listeners}
    assert programs[10250].startswith("python3 (pid ")
    assert hosts["node-1"].survey.fsync > 0  # a control plane to be
    assert hosts["node-2"].survey.fsync == 0
    assert not lab.ssh("node-1", ["sh", "-c", "ls -d /var/lib/.slipway* || true"]).stdout


def test_the_way_between_hosts(lab: Lab, fleet: Fleet) -> None:
    """Nobody listens at the ports yet, which is an answer; a host that never answers is none."""
    plain = configuration(lab)
    first, second = lab.nodes
    reach = {name: host.survey.reach for name, host in _reach(plain, fleet).items()}
    assert {(r.port, r.verdict) for r in reach[first.name]} >= {(10250, "refused"), (8472, "refused")}
    assert {r.port for r in reach[second.name]} >= {5000, 6443}
    assert all(r.arrived for found in reach.values() for r in found)
    lab.ssh(second.name, ["ip", "route", "add", "blackhole", f"{first.address}/32"])
    try:
        reach = {name: host.survey.reach for name, host in _reach(plain, fleet).items()}
    finally:
        lab.ssh(second.name, ["ip", "route", "del", "blackhole", f"{first.address}/32"])
    assert Reach(second.name, 10250, ReachVerdict.TIMEOUT) in reach[first.name]
    findings = {(f.path, f.code) for f in fleet_state(plain, _with(_reach(plain, fleet), reach))}
    assert ("host/node-1", "reach") in findings


def test_a_firewall_that_keeps_pods_apart_is_found(lab: Lab, fleet: Fleet) -> None:
    plain = configuration(lab)
    first, second = lab.nodes
    rules = "table inet closed { chain c { type filter hook input priority 0; udp dport 8472 drop; }; }"
    lab.ssh(second.name, ["nft", "-f", "-"], stdin=rules)
    try:
        seen = _reach(plain, fleet)
    finally:
        lab.ssh(second.name, ["nft", "delete", "table", "inet", "closed"])
    assert Reach(second.name, 8472, ReachVerdict.TIMEOUT) in seen[first.name].survey.reach
    assert Reach(first.name, 8472, ReachVerdict.REFUSED) in seen[second.name].survey.reach
    findings = [(f.path, f.code, f.severity) for f in fleet_state(plain, seen)]
    assert [found for found in findings if found[1] == "tunnel"] == [("host/node-1", "tunnel", "warning")]


def _reach(plain: Configuration, fleet: Fleet) -> dict[str, HostObserved]:
    return read_reach(plain, fleet, read_hosts(plain, fleet))


def _with(seen: dict[str, HostObserved], reach: dict[str, tuple[Reach, ...]]) -> dict[str, HostObserved]:
    return {
        name: dataclasses.replace(host, survey=dataclasses.replace(host.survey, reach=reach[name]))
        for name, host in seen.items()
    }


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)

"""Host keys in a real cluster: a command line makes them known, an operator believes them and no others.

The host is an SSH server on loopback, as in tests/attacks/test_host_keys.py: open to everybody, and reading along.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from slipway.cluster.own.hostkeys import HOST_KEYS_SECRET, change_host_keys, read_host_keys
from slipway.cluster.own.settings import ensure_namespace, secret_documents
from slipway.cluster.rest.client import Client, connect
from slipway.engine.context import Context, open_context
from slipway.engine.hostkeys import share_host_keys
from slipway.model.codes import HostCode
from slipway.model.host.items import stranger
from slipway.model.hostkeys import HostKey, HostKeys
from slipway.operator.wiring import ClusterEngine
from slipway.probe.fleet import Fleet
from slipway.probe.known_hosts import KnownHosts
from slipway.runner import connection_variables, run
from slipway.secrets import SecretStore
from slipway.settings import API_VERSION, NAMESPACE, interpreter_bin
from tests.apiserver import ApiServer
from tests.attacks.test_host_keys import SECRETS, SUDO
from tests.listening import Machine
from tests.unit.planning import model

ADDRESS = "127.0.0.1"
REFUSED, APPROVAL = 4, 6


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with ApiServer(tmp_path_factory.mktemp("host-keys")) as server:
        yield server


@pytest.fixture
def client(server: ApiServer) -> Iterator[Client]:
    with connect(server.kubeconfig) as client:
        ensure_namespace(client, NAMESPACE)
        yield client
        client.delete("v1", "Secret", HOST_KEYS_SECRET, NAMESPACE)


@pytest.fixture
def host() -> Machine:
    """A machine that was up for a moment, so that its port is known."""
    machine = Machine()
    with machine.up():
        return machine


@pytest.fixture
def site(server: ApiServer, client: Client, host: Machine, tmp_path: Path) -> Path:
    """cluster.yaml with secrets beside it, which are in the cluster too, and the cluster's kubeconfig."""
    directory = tmp_path / "site"
    ssh = {
        "user": "ops",
        "port": host.port,
        "passwordRef": {"name": "ops", "key": "password"},
        "become": {"secretRef": {"name": "sudo", "key": "password"}},
    }
    spec = {
        "kubernetes": {"version": "v1.35.4", "endpoint": {"address": "api.test.internal"}},
        "hosts": {
            "ssh": ssh,
            "items": [{"name": "cp-01", "address": "10.0.0.11", "roles": ["control-plane"]}],
        },
    }
    meta = {"name": "site", "namespace": NAMESPACE}
    document = {"apiVersion": API_VERSION, "kind": "ClusterConfiguration", "metadata": meta, "spec": spec}
    store = SecretStore(directory / "secrets")
    for reference, value in SECRETS.items():
        store.write(reference, value)
    (directory / "cluster.yaml").write_text(yaml.safe_dump(document))
    context = open_context(directory / "cluster.yaml")  # which makes the site's own secrets
    references = [str(path.relative_to(store.directory)) for path in store.directory.glob("*/*")]
    for item in secret_documents({reference: store.read(reference) for reference in references}):
        client.apply(item, force=True)
    (context.state / "kubeconfig").write_bytes(server.kubeconfig.read_bytes())
    return directory


def opened(site: Path) -> Context:
    """A command line with somebody before it."""
    context = open_context(site / "cluster.yaml")
    context.on_first_contact = lambda _key: None
    return context


Pod = Callable[[], Context]


@pytest.fixture
def pod(
    server: ApiServer,
    client: Client,
    site: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Pod:
    """An operator that has just started: with nothing but what the API tells it."""
    configuration = opened(site).configuration

    def started() -> Context:
        with monkeypatch.context() as patch:
            patch.setenv("SLIPWAY_STATE", str(tmp_path_factory.mktemp("pod")))
            return (
                ClusterEngine(client, model.catalog(), lambda: server.kubeconfig).open(configuration)._context
            )

    return started


def visited(context: Context) -> HostCode:
    """Go to the host with all secrets; what came of it."""
    with Fleet([stranger("w", ADDRESS)], context.access()) as fleet:
        _, errors = fleet.each(lambda session: session.run("true"))
    return errors["w"].code if errors else HostCode.NONE


def trust(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("SLIPWAY_")}
    return subprocess.run(
        [interpreter_bin() / "slipway", "host", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=site,
        env=own,
        stdin=subprocess.DEVNULL,
    )


def fingerprint(machine: Machine) -> str:
    return HostKey("", "", machine.key.get_base64()).fingerprint


def test_each_pod_believes_what_was_made_known_and_nothing_else(
    client: Client, site: Path, host: Machine, pod: Pod
) -> None:
    with host.up():
        assert visited(pod()) is HostCode.UNTRUSTED
        assert host.given == []

        asked = trust(site, "trust", ADDRESS)
        assert asked.returncode == APPROVAL
        assert fingerprint(host) in asked.stderr
        other = trust(site, "trust", ADDRESS, "--fingerprint", "SHA256:other")
        assert other.returncode == REFUSED
        assert "expected is SHA256:other" in other.stderr
        assert read_host_keys(client) == HostKeys()

        done = trust(site, "trust", ADDRESS, "--fingerprint", fingerprint(host))
        assert (done.returncode, done.stderr) == (0, "")
        assert fingerprint(host) in done.stdout
        assert host.given == []
        assert visited(pod()) is HostCode.NONE
        assert SUDO in b"".join(host.given)

    impostor = Machine(port=host.port)
    with impostor.up():
        assert visited(pod()) is HostCode.HOST_KEY
        assert impostor.given == []

        replaced = trust(site, "trust", ADDRESS, "--fingerprint", fingerprint(impostor))
        assert f"known before: {host.key.get_name()} {fingerprint(host)}" in replaced.stdout
        assert visited(pod()) is HostCode.NONE
        again = trust(site, "trust", ADDRESS)
        assert (again.returncode, again.stderr) == (0, "")

    gone = trust(site, "forget", ADDRESS)
    assert fingerprint(impostor) in gone.stdout
    assert read_host_keys(client).hosts == ()
    with impostor.up():
        assert visited(pod()) is HostCode.UNTRUSTED


def test_another_command_line_believes_what_the_cluster_keeps_before_what_it_meets(
    client: Client, site: Path, host: Machine
) -> None:
    context = opened(site)
    with host.up():
        assert visited(context) is HostCode.NONE
    known = KnownHosts(context.known_hosts).all()
    change_host_keys(client, lambda _kept: HostKeys(tuple(known)))
    context.known_hosts.unlink()
    impostor = Machine(port=host.port)
    with impostor.up():
        assert visited(opened(site)) is HostCode.HOST_KEY
    assert impostor.given == []


def test_what_a_command_line_met_reaches_the_cluster_and_replaces_nothing_there(
    client: Client, site: Path, host: Machine
) -> None:
    """Of the document's hosts alone; what it pins is the site's own word."""
    context, place = opened(site), f"[10.0.0.11]:{host.port}"
    met, kept = HostKey(place, "ssh-ed25519", "AAAA"), HostKey(place, "ssh-ed25519", "BBBB")
    KnownHosts(context.known_hosts).believe([met, replace(met, host="10.9.9.9")])
    share_host_keys(context)
    assert read_host_keys(client).hosts == (met,)
    change_host_keys(client, lambda _: HostKeys((kept,)))
    share_host_keys(context)
    assert read_host_keys(client).hosts == (kept,)
    assert context.configuration.spec.hosts
    pinned = {"ssh": context.configuration.spec.hosts.ssh.model_copy(update={"host_keys": (met.line,)})}
    hosts = context.configuration.spec.hosts.model_copy(update=pinned)
    spec = context.configuration.spec.model_copy(update={"hosts": hosts})
    context.configuration = context.configuration.model_copy(update={"spec": spec})
    share_host_keys(context)
    assert read_host_keys(client).hosts == (met,)


def test_a_command_line_that_lost_its_state_meets_all_hosts_before_an_operator_does(
    client: Client, site: Path, host: Machine, pod: Pod
) -> None:
    """No step needs them; the operator will."""
    context = opened(site)
    away = stranger("away", "127.0.0.9")
    hosts = (stranger("w", ADDRESS), away)
    context.configuration = context.configuration.model_copy(update={"hosts": hosts})
    with host.up():
        share_host_keys(context)
        assert [key.key for key in read_host_keys(client).hosts] == [host.key.get_base64()]
        assert visited(pod()) is HostCode.NONE


def test_ansible_goes_by_the_same_keys(client: Client, site: Path, host: Machine, pod: Pod) -> None:
    playbook = site / "look.yml"
    playbook.write_text("- {hosts: all, gather_facts: false, tasks: [{ansible.builtin.raw: 'true'}]}\n")

    def played() -> bool:
        context = pod()
        hosts = context.configuration.spec.hosts
        assert hosts
        result = run(
            playbook,
            hosts={"w": connection_variables(hosts.ssh, ADDRESS, context.known_hosts)},
            directory=context.state / "runs",
            secrets=context.secret,
            known_hosts=context.known_hosts,
        )
        return not result.failures

    with host.up():
        assert not played()
        assert host.given == []
        trust(site, "trust", ADDRESS, "--fingerprint", fingerprint(host))
        assert read_host_keys(client).hosts
        played()  # the machine is no host: what counts is who was let in
        assert SECRETS["ops/password"] in host.given
    impostor = Machine(port=host.port)
    with impostor.up():
        assert not played()
    assert impostor.given == []

"""A reset goes by the locks of an operation: the real Lease, the real script of hosts' locks. Ansible is left out."""

import base64
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from slipway.cluster.locks import lease as leases
from slipway.cluster.locks.lease import Lease
from slipway.cluster.own.settings import apply_crds, ensure_namespace
from slipway.cluster.rest.client import Client, connect
from slipway.engine import resetting
from slipway.engine.context import Context
from slipway.engine.foreign import ForeignClusterError
from slipway.engine.locking import Locks
from slipway.engine.prepare import _cluster
from slipway.errors import ConfigurationError, HeldError
from slipway.probe import locks
from slipway.probe.parse import parse_host
from slipway.runner import RunnerResult
from slipway.secrets import MappedSecrets, site_id
from slipway.settings import NAMESPACE
from tests.apiserver import ApiServer, until
from tests.holding import context
from tests.localhosts import LocalFleet
from tests.unit.planning import model

HOSTS = ("worker-8", "worker-9")
NAMES = (f"reset-{number}" for number in count())
ANSWER = (Path(__file__).parents[1] / "unit/probe/hosts/installed.txt").read_text()


@pytest.fixture(scope="module")
def client(apiserver: ApiServer) -> Iterator[Client]:
    with connect(apiserver.kubeconfig) as made:
        ensure_namespace(made, NAMESPACE)
        yield made


class Site:
    """Two hosts among others, whose records name `site`; `inside` is called in place of Ansible."""

    def __init__(self, apiserver: ApiServer, directory: Path, patch: pytest.MonkeyPatch) -> None:
        self.name = next(NAMES)
        self.context: Context = context(apiserver.kubeconfig, self.name, directory, *HOSTS)
        self.context.document = {}  # a command line's: it goes on where the API is silent
        self.context.secrets = MappedSecrets({"slipway-site/key": b"0a" * 32, "ssh/id_ed25519": b"none"})
        self.site = site_id(self.context.secrets, self.name)
        self.host = ""
        self.fleet = LocalFleet(directory / "hosts", HOSTS)
        self.told: list[str] = []
        self.inside: Callable[[], None] = lambda: None
        self.reset_hosts: list[str] = []
        patch.setattr(resetting, "LOCK_SECONDS", 2)
        patch.setattr(Locks, "_open_fleet", lambda _self: self.fleet)
        patch.setattr(resetting, "Fleet", lambda *_: self.fleet)
        patch.setattr(resetting, "read_hosts", lambda *_: self.seen())
        patch.setattr(resetting, "reset_hosts", self.ansible)

    def seen(self) -> dict[str, Any]:
        answer = ANSWER.replace("0123456789abcdef", self.site).replace(
            '"site"', f'"host": "{self.host}", "site"'
        )
        return {name: parse_host(name, answer) for name in HOSTS}

    def ansible(self, _context: Context, addresses: dict[str, str], *_: Any) -> RunnerResult:
        self.reset_hosts += addresses
        self.inside()
        return RunnerResult(0, "successful", 1.0)

    def reset(self, hosts: Sequence[str] = HOSTS) -> RunnerResult:
        return resetting.reset(self.context, hosts, delete_data=False, tell=self.told.append)


@pytest.fixture
def site(apiserver: ApiServer, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(apiserver, tmp_path, monkeypatch)


@contextmanager
def renewed(renew: Callable[[], Any]) -> Iterator[None]:
    """By somebody who lives."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(0.3):
            renew()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_no_host_is_reset_while_an_operation_changes_the_cluster(site: Site, client: Client) -> None:
    operator = Lease(client, site.name, "operator/slipway-operator-abc")
    operator.acquire()
    with (
        renewed(operator.renew),
        pytest.raises(HeldError, match="operator/slipway-operator-abc is changing") as caught,
    ):
        site.reset()
    assert caught.value.untouched
    assert site.reset_hosts == []


def test_no_host_is_reset_while_another_has_its_lock(site: Site) -> None:
    holder = ("slipway@laptop:7", 5)
    locks.acquire(site.fleet, *holder, hosts=["worker-9"], seconds=2)
    hold = renewed(lambda: locks.renew(site.fleet, *holder, hosts=["worker-9"], seconds=2))
    with hold, pytest.raises(HeldError, match="slipway@laptop:7 is changing this host"):
        site.reset()
    assert site.reset_hosts == []


def test_a_reset_has_the_locks_and_gives_them_back(site: Site, client: Client) -> None:
    """What stays of a host's lock is its epoch: a late step of an older run is refused there."""

    def seen() -> None:
        lease = client.get(*leases.LEASE, f"slipway-{site.name}", NAMESPACE)
        assert lease
        assert lease["spec"]["holderIdentity"] == site.context.holder
        assert {host.lock["holder"] for host in site.fleet.local.values()} == {site.context.holder}
        before = [len(host.asked) for host in site.fleet.local.values()]
        until(
            lambda: all(len(h.asked) > n for h, n in zip(site.fleet.local.values(), before, strict=True)),
            seconds=30,
            what="they are renewed",
        )

    site.inside = seen
    assert site.reset().ok
    assert set(site.reset_hosts) == set(HOSTS)
    assert {host.lock["until"] for host in site.fleet.local.values()} == {0}
    assert not any("lock" in text for text in site.told)
    lease = client.get(*leases.LEASE, f"slipway-{site.name}", NAMESPACE)
    assert lease
    assert lease["spec"]["holderIdentity"] == ""


@pytest.mark.parametrize("another", ["site", "host"])
def test_a_machine_that_is_another_is_refused_before_anybody_is_drained(site: Site, another: str) -> None:
    """By its own record; with another host, the address may be wrong in the file."""
    setattr(site, another, "another")
    with pytest.raises(ConfigurationError, match="machines that are not these hosts") as caught:
        site.reset(["worker-9"])
    assert caught.value.untouched
    assert [finding.path for finding in caught.value.findings] == [f"host/{name}" for name in HOSTS]
    assert site.told == []
    assert site.reset_hosts == []


@pytest.fixture
def node(client: Client) -> Iterator[str]:
    """Of a cluster that has a host of the same name."""
    found = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "worker-9"}}
    client.apply(found, force=True)
    yield "worker-9"
    client.delete("v1", "Node", "worker-9")


def keep_key(client: Client, key: str) -> None:
    kept = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "slipway-site", "namespace": NAMESPACE},
    }
    client.apply({**kept, "stringData": {"key": key}}, force=True)


@pytest.fixture
def kept_key(client: Client) -> Iterator[None]:
    """As it was: the API server is shared."""
    where = ("v1", "Secret", "slipway-site")
    before = client.get(*where, NAMESPACE)
    yield
    client.delete(*where, NAMESPACE)
    if before:
        keep_key(client, base64.b64decode(before["data"]["key"]).decode())


def untouched(client: Client, node: str) -> bool:
    found = client.get("v1", "Node", node)
    return bool(found and not found["spec"].get("unschedulable"))


@pytest.mark.usefixtures("kept_key")
def test_no_node_of_another_sites_cluster_is_drained_or_deleted(
    site: Site, client: Client, node: str
) -> None:
    """A kubeconfig that was copied from there: the hosts are ours, or do not answer."""
    keep_key(client, "0b" * 32)
    for use in (lambda: site.reset([node]), lambda: _cluster(site.context, drift=False)):
        with pytest.raises(ForeignClusterError, match="the kubeconfig is of another cluster"):
            use()
    assert untouched(client, node)
    assert site.reset_hosts == []


def test_no_node_of_another_cluster_with_our_key_is_drained_or_deleted(
    site: Site, client: Client, node: str
) -> None:
    apply_crds(client)
    theirs = model.base()
    theirs["metadata"] = {"name": "theirs", "namespace": NAMESPACE}
    client.apply(theirs, force=True)
    try:
        with pytest.raises(ForeignClusterError, match="slipway-system/theirs, not of reset-") as caught:
            site.reset([node])
        assert caught.value.untouched
        assert site.reset_hosts == []
        assert untouched(client, node)
    finally:
        client.delete(theirs["apiVersion"], theirs["kind"], "theirs", NAMESPACE)


def test_a_cluster_that_is_silent_can_be_reset(site: Site, tmp_path: Path) -> None:
    dead = tmp_path / "dead"
    dead.write_text(site.context.kubeconfig.read_text().replace("https://127.0.0.1", "https://127.0.0.9"))
    site.context.kubeconfig = dead
    assert site.reset().ok
    assert "only the hosts' locks are taken" in site.told[0]

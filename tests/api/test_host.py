"""`slipway host forget` on a real API server: whose Node goes, whose stays, and who has to agree.

The server is one of its own, with nothing that would make a Node Ready: the hosts behind them are gone.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.cluster.own.noderecords import apply_node
from slipway.cluster.own.settings import apply_settings, ensure_namespace
from slipway.cluster.rest.client import Client, connect
from slipway.model.record import StepRecord
from slipway.settings import API_VERSION, NAMESPACE, interpreter_bin
from tests.apiserver import ApiServer

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIIlN3NtpBSHhNfBPfgh2M5oQgqQrUnP0rDQwZyFbbbbb"
GONE = "10.0.0.99"
APPROVAL = 6


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with ApiServer(tmp_path_factory.mktemp("host")) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: ApiServer) -> Iterator[Client]:
    with connect(server.kubeconfig) as client:
        ensure_namespace(client, NAMESPACE)
        yield client


def document(name: str, hosts: Mapping[str, str]) -> dict[str, Any]:
    items = [
        {"name": host, "address": address, "roles": ["control-plane" if number == 0 else "worker"]}
        for number, (host, address) in enumerate(hosts.items())
    ]
    spec = {
        "kubernetes": {"version": "v1.35.4", "endpoint": {"address": "api.test.internal"}},
        "hosts": {"items": items},
    }
    meta = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": API_VERSION, "kind": "ClusterConfiguration", "metadata": meta, "spec": spec}


@pytest.fixture
def site(server: ApiServer, tmp_path: Path) -> Path:
    """cluster.yaml of cp-01 and worker-01, the cluster's kubeconfig, and the keys of both and of a third host."""
    (tmp_path / "cluster.yaml").write_text(
        yaml.safe_dump(document("site", {"cp-01": "10.0.0.11", "worker-01": "10.0.0.12"}))
    )
    state = tmp_path / ".slipway" / "site"
    state.mkdir(parents=True)
    (state / "kubeconfig").write_bytes(server.kubeconfig.read_bytes())
    places = ("10.0.0.11", "10.0.0.12", GONE)
    (state / "known_hosts").write_text("".join(f"{place} ssh-ed25519 {KEY}\n" for place in places))
    return tmp_path


def known(site: Path) -> list[str]:
    return [line.split()[0] for line in (site / ".slipway/site/known_hosts").read_text().splitlines()]


def slipway(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
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


def node(server: ApiServer, client: Client, name: str, *, ours: bool = True, ready: bool = False) -> None:
    """A Node whose machine was at GONE, by its record where it has one."""
    server.create_node(name)
    if ours:
        records = {"node_prepare": StepRecord("d", {"a": "b"})}
        apply_node(client, name, labels={}, taints=[], records=records, address=GONE)
    conditions = [{"type": "Ready", "status": "True" if ready else "Unknown", "message": "no word of it"}]
    status = {"addresses": [{"type": "InternalIP", "address": "10.0.0.11"}], "conditions": conditions}
    client.merge("v1", "Node", name, {"status": status}, subresource="status")


def there(client: Client, name: str) -> bool:
    return client.get("v1", "Node", name) is not None


def test_a_node_goes_once_somebody_agrees_and_a_second_time_is_harmless(
    site: Path, server: ApiServer, client: Client
) -> None:
    node(server, client, "worker-02")
    asked = slipway(site, "forget", "worker-02")
    assert asked.returncode == APPROVAL
    assert "nothing was changed" in asked.stderr
    assert "worker-02 is NotReady" in asked.stderr
    assert there(client, "worker-02")
    assert GONE in known(site)

    done = slipway(site, "forget", "worker-02", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].startswith(f"host key of {GONE} forgotten: ssh-ed25519 SHA256:")
    assert done.stdout.splitlines()[1] == "node worker-02 deleted"
    assert not there(client, "worker-02")
    assert known(site) == ["10.0.0.11", "10.0.0.12"]

    again = slipway(site, "forget", "worker-02")
    assert again.returncode == 0
    assert again.stdout.splitlines()[:2] == ["no host key of worker-02 is known here", "no node was deleted"]


def test_a_host_of_the_file_keeps_its_node(site: Path, server: ApiServer, client: Client) -> None:
    node(server, client, "worker-01")
    done = slipway(site, "forget", "worker-01", "--yes", "-o", "json")
    told = json.loads(done.stdout)
    assert ([key["host"] for key in told["keys"]], told["configured"], told["nodeDeleted"]) == (
        ["10.0.0.12"],
        True,
        False,
    )
    assert there(client, "worker-01")
    assert "10.0.0.12" not in known(site)
    client.delete("v1", "Node", "worker-01")


def test_a_node_of_somebody_else_stays(site: Path, server: ApiServer, client: Client) -> None:
    node(server, client, "foreign-01", ours=False)
    done = slipway(site, "forget", "foreign-01", "--yes")
    assert done.returncode == 0
    assert "foreign-01 was not made by Slipway: it stays" in done.stdout
    assert there(client, "foreign-01")


def test_who_still_names_it_in_the_cluster_counts(site: Path, server: ApiServer, client: Client) -> None:
    record = StepRecord("sha256:abc", {}, catalog="sha256:c")
    hosts = {"cp-01": "10.0.0.11", "worker-03": GONE}
    apply_settings(client, document("site", hosts), {}, record=record)
    node(server, client, "worker-03", ready=True)
    asked = slipway(site, "forget", "worker-03", "-o", "json")
    assert asked.returncode == APPROVAL
    why = json.loads(asked.stdout)["why"]
    assert "is Ready, so its host still runs" in why
    assert "still names worker-03: slipway apply" in why

    other = document("other", hosts)
    apply_settings(client, other, {}, record=record)
    done = slipway(site, "forget", "worker-03", "--yes")
    assert "ClusterConfiguration other in the cluster names worker-03: its node stays" in done.stdout
    assert there(client, "worker-03")
    client.delete(API_VERSION, "ClusterConfiguration", "other", NAMESPACE)

    done = slipway(site, "forget", "worker-03", "--yes")
    assert "node worker-03 deleted" in done.stdout
    assert not there(client, "worker-03")


def test_a_cluster_that_does_not_answer_is_said_and_nothing_is_done(site: Path, server: ApiServer) -> None:
    kubeconfig = site / ".slipway/site/kubeconfig"
    kubeconfig.write_text(kubeconfig.read_text().replace(f":{server.port}", ":1"))
    failed = slipway(site, "forget", GONE, "--yes")
    assert failed.returncode == 1
    assert "does not answer" in failed.stderr
    assert GONE in known(site)

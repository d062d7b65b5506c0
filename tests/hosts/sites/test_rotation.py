"""The key of Secrets rotated on three control planes, through a kill of all that rotates it; nine API servers restart.

The stages themselves, with each API server's own view: tests/unit/planning/test_rotation.py; the real kube-apiserver
and the bytes in etcd: tests/api/test_encryption.py.
"""

import base64
import json
import os
import signal
from collections.abc import Iterator

import pytest

from slipway.errors import HeldError
from tests.e2e.sites import Site, bundle
from tests.e2e.test_cluster import NAMESPACE, condition, planned, settled, until
from tests.labs import lab_nodes

PLANES = ("cp-1", "cp-2", "cp-3")
ROLES = {name: ["control-plane"] for name in PLANES}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with lab_nodes("rotation", "10.178.0.0/24", len(PLANES), ("debian-12",) * 3, PLANES) as lab:
        made = Site(tmp_path_factory.mktemp("site"), lab, name="rotation", roles=ROLES)
        endpoint = {"loadBalancer": "keepalived", "vip": "10.178.0.5"}
        made.edit({"spec": {"kubernetes": {"endpoint": endpoint, "encryptSecrets": True}}})
        made.slipway("install", "-b", str(bundle()), "--yes", timeout=900)
        settled(made)
        yield made


@pytest.mark.timeout(1800)  # nine restarts of API servers, and two minutes for locks of who was killed
def test_the_key_of_secrets_is_rotated_through_a_kill_of_all_that_rotates_it(site: Site) -> None:
    """The operator begins; all is killed in the second of three rolls, and a command line goes on alone."""
    assert {stored_by(site, plane) for plane in PLANES} == {"key1"}
    asked = site.start("secrets", "rotate-key")
    second = "/etc/kubernetes/slipway/encryption-key2-key1.yaml"
    until("the second roll", lambda: there(site, "cp-1", second) or asked.poll() is not None, 600)
    assert asked.poll() is None, asked.communicate()
    os.kill(asked.pid, signal.SIGKILL)
    asked.communicate()
    scale = ["-n", NAMESPACE, "scale", "deployment/slipway-operator"]
    # The API server that is asked may be the one that is being exchanged.
    until("no operator", lambda: site.kubectl(*scale, "--replicas=0", check=False).returncode == 0)
    pods = ["-n", NAMESPACE, "delete", "pods", "-l", "app.kubernetes.io/name=slipway-operator"]
    until("its end", lambda: site.kubectl(*pods, "--force", "--grace-period=0", check=False).returncode == 0)
    try:
        assert not there(site, "cp-3", second), "it is over already"
        assert site.slipway_json("plan")["sequel"]
        again = site.slipway("secrets", "rotate-key", check=False, timeout=900)
        assert "it was begun: API servers write Secrets with key2" in again.stderr
        # Planned while the API was being exchanged, it brings the operator back, which may then be first to go on.
        assert again.returncode in {0, HeldError.exit_code}, again.stderr
    finally:
        until("an operator", lambda: site.kubectl(*scale, "--replicas=1", check=False).returncode == 0)
    over = {"Ready": "True", "Reconciling": "False"}
    until("its end", lambda: all(condition(site, kind) == it for kind, it in over.items()), 900)
    assert site.document["spec"]["kubernetes"]["encryptionKey"] == 2
    assert {stored_by(site, plane) for plane in PLANES} == {"key2"}
    assert not there(site, "cp-3", second)
    assert planned(site) == []


def there(site: Site, node: str, path: str) -> bool:
    """Whether a node has a file."""
    return site.lab.ssh(node, ["test", "-e", path], check=False).returncode == 0


def stored_by(site: Site, plane: str) -> str:
    """The one key by which etcd there has all Secrets; more than one are told as they are."""
    tls = "/etc/kubernetes/pki/etcd"
    access = [
        "--endpoints=https://127.0.0.1:2379",
        f"--cacert={tls}/ca.crt",
        f"--cert={tls}/server.crt",
        f"--key={tls}/server.key",
    ]
    program = ["etcdctl", *access, "get", "/registry/secrets/", "--prefix", "--write-out=json"]
    done = site.kubectl("-n", "kube-system", "exec", f"etcd-{plane}", "--", *program)
    values = [base64.b64decode(item["value"]) for item in json.loads(done.stdout)["kvs"]]
    assert values
    return " ".join(
        sorted(
            {value.split(b":")[4].decode() if value.startswith(b"k8s:enc:") else "none" for value in values}
        )
    )

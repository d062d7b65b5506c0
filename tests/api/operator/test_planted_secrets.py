"""Twenty secrets of every kind, known to a site at work: a toggle, a failure, a removal; then they are looked for.

The operator is its own: Ansible, Helm, a registry with an account.
"""

import base64
import gzip
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import ansible.module_utils
import pytest

from slipway.cluster.own import records
from slipway.cluster.own.settings import secret_documents
from slipway.cluster.rest.client import Client, connect
from slipway.settings import NAMESPACE, data_dir
from tests.api.operator.recording import Running
from tests.api.working import DEPLOYMENT, Site, working_site, write_module
from tests.apiserver import ApiServer, until
from tests.binaries import binary
from tests.listening import private_key
from tests.planted import HELM, Listing, Plants, cluster_texts, file_texts, memory_texts

ansible.module_utils.__path__.append(str(data_dir() / "plugins/module_utils"))
kubeadm: Any = importlib.import_module("ansible.module_utils.slipway_kubeadm")
SOON = 120
KEYS = (
    "ssh/id_ed25519",
    "edge/id_ed25519",
    "jump/id_ed25519",
    "slipway-registry/ca.key",
    "slipway-registry/tls.key",
)
WORDS = (
    "ops/login",
    "ops/sudo",
    "cp-01/login",
    "cp-01/sudo",
    "mirror/account",
    "docker/account",
    "share/password",
    "ceph/key",
    "slipway-registry/pull",
    "slipway-registry/push",
    "slipway-registry/pull.htpasswd",
    "slipway-registry/push.htpasswd",
)
#: Characters that JSON, URLs and shells write otherwise.
ODD = "\"q' /\\&%é"


def planted(api: ApiServer, site: Site) -> Plants:
    """Those of a store, in the cluster as the command line puts them there, and what the site itself goes by."""
    store = {reference: private_key().decode() for reference in KEYS}
    store |= {reference: f"user:{ODD}Planted-{reference}-Word" for reference in WORDS}
    with connect(api.kubeconfig) as client:
        for item in secret_documents({name: value.encode() for name, value in store.items()}):
            client.apply(item, force=True)
    own = {
        "the API's token": api.token,
        "the registry's account": site.registry.password,
        "site key": "0a" * 32,
    }
    return Plants(store | own)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with ApiServer(tmp_path_factory.mktemp("planted-api"), controllers=True, kwok=True) as server:
        yield server


def test_no_secret_is_where_it_does_not_belong(
    api: ApiServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")

    def write(folder: Path) -> None:
        write_module(folder)
        if folder.name == "broken":
            text = DEPLOYMENT.replace("spec:\n  selector", "spec:\n  replicas: many\n  selector")
            (folder / "chart/templates/deployment.yaml").write_text(text)

    with working_site(tmp_path, api, ("told", "broken"), write) as site, connect(api.kubeconfig) as client:
        plants = planted(api, site)
        assert len(plants.values) == 20
        with Listing() as listing, Running(site.runtime()):
            site.edit(told="here")
            until(lambda: phase(client, "told") == "Healthy", seconds=SOON, what="it is healthy")
            site.edit(broken="here")
            until(lambda: phase(client, "broken") == "Failed", seconds=SOON, what="it fails")
            site.edit(told="", broken="")
            until(lambda: phase(client, "told") is None, seconds=SOON, what="it is removed")

        def kubectl(*arguments: str) -> str:
            return api.kubectl(*arguments).stdout

        names = {reference.partition("/")[0] for reference in (*KEYS, *WORDS)} | {"registry", "slipway-site"}
        holders = {f"{NAMESPACE}/{name}" for name in names}
        found = plants.found_in(cluster_texts(kubectl, holders))
        found |= plants.found_in(file_texts(tmp_path / "state"))
        found |= plants.found_in(listing.texts())
        found |= plants.found_in([("the operator's log", caplog.text.encode())])
        found |= plants.found_in(memory_texts())
        assert found == set()
        assert any(b"slipway.runner.gate" in line for _, line in listing.texts())
        assert list((tmp_path / "state").rglob("*.log"))


def phase(client: Client, name: str) -> str | None:
    record = records.read_module(client, name)
    return record.phase if record else None


def test_a_token_to_join_is_in_its_secret_alone(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """`kubectl apply` writes all that it is given into an annotation of the same Secret."""
    monkeypatch.setenv("PATH", f"{binary('kubectl').parent}:{os.environ['PATH']}")
    monkeypatch.setattr(kubeadm, "public_key_hash", str)
    node = kubeadm.Node("cp-01", "127.0.0.1", api.port)
    node.kubectl = partial(node.kubectl, kubeconfig=str(api.kubeconfig))
    identity, _, secret = node.credentials({}, control_plane=False)["token"].partition(".")
    holder = f"kube-system/bootstrap-token-{identity}"
    plants, kubectl = Plants({"token": secret}), lambda *words: api.kubectl(*words).stdout
    assert plants.found_in(cluster_texts(kubectl, ())) == {(f"secrets {holder} token-secret", "token")}
    assert plants.found_in(cluster_texts(kubectl, {holder})) == set()


@pytest.mark.parametrize("place", ["annotation", "release", "configmap", "file", "process"])
def test_what_is_planted_in_the_open_is_found(api: ApiServer, tmp_path: Path, place: str) -> None:
    """The search sees what it is to see: each form, in each place."""
    word = f"{ODD}Planted-in-{place}"
    plants = Plants({"it": word})
    encoded = base64.b64encode(f"ab{word}".encode()).decode()
    meta = {"name": place, "namespace": "default"}
    if place == "file":
        (tmp_path / "it.log").write_text(json.dumps({"text": word}))
        assert plants.found_in(file_texts(tmp_path))
        return
    if place == "process":
        program = [sys.executable, "-c", "import sys; sys.stdin.read()", word]
        with Listing() as listing, subprocess.Popen(program, stdin=subprocess.PIPE) as process:
            until(lambda: any(b"Planted-in" in line for line in listing.seen), seconds=20, what="it is seen")
            process.communicate()
        assert plants.found_in(listing.texts())
        return
    item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"it": encoded}}
    if place == "annotation":
        item = {"apiVersion": "v1", "kind": "Secret", "metadata": {**meta, "annotations": {"a": word}}}
    if place == "release":
        release = base64.b64encode(gzip.compress(json.dumps({"values": word}).encode())).decode()
        item = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": meta,
            "type": HELM,
            "stringData": {"release": release},
        }
    with connect(api.kubeconfig) as client:
        client.create(item)
        try:
            found = plants.found_in(cluster_texts(lambda *words: api.kubectl(*words).stdout, ()))
        finally:
            client.delete("v1", str(item["kind"]), place, "default")
    assert {place for place, _ in found} & {
        f"secrets default/{place}",
        f"secrets default/{place} release",
        f"configmaps default/{place}",
    }

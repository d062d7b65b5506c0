"""Claims of modules, kept or deleted as the policy says, whatever charts do; what Helm cannot keep is said before."""

import base64
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.catalog.modules import Fate
from slipway.cluster.lifecycle.modules import apply_module
from slipway.cluster.own import records
from slipway.cluster.rest.client import Client
from slipway.errors import StepError
from slipway.model.record import ModulePhase
from tests.api.modules.charted import Life, configmap
from tests.apiserver import ApiServer, until

CLAIM = ("v1", "PersistentVolumeClaim")
SPEC = {
    "accessModes": ["ReadWriteOnce"],
    "storageClassName": "retained",
    "resources": {"requests": {"storage": "1Gi"}},
}


def volume(name: str) -> dict[str, Any]:
    """For one claim: nothing makes volumes here."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "retained",
            "hostPath": {"path": "/nowhere"},
        },
    }


def claim(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": SPEC}


def stateful(when_deleted: str) -> dict[str, Any]:
    """No pod runs: its claims are the ones that a test makes in its controller's place."""
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "store"},
        "spec": {
            "replicas": 0,
            "serviceName": "store",
            "selector": {"matchLabels": {"app": "store"}},
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": when_deleted, "whenScaled": "Retain"},
            "template": {
                "metadata": {"labels": {"app": "store"}},
                "spec": {"containers": [{"name": "pause", "image": "registry.test/pause:1"}]},
            },
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": SPEC}],
        },
    }


@pytest.fixture
def life(client: Client, cluster_api: ApiServer, tmp_path: Path) -> Iterator[Life]:
    made = Life("vault", tmp_path, client, cluster_api)
    volumes = [client.create(volume(f"{tmp_path.name.replace('_', '-')[:40]}-{n}")) for n in (1, 2)]
    yield made
    made.remove(crds=Fate.DELETE, data=Fate.DELETE)
    for one in client.list(*CLAIM, "vault"):
        client.delete(*CLAIM, one["metadata"]["name"], "vault")
    until(lambda: not client.list(*CLAIM, "vault"), seconds=60, what="no claim is left")
    for one in volumes:
        client.delete("v1", "PersistentVolume", one["metadata"]["name"])


def claims(client: Client) -> dict[str, dict[str, Any]]:
    """Those that are not being deleted, by name."""
    found = [one["metadata"] for one in client.list(*CLAIM, "vault")]
    return {meta["name"]: meta for meta in found if not meta.get("deletionTimestamp")}


def installed(life: Life) -> None:
    """A claim among the templates, and one of a StatefulSet that says its claims go with it."""
    client = life.client
    files = {"templates/own.yaml": claim("own"), "templates/store.yaml": stateful("Delete")}
    apply_module(life.work, life.request(life.release("vault", files)), life.intent("d1"))
    owner = client.get("apps/v1", "StatefulSet", "store", "vault")
    assert owner is not None
    client.create(claim_of_set("data-store-0", owner))


def claim_of_set(name: str, owner: Mapping[str, Any]) -> dict[str, Any]:
    """As the controller of StatefulSets makes it."""
    reference = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": owner["metadata"]["name"]}
    meta = {"name": name, "namespace": "vault", "labels": {"app": "store"}}
    owners = [{**reference, "uid": owner["metadata"]["uid"]}]
    return {**claim(name), "metadata": {**meta, "ownerReferences": owners}}


def test_claims_are_kept_although_chart_and_set_would_take_them(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slipway.cluster.lifecycle.retaining.LETS_GO", 1.0)
    installed(life)
    life.remove()
    assert life.client.get("apps/v1", "StatefulSet", "store", "vault") is None
    found = claims(life.client)
    assert set(found) == {"own", "data-store-0"}
    assert not found["data-store-0"].get("ownerReferences")


def test_claims_are_deleted_after_a_yes_to_each(life: Life) -> None:
    installed(life)
    with pytest.raises(StepError, match="would destroy what the plan does not name") as caught:
        life.remove(data=Fate.DELETE, agreed=False)
    assert caught.value.why == ("PersistentVolumeClaim/vault/data-store-0, PersistentVolumeClaim/vault/own")
    life.remove(data=Fate.DELETE)
    assert claims(life.client) == {}


def test_an_upgrade_deletes_no_claim_that_its_chart_has_no_more(life: Life) -> None:
    """Nobody was asked; it stays in the record, so that a removal asks."""
    installed(life)
    files = {"templates/other.yaml": configmap("other")}
    done = apply_module(life.work, life.request(life.release("vault", files)), life.intent("d2"))
    assert set(claims(life.client)) >= {"own"}
    assert {ref.name for ref in done.objects} == {"own", "other"}


class Remaking:
    """A Helm beside which a program of a release lives on: it makes its ConfigMap again, until it goes itself."""

    def __init__(self, life: Life) -> None:
        self._life = life

    def __getattr__(self, name: str) -> Any:
        return getattr(self._life.helm, name)

    def uninstall(self, name: str, namespace: str) -> None:
        self._life.helm.uninstall(name, namespace)
        made = configmap("made")
        self._life.client.create({**made, "metadata": {**made["metadata"], "namespace": namespace}})


def test_a_release_that_is_wanted_no_more_goes_whole_and_leaves_its_data(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its program makes again is gone; its claims stay, recorded, until a removal asks or somebody deletes one."""
    monkeypatch.setattr("slipway.cluster.lifecycle.retaining.LETS_GO", 1.0)
    first = life.release("vault", {"templates/other.yaml": configmap("other")})
    files = {"templates/made.yaml": configmap("made"), "templates/store.yaml": stateful("Delete")}
    store = life.release("vault-store", {**files, "templates/own.yaml": claim("own")})
    apply_module(life.work, life.request(first, store), life.intent("d1"))
    owner = life.client.get("apps/v1", "StatefulSet", "store", "vault")
    assert owner is not None
    life.client.create(claim_of_set("data-store-0", owner))
    helm: Any = Remaking(life)
    done = apply_module(replace(life.work, helm=helm), life.request(first), life.intent("d2"))
    assert life.client.get("v1", "ConfigMap", "made", "vault") is None
    assert set(claims(life.client)) == {"own", "data-store-0"}
    assert {ref.name for ref in done.objects} == {"own", "data-store-0", "other"}
    with pytest.raises(StepError, match="would destroy what the plan does not name") as caught:
        life.remove(data=Fate.DELETE, agreed=False)
    assert "PersistentVolumeClaim/vault/data-store-0" in caught.value.why
    assert set(done.extra.releases) == {"vault"}

    life.client.delete(*CLAIM, "own", "vault")
    until(lambda: "own" not in claims(life.client), seconds=30, what="somebody deletes it")
    done = apply_module(life.work, life.request(first), life.intent("d2"))
    assert {ref.name for ref in done.objects} == {"data-store-0", "other"}


def test_who_goes_back_is_told_of_a_release_that_is_gone_by_then(life: Life) -> None:
    first = life.release("vault", {"templates/other.yaml": configmap("other")})
    second = life.release("vault-store", {"templates/made.yaml": configmap("made")})
    apply_module(life.work, life.request(first, second), life.intent("d1"))
    never = stateful("Retain")
    never["spec"] |= {"replicas": 1, "volumeClaimTemplates": []}
    never["spec"]["template"]["spec"]["nodeSelector"] = {"works": "nowhere"}
    unready = life.release("vault", {"templates/store.yaml": never})
    with pytest.raises(StepError) as caught:
        apply_module(life.work, life.request(unready, seconds=2), life.intent("d2"))
    assert "it was rolled back" in caught.value.hint
    assert "vault-store was uninstalled before" in caught.value.hint
    done = apply_module(life.work, life.request(first, second), life.intent("d1"))
    assert done.phase is ModulePhase.HEALTHY
    assert life.client.get("v1", "ConfigMap", "made", "vault")


def test_a_release_that_comes_near_helm_s_limit_is_told_and_one_above_is_refused_before(life: Life) -> None:
    files = {"templates/a.yaml": configmap("a"), "files/blob": text_of(560 << 10)}
    done = apply_module(life.work, life.request(life.release("vault", files)), life.intent("d1"))
    assert (done.phase, done.extra.releases["vault"].bytes > 900 << 10) == (ModulePhase.HEALTHY, True)
    assert done.message.startswith("release vault takes ")
    assert done.message.endswith(" KiB of the 1024 KiB that Helm has for it")

    larger = life.request(life.release("vault", {**files, "files/blob": text_of(700 << 10)}))
    with pytest.raises(StepError, match="release vault is too large for Helm to keep") as caught:
        apply_module(life.work, larger, life.intent("d2"))
    assert "the API server takes 1024 KiB" in caught.value.why
    history = life.client.list("v1", "Secret", "vault", labels="owner=helm,name=vault", metadata_only=True)
    assert [one["metadata"]["labels"]["version"] for one in history] == ["1"]  # Helm was not asked
    record = records.read_module(life.client, "vault")
    assert record is not None
    assert record.phase is ModulePhase.FAILED


def text_of(size: int) -> str:
    """Text that gzip makes about `size` bytes of."""
    return base64.b64encode(secrets.token_bytes(size)).decode()

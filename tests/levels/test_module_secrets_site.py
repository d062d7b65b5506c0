"""An operator at work with a module that has secrets: installed, rotated, removed; then they are looked for."""

import base64
from pathlib import Path

import pytest

from slipway.cluster.own import madesecrets, records
from slipway.cluster.rest.client import Client, connect
from slipway.settings import API_VERSION, NAMESPACE
from tests.api.operator.recording import Running
from tests.api.working import working_site
from tests.apiserver import ApiServer, until
from tests.planted import Listing, Plants, cluster_texts, file_texts, memory_texts
from tests.secretmodules import write_secret_module

SOON = 120
GIVEN = "\"q' /\\&%é-Planted-for-the-page"
COPY, KEPT = ("told-login", "told"), ("slipway-made.told.login", NAMESPACE)
OURS = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}"


def values(client: Client, name: str, namespace: str) -> dict[str, bytes]:
    return madesecrets.values_of(client.get("v1", "Secret", name, namespace))


def phase(client: Client) -> str | None:
    record = records.read_module(client, "told")
    return record.phase if record else None


def test_neither_made_nor_given_secrets_are_where_they_do_not_belong(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with (
        ApiServer(tmp_path_factory.mktemp("secrets-api"), controllers=True, kwok=True) as api,
        working_site(tmp_path, api, ("told",), write_secret_module) as site,
        connect(api.kubeconfig) as client,
    ):
        given = {"given": {"password": {"name": "page", "key": "word"}}}
        site.more["told"] = {"secrets": {"login": given}}
        with Listing() as listing, Running(site.runtime()):
            site.edit(told="here")

            def waits() -> bool:
                status = site.seen(OURS, "clusterconfigurations", "tools").get("status") or {}
                return "page/word" in str(status)

            until(waits, seconds=SOON, what="it says which secret is not there")
            assert phase(client) is None
            data = base64.b64encode(GIVEN.encode()).decode()
            meta = {"name": "page", "namespace": NAMESPACE}
            client.create({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {"word": data}})
            site.edit(told="here")
            until(lambda: phase(client) == "Healthy", seconds=SOON, what="it is healthy")
            first = values(client, *COPY)
            assert first["password"] == GIVEN.encode()

            site.more["told"] = {"secrets": {"login": {**given, "rotation": 1}}}
            site.edit(told="here")
            until(lambda: values(client, *COPY)["token"] != first["token"], seconds=SOON, what="made anew")
            until(lambda: phase(client) == "Healthy", seconds=SOON, what="it is healthy again")
            second = values(client, *COPY)
            assert second["password"] == GIVEN.encode()
            site.more.clear()
            site.edit(told="")
            until(lambda: phase(client) is None, seconds=SOON, what="it is removed")
        assert values(client, *COPY) == {}
        assert values(client, *KEPT)["token"] == second["token"]

        known = {f"first {key}": value.decode() for key, value in first.items()}
        known |= {f"second {key}": value.decode() for key, value in second.items()}
        plants = Plants(known)
        holders = {f"{NAMESPACE}/page", f"{NAMESPACE}/{KEPT[0]}", f"{COPY[1]}/{COPY[0]}"}
        found = plants.found_in(cluster_texts(lambda *words: api.kubectl(*words).stdout, holders))
        found |= plants.found_in(file_texts(tmp_path / "state"))
        found |= plants.found_in(listing.texts())
        found |= plants.found_in([("the operator's log", caplog.text.encode())])
        found |= plants.found_in(memory_texts())
        assert found == set()
        assert any(b"slipway.runner.gate" in line for _, line in listing.texts())
        assert plants.found_in(
            cluster_texts(lambda *words: api.kubectl(*words).stdout, ())
        )  # the search sees

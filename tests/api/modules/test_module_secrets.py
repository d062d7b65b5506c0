"""A module's secrets on a real API server with a real Helm: made once, kept, put back, rotated, given, taken away."""

import json
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from slipway import catalog
from slipway.bundle.form import manifest as manifests
from slipway.catalog import Catalog, Fate, Removal
from slipway.clock import utc_text
from slipway.cluster.lifecycle.helm import Helm
from slipway.cluster.lifecycle.losses import losses_of
from slipway.cluster.lifecycle.modules import apply_module
from slipway.cluster.lifecycle.removal import remove_module
from slipway.cluster.lifecycle.secrets import READ, secret_requests
from slipway.cluster.lifecycle.work import Work
from slipway.cluster.observe import observe
from slipway.cluster.own import madesecrets, records
from slipway.cluster.own.settings import ensure_namespace
from slipway.cluster.rest.client import Client
from slipway.errors import ConfigurationError, StepError
from slipway.model.bundle import Artifact, ArtifactKind
from slipway.model.configuration import Configuration, Spec
from slipway.model.modulehealth import Health
from slipway.model.record import Intent, ModuleRecord
from slipway.planning.modules import request_of
from slipway.planning.modulesecrets import secret_requests as planned_requests
from slipway.planning.requests.codec import as_inputs, module_request
from slipway.planning.requests.request import ModuleRequest, RemovalRequest
from slipway.planning.together.ground import ground_of
from slipway.settings import NAMESPACE
from tests.api.working import LABEL
from tests.apiserver import ApiServer
from tests.binaries import binary
from tests.secretmodules import write_secret_module

COPY, KEPT = ("told-login", "told"), ("slipway-made.told.login", NAMESPACE)
#: HMACs of what the site has, as planning is told them.
Seen = Mapping[str, str]
NOTHING: Seen = {}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    folder = tmp_path_factory.mktemp("modules") / "told"
    write_secret_module(folder)
    return catalog.load([folder.parent])


@pytest.fixture(scope="module", autouse=True)
def node(cluster_api: ApiServer) -> None:
    cluster_api.create_node("secrets-1", labels={LABEL: "here"})


@pytest.fixture
def work(client: Client, cluster_api: ApiServer, release: Catalog) -> Iterator[Work]:
    chart = release.modules["told"].directory / "chart"
    made = Work(client, Helm(binary("helm"), cluster_api.kubeconfig), lambda _: chart)
    yield made
    removed(made, release, data="delete")
    assert client.get("v1", "Namespace", "told") is None
    assert secret(client, *KEPT) is None


def request_for(release: Catalog, spec: dict[str, Any] | None = None, seen: Seen = NOTHING) -> ModuleRequest:
    """As planning makes it of a ClusterConfiguration that has this of the module."""
    wanted = {"modules": {"told": {"enabled": True, **(spec or {})}}}
    configuration = Configuration(name="demo", namespace=NAMESPACE, spec=Spec.model_validate(wanted))
    module, said = release.modules["told"], configuration.spec.modules["told"]
    chart = Artifact(ArtifactKind.CHART, "told.told", "0.1.0", module.digest, 1, path="told.tgz")
    bundle = manifests.manifest_of(name="t", catalog=release.core, slipway="0", artifacts=[chart])
    settings = release.settings(module, said.settings)
    requests = planned_requests(configuration, module, settings, seen)
    ground = ground_of(configuration, release, bundle)
    made = request_of(ground, "told", ground.rendered("told").values, requests)
    return module_request(json.loads(json.dumps(as_inputs(replace(made, health=Health(timeout=60))))))


def applied(
    work: Work, release: Catalog, spec: dict[str, Any] | None = None, seen: Seen = NOTHING
) -> ModuleRecord:
    request = request_for(release, spec, seen)
    return apply_module(work, request, intent(f"d-{json.dumps(as_inputs(request))}"))


def removed(work: Work, release: Catalog, *, data: str) -> None:
    policy = replace(release.modules["told"].removal, data=Fate(data))
    record = records.read_module(work.client, "told")
    lost = losses_of(work.client, record, policy) if record else ()
    remove_module(work, RemovalRequest("told", policy, destroys=lost), intent("gone", "remove"))


def intent(digest: str, action: str = "apply") -> Intent:
    return Intent("op-1", f"module/told/{action}", digest, 1, "test", utc_text())


def secret(client: Client, name: str, namespace: str) -> dict[str, bytes] | None:
    found = client.get("v1", "Secret", name, namespace)
    return madesecrets.values_of(found) if found else None


def read_by(client: Client, deployment: str) -> tuple[int, str]:
    """Generation, and what its pods are marked to have read."""
    found = client.get("apps/v1", "Deployment", deployment, "told")
    assert found
    notes = found["spec"]["template"]["metadata"].get("annotations") or {}
    return found["metadata"]["generation"], notes.get(READ, "")


def test_made_once_and_kept_over_an_upgrade(work: Work, release: Catalog) -> None:
    client = work.client
    record = applied(work, release)
    made = secret(client, *COPY)
    assert made is not None
    assert made == secret(client, *KEPT)
    assert {key: len(value) for key, value in made.items()} == {"password": 24, "token": 40, "seed": 24}
    assert read_by(client, "told") == (1, "")  # its first pods have read it

    upgraded = replace(release, modules={"told": replace(release.modules["told"], version="0.2.0")})
    applied(work, upgraded, {"values": {"further": 1}})
    assert secret(client, *COPY) == made
    assert read_by(client, "told") == (1, "")
    assert all(value.decode() not in str(record) for value in made.values())
    assert {ref.name for ref in record.objects if ref.kind == "Secret"} == {COPY[0], KEPT[0]}


def test_a_rotation_makes_it_anew_and_restarts_who_takes_it_alone(work: Work, release: Catalog) -> None:
    client = work.client
    applied(work, release)
    before, other = secret(client, *COPY), read_by(client, "other")
    rotated = {"secrets": {"login": {"rotation": 1}}}
    applied(work, release, rotated)
    after = secret(client, *COPY)
    assert before
    assert after
    assert not set(before.values()) & set(after.values())
    assert after == secret(client, *KEPT)
    generation, read = read_by(client, "told")
    assert (generation, bool(read)) == (2, True)
    assert read_by(client, "other") == other
    assert observe(client, drift=True).drift == {}

    record = applied(work, release, {**rotated, "values": {"further": 1}})
    assert secret(client, *COPY) == after
    assert read_by(client, "told") == (generation, read)
    assert [(one.entry, one.rotation) for one in record.secrets] == [("login", 1)]


def test_of_many_who_make_it_one_does(client: Client, release: Catalog) -> None:
    (request,) = secret_requests(request_for(release))
    start = threading.Barrier(8)

    def make(_: int) -> dict[str, bytes]:
        start.wait()
        return madesecrets.made_values(client, "told", request, None, lost=False)

    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(make, range(8)))
        assert all(one == found[0] for one in found)
        assert secret(client, *KEPT) == found[0]
    finally:
        client.delete("v1", "Secret", *KEPT)


def test_what_is_deleted_or_edited_is_found_and_put_back_with_the_same(work: Work, release: Catalog) -> None:
    client = work.client
    applied(work, release)
    made = secret(client, *COPY)

    def found() -> list[str]:
        return [f"{one.what} {one.found}" for one in observe(client, drift=True).drift.get("told", ())]

    assert found() == []
    client.delete("v1", "Secret", *COPY)
    assert found() == ["Secret/told/told-login is gone"]
    applied(work, release)
    assert (secret(client, *COPY), found()) == (made, [])

    client.merge("v1", "Secret", COPY[0], {"metadata": {"labels": {"of": "backup"}}}, COPY[1])
    assert found() == []
    edit = {"path": "/data/password", "op": "replace", "value": "YQ=="}
    live = client.get("v1", "Secret", *COPY)
    assert live
    path = f"/api/v1/namespaces/told/secrets/{COPY[0]}?fieldManager=kubectl-edit"
    client.call("PATCH", path, body=[edit], content="application/json-patch+json")
    assert found() == ["Secret/told/told-login was edited"]
    applied(work, release)
    assert (secret(client, *COPY), found()) == (made, [])

    client.delete("v1", "Secret", *KEPT)
    assert found() == [f"Secret/{NAMESPACE}/{KEPT[0]} is gone"]
    applied(work, release)
    assert (secret(client, *KEPT), found()) == (made, [])
    assert read_by(client, "told") == (1, "")


def test_what_is_lost_is_not_made_anew_behind_anybodys_back(work: Work, release: Catalog) -> None:
    client = work.client
    applied(work, release)
    for place in (COPY, KEPT):
        client.delete("v1", "Secret", *place)
    with pytest.raises(StepError, match="is gone") as refused:
        applied(work, release)
    assert "rotate-secret told login" in refused.value.hint
    assert (secret(client, *COPY), secret(client, *KEPT)) == (None, None)
    applied(work, release, {"secrets": {"login": {"rotation": 1}}})
    assert secret(client, *COPY)
    assert read_by(client, "told")[1]


def test_a_secret_of_somebody_else_is_not_written_over(work: Work, release: Catalog) -> None:
    client = work.client
    ensure_namespace(client, "told")
    meta = {"name": COPY[0], "namespace": COPY[1]}
    client.create({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {"password": "YQ=="}})
    with pytest.raises(StepError, match="not Slipway's"):
        applied(work, release)
    assert secret(client, *COPY) == {"password": b"a"}
    client.delete("v1", "Secret", *COPY)


def test_a_password_that_somebody_put_there_before_is_not_taken(work: Work, release: Catalog) -> None:
    """With all of Slipway's labels: who may write Secrets in a namespace need not be able to read them."""
    client = work.client
    ensure_namespace(client, "told")
    (request,) = secret_requests(request_for(release))
    planted = dict.fromkeys(request.keys, b"known")
    client.create(madesecrets.document(*COPY, "told", request, planted))
    with pytest.raises(StepError, match="not Slipway's"):
        applied(work, release)
    assert (secret(client, *COPY), secret(client, *KEPT)) == (planted, None)
    client.delete("v1", "Secret", *COPY)


def test_a_removal_keeps_what_was_made_and_the_next_installation_has_it(work: Work, release: Catalog) -> None:
    client = work.client
    applied(work, release)
    made = secret(client, *COPY)
    removed(work, release, data="retain")
    assert client.get("v1", "Namespace", "told") is None
    assert secret(client, *KEPT) == made
    applied(work, release)
    assert secret(client, *COPY) == made

    record = records.read_module(client, "told")
    assert record
    assert [ref.name for ref in losses_of(client, record, Removal(data=Fate.DELETE))] == [KEPT[0]]
    removed(work, release, data="delete")
    assert secret(client, *KEPT) is None


def test_one_that_settings_ask_for_no_more_is_kept_aside(work: Work, release: Catalog) -> None:
    client = work.client
    applied(work, release)
    made = secret(client, *COPY)
    record = applied(work, release, {"settings": {"auth": False}})
    assert (secret(client, *COPY), secret(client, *KEPT), record.secrets) == (None, made, ())
    assert observe(client, drift=True).drift == {}
    applied(work, release)
    assert secret(client, *COPY) == made


def test_one_that_a_newer_version_looks_for_elsewhere_is_there(work: Work, release: Catalog) -> None:
    client = work.client
    applied(work, release)
    made, module = secret(client, *COPY), release.modules["told"]
    (entry,) = module.secrets
    place = entry.secret.model_copy(update={"name": "told-elsewhere"})
    moved = replace(module, secrets=(entry.model_copy(update={"secret": place}),))
    applied(work, replace(release, modules={"told": moved}))
    assert (secret(client, "told-elsewhere", "told"), secret(client, *COPY)) == (made, None)
    assert observe(client, drift=True).drift == {}


def test_the_site_gives_it_and_another_one_restarts_who_takes_it(work: Work, release: Catalog) -> None:
    client = work.client
    given = {"secrets": {"login": {"given": {"password": {"name": "page", "key": "word"}}}}}
    with pytest.raises(ConfigurationError, match="page/word"):
        applied(work, release, given, {"page/word": "h1"})
    meta = {"name": "page", "namespace": NAMESPACE}
    document: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": meta}
    client.apply({**document, "data": {"word": "b25l"}}, force=True)
    applied(work, release, given, {"page/word": "h1"})
    found = secret(client, *COPY)
    assert found
    assert found["password"] == b"one"
    kept = secret(client, *KEPT)
    assert kept
    assert kept.keys() == {"token", "seed"}
    assert read_by(client, "told") == (1, "")

    client.apply({**document, "data": {"word": "dHdv"}}, force=True)
    applied(work, release, given, {"page/word": "h2"})
    assert (secret(client, *COPY) or {})["password"] == b"two"
    assert secret(client, *KEPT) == kept
    assert read_by(client, "told")[0] == 2
    client.delete("v1", "Secret", "page", NAMESPACE)


class Killed(BaseException):
    """The run ends here, as by SIGKILL: nothing of it is done any more."""


class Dying(Client):
    """Dies before its n-th write."""

    left: int

    def _write(self, *arguments: Any, **named: Any) -> Any:
        self._count()
        return super()._write(*arguments, **named)

    def delete(self, *arguments: Any, **named: Any) -> bool:
        self._count()
        return super().delete(*arguments, **named)

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed


def dies_at(work: Work, release: Catalog, write: int, spec: dict[str, Any]) -> bool:
    """Whether it was killed before that write of ours; Helm's own are not counted."""
    dying = Dying(work.client.api)
    dying.left = write
    try:
        applied(replace(work, client=dying), release, spec)
    except Killed:
        return True
    return False


def test_a_kill_at_any_write_of_an_installation_makes_it_once(work: Work, release: Catalog) -> None:
    client, write = work.client, 0
    while dies_at(work, release, write, {}):
        half = secret(client, *KEPT)
        record = applied(work, release)
        made = secret(client, *KEPT)
        assert made
        assert made == secret(client, *COPY)
        assert half in (None, made)
        assert read_by(client, "told") == (1, "")
        assert [one.entry for one in record.secrets] == ["login"]
        removed(work, release, data="delete")
        write += 1
    assert write > 4


def test_a_kill_at_any_write_of_a_rotation_ends_in_one_that_all_have_read(
    work: Work, release: Catalog
) -> None:
    client, number = work.client, 0
    applied(work, release)
    while True:
        rotation = {"secrets": {"login": {"rotation": number + 1}}}
        before, generation = secret(client, *KEPT), read_by(client, "told")[0]
        if not dies_at(work, release, number, rotation):
            break
        half = secret(client, *KEPT)
        applied(work, release, rotation)
        made = secret(client, *KEPT)
        assert made
        assert made == secret(client, *COPY)
        assert made != before
        assert half in (before, made)
        assert read_by(client, "told")[0] == generation + 1  # once, however often it was begun
        assert observe(client, drift=True).drift == {}
        number += 1
    assert number > 4

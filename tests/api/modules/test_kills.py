"""A module's life cut off at each of its points, before every write: the next run goes on, and converges."""

from pathlib import Path

import pytest

from slipway.catalog.modules import Fate, Wait
from slipway.cluster.lifecycle.modules import apply_module
from slipway.cluster.lifecycle.removal import remove_module
from slipway.cluster.own import records
from slipway.cluster.rest.client import Client
from slipway.model.record import ModulePhase
from slipway.planning.requests.request import ModuleRequest
from tests.api.modules.charted import DEFINITION, GROUP, Life, configmap, definition, resource
from tests.api.modules.dying import is_killed
from tests.apiserver import ApiServer

NAMES = {f"levers.{GROUP}", f"springs.{GROUP}"}


@pytest.fixture
def life(client: Client, cluster_api: ApiServer, tmp_path: Path) -> Life:
    return Life("mill", tmp_path, client, cluster_api)


def wanted(life: Life) -> ModuleRequest:
    """Two releases with a wait between them; the first has definitions, the second an object of one."""
    first = {
        "crds/levers.yaml": definition("Lever"),
        "templates/springs.yaml": definition("Spring"),
        "templates/one.yaml": configmap("one"),
    }
    second = {"templates/two.yaml": configmap("two"), "templates/lever.yaml": resource("Lever", "long")}
    base = life.release("mill-base", first, wait=Wait.READY)
    return life.request(base, life.release("mill", second))


def standing(client: Client) -> tuple[set[str], list[str]]:
    """Objects of the module that are there, and the state of each release's newest revision."""
    found = {item["metadata"]["name"] for item in client.list(*DEFINITION) if item["spec"]["group"] == GROUP}
    for name in ("one", "two"):
        found |= {name} if client.get("v1", "ConfigMap", name, "mill") else set()
    found |= {"long"} if client.get(f"{GROUP}/v1", "Lever", "long", "mill") else set()
    secrets = client.list("v1", "Secret", "mill", labels="owner=helm", metadata_only=True)
    newest = {one["metadata"]["labels"]["name"]: one["metadata"]["labels"]["status"] for one in secrets}
    return found, sorted(newest.values())


def test_a_life_that_is_cut_off_before_every_write_converges(life: Life, client: Client) -> None:
    """Before the nth is what after the one before it is. Both ends of a life are cut off at each of their points."""
    request, all_of_it = wanted(life), {*NAMES, "one", "two", "long"}
    deaths = {"apply": 0, "remove": 0}
    for nth in range(1, 40):
        if applied := is_killed(lambda work: apply_module(work, request, life.intent("d1")), life.work, nth):
            deaths["apply"] += 1
            record = records.read_module(client, "mill")
            assert record is None or (record.phase is ModulePhase.APPLYING and record.intent)
            apply_module(life.work, request, life.intent("d1"))
        done = records.read_module(client, "mill")
        assert done is not None
        assert (done.phase, done.intent, done.digest) == (ModulePhase.HEALTHY, None, "d1")
        assert {ref.name for ref in done.objects} == all_of_it
        assert standing(client) == (all_of_it, ["deployed", "deployed"]), nth

        removal = life.removal(crds=Fate.DELETE)
        gone = life.intent("gone", "remove")
        if removed := is_killed(lambda work: remove_module(work, removal, gone), life.work, nth):  # noqa: B023
            deaths["remove"] += 1
            remove_module(life.work, removal, gone)
        assert records.read_module(client, "mill") is None
        assert standing(client) == (set(), []), nth
        if not applied and not removed:
            break
    assert deaths["apply"] >= 8
    assert deaths["remove"] >= 6

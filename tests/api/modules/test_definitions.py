"""CustomResourceDefinitions of modules: before their release in both forms, upgraded, recorded, kept or deleted."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.catalog.modules import Fate
from slipway.cluster.lifecycle.definitions.carried import definitions_in
from slipway.cluster.lifecycle.definitions.changes import changed_definitions
from slipway.cluster.lifecycle.modules import apply_module
from slipway.cluster.lifecycle.removal import remove_module
from slipway.cluster.own import records
from slipway.cluster.own.records import MODULE_LABEL
from slipway.cluster.rest.client import Client
from slipway.errors import StepError
from slipway.model.observed import DefinitionChange
from slipway.model.record import ModulePhase, ModuleRecord, ObjectRef
from tests.api.modules.charted import DEFINITION, GROUP, Life, configmap, definition, resource
from tests.apiserver import ApiServer, until

GEARS, BOLTS = f"gears.{GROUP}", f"bolts.{GROUP}"
#: Larger than an annotation may be, which `kubectl apply` would make of it.
LARGE = "x" * (300 << 10)


@pytest.fixture
def life(client: Client, cluster_api: ApiServer, tmp_path: Path) -> Iterator[Life]:
    made = Life("forge", tmp_path, client, cluster_api)
    yield made
    made.remove(crds=Fate.DELETE, data=Fate.DELETE)
    for name in (GEARS, BOLTS):
        client.delete(*DEFINITION, name)
    until(lambda: not ours(client), seconds=60, what="no definition is left")


def ours(client: Client) -> dict[str, dict[str, Any]]:
    found = client.list(*DEFINITION)
    return {one["metadata"]["name"]: one for one in found if one["spec"]["group"] == GROUP}


def managers(found: dict[str, Any]) -> set[str]:
    """Who owns something of its spec."""
    fields = found["metadata"]["managedFields"]
    return {one["manager"] for one in fields if "f:spec" in one["fieldsV1"]}


def versions(found: dict[str, Any]) -> list[str]:
    return [one["name"] for one in found["spec"]["versions"]]


def forge(**changes: Any) -> dict[str, Any]:
    """A chart with a definition in each form, and an object of each."""
    gears, bolts = definition("Gear", text=LARGE), definition("Bolt")
    files = {
        "crds/gears.yaml": gears,
        "templates/bolts.yaml": bolts,
        "templates/one.yaml": resource("Gear", "one"),
        "templates/two.yaml": resource("Bolt", "two"),
    }
    return {key: value for key, value in {**files, **changes}.items() if value is not None}


def test_both_forms_come_first_are_upgraded_and_stay(life: Life) -> None:
    client = life.client
    first = apply_module(life.work, life.request(life.release("forge", forge())), life.intent("d1"))
    assert {ref.name for ref in first.objects} == {GEARS, BOLTS, "one", "two"}
    assert all(ref.uid for ref in first.objects)
    found = ours(client)
    assert {name: "slipway" in managers(one) for name, one in found.items()} == {GEARS: True, BOLTS: True}
    assert {one["metadata"]["labels"][MODULE_LABEL] for one in found.values()} == {"forge"}

    # Helm itself never changes what is in crds/, and deletes what is among the templates no more.
    newer = definition("Gear", versions=("v1", "v1beta1"))
    files = forge(**{"crds/gears.yaml": newer, "templates/bolts.yaml": None})
    release = life.release("forge", files)
    text = life.helm.template("forge", life.work.artifact_path(release.chart), {}, "forge")
    told = changed_definitions(client, definitions_in(text))
    assert told == {GEARS: DefinitionChange(("v1beta1 is new", "the schema of v1"))}
    second = apply_module(life.work, life.request(release), life.intent("d2"))
    assert changed_definitions(client, definitions_in(text)) == {}
    assert versions(ours(client)[GEARS]) == ["v1", "v1beta1"]
    assert {ref.name for ref in second.objects} == {GEARS, BOLTS, "one", "two"}
    assert client.get(f"{GROUP}/v1", "Bolt", "two", "forge") is not None
    third = apply_module(life.work, life.request(life.release("forge", files)), life.intent("d2"))
    assert (third.revision, len(third.objects)) == (second.revision, 4)


def test_what_is_retained_stays_although_it_is_templated_and_comes_back_with_the_module(life: Life) -> None:
    client = life.client
    release = life.release("forge", forge())
    apply_module(life.work, life.request(release), life.intent("d1"))
    client.create(resource("Bolt", "mine", namespace="default"))
    life.remove()
    assert set(ours(client)) == {GEARS, BOLTS}
    assert client.get(f"{GROUP}/v1", "Bolt", "mine", "default") is not None
    assert client.get(f"{GROUP}/v1", "Bolt", "two", "forge") is None
    assert records.read_module(client, "forge") is None

    apply_module(life.work, life.request(release), life.intent("d1"))
    with pytest.raises(StepError, match="would destroy what the plan does not name") as caught:
        life.remove(crds=Fate.DELETE, agreed=False)
    assert f"CustomResourceDefinition.apiextensions.k8s.io/{BOLTS}" in caught.value.why
    assert f"Bolt.{GROUP}/default/mine" in caught.value.why
    life.remove(crds=Fate.DELETE)
    assert ours(client) == {}


def test_one_that_is_not_served_is_waited_for_as_long_as_the_module_has_time(life: Life) -> None:
    theirs = definition("Gear")
    theirs["metadata"]["name"] = BOLTS
    theirs["spec"]["names"]["plural"] = "bolts"
    life.client.create(theirs)
    until(lambda: "status" in ours(life.client)[BOLTS], seconds=30, what="the kind is taken")
    request = life.request(life.release("forge", forge(**{"templates/bolts.yaml": None})), seconds=2)
    with pytest.raises(StepError, match=f"{GEARS} is not served after 2 s") as caught:
        apply_module(life.work, request, life.intent("d1"))
    assert "NamesAccepted is False" in caught.value.why


def test_one_of_another_owner_is_refused_and_the_owner_named(life: Life) -> None:
    client = life.client
    theirs = definition("Gear")
    theirs["metadata"]["annotations"] = {
        "meta.helm.sh/release-name": "other",
        "meta.helm.sh/release-namespace": "default",
    }
    client.create(theirs)
    labels = {"owner": "helm", "name": "other", "status": "deployed", "version": "1"}
    held = {"name": "sh.helm.release.v1.other.v1", "namespace": "default", "labels": labels}
    client.create({"apiVersion": "v1", "kind": "Secret", "metadata": held})
    request = life.request(life.release("forge", forge()))
    with pytest.raises(StepError, match="module forge has definitions that somebody else owns") as caught:
        apply_module(life.work, request, life.intent("d1"))
    assert caught.value.why == f"{GEARS} belongs to Helm release default/other"
    assert set(ours(client)) == {GEARS}
    assert life.helm.calls == 1  # to see what the chart has

    client.delete("v1", "Secret", held["name"], "default")
    rival = ModuleRecord("rival", ModulePhase.HEALTHY, objects=(ObjectRef(*DEFINITION, GEARS),))
    records.write_module(client, rival)
    with pytest.raises(StepError) as caught:
        apply_module(life.work, request, life.intent("d1"))
    assert caught.value.why == f"{GEARS} belongs to module rival"
    records.delete_module(client, "rival")
    assert apply_module(life.work, request, life.intent("d1")).phase is ModulePhase.HEALTHY


def test_custom_resources_go_while_their_controller_lives(life: Life, client: Client) -> None:
    """Their finalizers are taken away by a controller that is there; without one they are named."""
    files = forge(**{"templates/controller.yaml": configmap("controller")})
    files["templates/one.yaml"] = resource("Gear", "one", finalizers=["example.org/hold"])
    apply_module(life.work, life.request(life.release("forge", files)), life.intent("d1"))
    seen: list[bool] = []

    def controller(text: str) -> None:
        """It lets go what is being deleted, if it lives."""
        found = client.get(f"{GROUP}/v1", "Gear", "one", "forge")
        if found and found["metadata"].get("deletionTimestamp"):
            seen.append(client.get("v1", "ConfigMap", "controller", "forge") is not None)
            patch = {"metadata": {"finalizers": None}}
            client.merge(f"{GROUP}/v1", "Gear", "one", patch, "forge")

    remove_module(replace(life.work, progress=controller), life.removal(), life.intent("gone", "remove"))
    assert seen == [True]


def test_a_custom_resource_that_stays_is_named_before_its_controller_goes(
    life: Life, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slipway.cluster.lifecycle.gone.GONE_SECONDS", 1.0)
    files = forge(**{"templates/controller.yaml": configmap("controller")})
    files["templates/one.yaml"] = resource("Gear", "one", finalizers=["example.org/hold"])
    apply_module(life.work, life.request(life.release("forge", files)), life.intent("d1"))
    with pytest.raises(StepError, match="what module forge made does not go") as caught:
        life.remove()
    assert caught.value.why == f"Gear.{GROUP}/forge/one (finalizers: example.org/hold)"
    assert "its controller has to let it go" in caught.value.hint
    assert client.get("v1", "ConfigMap", "controller", "forge") is not None
    client.merge(f"{GROUP}/v1", "Gear", "one", {"metadata": {"finalizers": None}}, "forge")

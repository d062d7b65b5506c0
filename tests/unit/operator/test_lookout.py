"""What the lookout keeps, and when it asks for a look: the events are those of a reflector."""

import json
from typing import Any, cast

from slipway.cluster.rest.client import Client, Object
from slipway.cluster.rest.watch import ChangeKind, Event, Reflector
from slipway.model.modulehealth import NO_EXPECTATIONS, Expectations, HealthRule
from slipway.operator.lookout import MADE_BY_HELM, NODE, RECORD, Lookout


class Scene:
    """A lookout whose reflectors are told what they would have read."""

    def __init__(self, expectations: Expectations = NO_EXPECTATIONS) -> None:
        self.reflectors: dict[tuple[str, str], Reflector] = {}
        self.looks = 0
        Lookout(_own_client, _no_client, self._start, self._look, expectations).begin()

    def _start(self, reflector: Reflector) -> None:
        self.reflectors[reflector.kind] = reflector

    def _look(self) -> None:
        self.looks += 1

    def happens(self, kind: tuple[str, str], event: str, *objects: Object) -> int:
        """Tell it; how many looks were asked for."""
        before, reflector = self.looks, self.reflectors[kind]
        kept = tuple(found for obj in objects if (found := reflector.kept(obj)) is not None)
        if kept or event == "Synchronization":
            reflector.on_event(Event(ChangeKind(event), kept))
        return self.looks - before


def _own_client() -> Client:
    """Knows where Kubernetes' own kinds live, and asks nobody."""
    return Client(cast("Any", None))


def _no_client() -> Client:
    raise AssertionError("a lookout connects nobody")


def node(name: str, ready: str, **more: Any) -> Object:
    return {
        "metadata": {"name": name, **more},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def record(name: str, *objects: tuple[str, str, str]) -> Object:
    refs = [{"api_version": a, "kind": k, "name": n, "namespace": "web"} for a, k, n in objects]
    data = {
        "format": 1,
        "name": name,
        "phase": "Healthy",
        "objects": refs,
        "releases": [],
        "requires": [],
        "intent": None,
    }
    return {"metadata": {"name": f"slipway-module-{name}"}, "data": {"record": json.dumps(data)}}


def deployment(name: str, available: int) -> Object:
    found = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": available}
    meta = {"namespace": "web", "name": name, "generation": 1}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta,
        "spec": {"replicas": 1},
        "status": found,
    }


DEPLOYMENT = ("apps/v1", "Deployment")


def test_a_node_that_says_the_same_again_asks_for_nothing() -> None:
    scene = Scene()
    assert scene.happens(NODE, "Synchronization", node("a", "True"), node("b", "True")) == 1
    assert scene.happens(NODE, "Modified", node("a", "True", resourceVersion="2")) == 0
    assert scene.happens(NODE, "Modified", node("a", "Unknown")) == 1
    assert scene.happens(NODE, "Synchronization", node("a", "Unknown"), node("b", "True")) == 0
    assert scene.happens(NODE, "Deleted", node("b", "True")) == 1


def test_what_records_name_is_watched_once_a_kind() -> None:
    scene = Scene()
    assert set(scene.reflectors) == {NODE, RECORD}
    objects = (
        ("apps/v1", "Deployment", "page"),
        ("v1", "ConfigMap", "page"),
        ("example.com/v1", "Widget", "x"),
    )
    scene.happens(RECORD, "Synchronization", record("page", *objects), record("shop", objects[0]))
    assert set(scene.reflectors) == {NODE, RECORD, DEPLOYMENT, ("example.com/v1", "Widget")}
    assert scene.reflectors[DEPLOYMENT].labels == MADE_BY_HELM


def test_objects_that_no_record_names_are_neither_kept_nor_told() -> None:
    scene = Scene()
    scene.happens(RECORD, "Added", record("page", ("apps/v1", "Deployment", "page")))
    assert scene.reflectors[DEPLOYMENT].kept(deployment("other", 0)) is None
    assert scene.reflectors[DEPLOYMENT].kept(deployment("page", 0)) == {
        "place": ("web", "page"),
        "said": "InProgress 0 of 1 replicas are available",
    }
    assert scene.happens(DEPLOYMENT, "Added", deployment("page", 0)) == 1
    assert scene.happens(DEPLOYMENT, "Modified", deployment("page", 0)) == 0
    assert scene.happens(DEPLOYMENT, "Modified", deployment("page", 1)) == 1
    assert scene.happens(RECORD, "Deleted", record("page")) == 1
    assert scene.happens(DEPLOYMENT, "Modified", deployment("page", 0)) == 0


SERVICES, CLASSES = ("apiregistration.k8s.io/v1", "APIService"), ("storage.k8s.io/v1", "StorageClass")
RULES = Expectations(
    {
        "page": (
            HealthRule(api_version=SERVICES[0], kind=SERVICES[1], name="v1.page"),
            HealthRule(api_version=CLASSES[0], kind=CLASSES[1], default_class=True),
            HealthRule(api_version="apps/v1", kind="Deployment", fields={"status.replicas": 1}),
        )
    }
)


def service(name: str, available: str) -> Object:
    conditions = [{"type": "Available", "status": available}]
    kind = {"apiVersion": SERVICES[0], "kind": SERVICES[1]}
    return {**kind, "metadata": {"name": name}, "status": {"conditions": conditions}}


def storage_class(name: str, default: str) -> Object:
    notes = {"storageclass.kubernetes.io/is-default-class": default}
    return {"apiVersion": CLASSES[0], "kind": CLASSES[1], "metadata": {"name": name, "annotations": notes}}


def test_what_rules_name_is_watched_while_their_module_is_there() -> None:
    scene = Scene(RULES)
    assert set(scene.reflectors) == {NODE, RECORD}
    scene.happens(RECORD, "Added", record("page", ("apps/v1", "Deployment", "page")))
    assert set(scene.reflectors) == {NODE, RECORD, DEPLOYMENT, SERVICES, CLASSES}
    assert scene.reflectors[SERVICES].labels == ""
    assert scene.reflectors[SERVICES].kept(service("v1.other", "True")) is None
    assert scene.happens(SERVICES, "Added", service("v1.page", "True")) == 1
    assert scene.happens(SERVICES, "Modified", service("v1.page", "True")) == 0
    assert scene.happens(SERVICES, "Modified", service("v1.page", "False")) == 1
    assert scene.happens(CLASSES, "Added", storage_class("fast", "true")) == 1
    assert scene.happens(CLASSES, "Modified", storage_class("fast", "false")) == 1
    assert scene.happens(RECORD, "Deleted", record("page")) == 1
    assert scene.happens(SERVICES, "Modified", service("v1.page", "True")) == 0


def test_what_a_rule_asks_of_the_modules_own_objects_is_watched_too() -> None:
    scene = Scene(RULES)
    scene.happens(RECORD, "Added", record("page", ("apps/v1", "Deployment", "page")))
    one = deployment("page", 1)
    two = {**one, "status": one["status"] | {"replicas": 2}}
    assert scene.happens(DEPLOYMENT, "Added", one) == 1
    said = scene.reflectors[DEPLOYMENT].kept({**two, "spec": {"replicas": 2}})
    assert said
    assert "status.replicas is 2, not 1" in said["said"]

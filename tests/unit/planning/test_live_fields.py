"""The ClusterConfiguration in the cluster against the file: its operator follows the one, the command line the other.

Every field that the file sets is taken away, and changed, in the cluster alone: the plan puts each back.
"""

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from slipway.api.paths import text
from slipway.model.observed import Observed
from slipway.model.paths import Entry
from slipway.model.plan import Change, Plan, StepKind
from tests.unit.planning import model

DOCUMENT = model.document(
    {
        "upgrade": {"drainTimeout": "9m"},
        "kubernetes": {"kubelet": {"extraConfig": {"a": [1, {"b": 2.5}], "c": {"d.e": None, "f": {}}}}},
        "hosts": {
            "defaults": {
                "sysctl": {"vm.swappiness": "9"},
                "labels": {"example.org/rack": ""},
                "taints": [{"key": "a", "value": "b", "effect": "NoSchedule"}],
                "dns": {},
            }
        },
        "modules": {"welcome": {"enabled": True, "settings": {"replicas": 2}, "values": {"x.y": True}}},
    }
)
KEYS = {"items": ("name",), "taints": ("effect", "key")}


def fields(value: Any, path: tuple[Any, ...] = (), place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, Any]]:
    """Each value that says something: its path as a plan names it, and its place in the document."""
    keys = KEYS.get(str(path[-1])) if path else None
    if isinstance(value, dict):
        for key, item in value.items():
            yield from fields(item, (*path, key), (*place, key))
    elif keys and isinstance(value, list):
        for index, item in enumerate(value):
            entry = Entry(tuple((key, item[key]) for key in keys))
            for key in item.keys() - set(keys):
                yield from fields(item[key], (*path, entry, key), (*place, index, key))
    elif value is not None and value != []:
        yield path, place


FIELDS = sorted(fields(DOCUMENT["spec"]), key=str)


def with_live(spec: dict[str, Any]) -> Observed:
    """What is there after the document was applied, with another spec in the cluster."""
    seen = model.installed(DOCUMENT)
    (live,) = seen.cluster.configurations
    return replace(seen, cluster=replace(seen.cluster, configurations=(replace(live, spec=spec),)))


def edited(place: tuple[Any, ...], *values: Any) -> dict[str, Any]:
    """The spec with the value at the place replaced, or taken away where none is given."""
    spec = copy.deepcopy(DOCUMENT["spec"])
    around = spec
    for element in place[:-1]:
        around = around[element]
    del around[place[-1]]
    around.update(dict.fromkeys(place[-1:], *values) if values else {})
    return spec


def reasons(plan: Plan) -> list[str]:
    """Of the step of the settings, the only one."""
    (step,) = (step for step in plan.steps if step.kind is StepKind.SETTINGS)
    assert step.change is Change.REPAIR
    return [reason.text for reason in step.reasons]


def test_all_kinds_of_fields_are_walked() -> None:
    assert len(FIELDS) > 20


@pytest.mark.parametrize(("path", "place"), FIELDS, ids=lambda value: "".join(map(str, value)))
def test_a_field_that_was_taken_away_or_changed_in_the_cluster_is_put_back(
    path: tuple[Any, ...], place: tuple[Any, ...]
) -> None:
    name = text(("spec", *path))
    assert reasons(model.planned(DOCUMENT, with_live(edited(place)))) == [f"{name}: is not in the cluster"]
    assert reasons(model.planned(DOCUMENT, with_live(edited(place, "other")))) == [
        f'{name}: is "other" in the cluster'
    ]


def test_a_whole_module_and_a_whole_host_are_named_as_such() -> None:
    spec = copy.deepcopy(DOCUMENT["spec"])
    del spec["modules"]["welcome"], spec["hosts"]["items"][1]
    assert reasons(model.planned(DOCUMENT, with_live(spec))) == [
        'spec.hosts.items[name="worker-01"]: is not in the cluster',
        "spec.modules.welcome: is not in the cluster",
    ]


def test_what_the_cluster_has_besides_is_no_difference() -> None:
    spec = copy.deepcopy(DOCUMENT["spec"])
    spec["hosts"]["items"].insert(0, {"name": "worker-00", "address": "10.0.0.99", "roles": ["worker"]})
    spec["hosts"]["items"][1]["settings"] = {"labels": {"a": "b"}}
    spec["modules"]["metrics-server"] = {"enabled": True}
    assert model.planned(DOCUMENT, with_live(spec)).empty


def test_an_edit_of_the_file_is_told_as_that_alone() -> None:
    mine = copy.deepcopy(DOCUMENT)
    mine["spec"]["upgrade"]["drainTimeout"] = "8m"
    (step,) = model.planned(mine, with_live(DOCUMENT["spec"])).steps
    assert [reason.path for reason in step.reasons] == ["spec.upgrade"]


def test_secrets_that_the_operator_would_not_find_are_put_back() -> None:
    seen = with_live(DOCUMENT["spec"])
    assert model.planned(DOCUMENT, replace(seen, stored=dict(seen.secrets))).empty
    stored = {**seen.secrets, "slipway-site/key": "another"}
    del stored["ssh/id_ed25519"]
    assert reasons(model.planned(DOCUMENT, replace(seen, stored=stored))) == [
        "Secret/slipway-system/slipway-site: has another key",
        "Secret/slipway-system/ssh: has no id_ed25519",
    ]

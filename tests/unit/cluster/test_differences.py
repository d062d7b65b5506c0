"""What of a module's objects is no longer as its record says."""

from typing import Any

import pytest

from slipway.cluster.lifecycle.drift import differences, object_key
from slipway.model.record import ModuleDetails, ModulePhase, ModuleRecord, ObjectRef

NAME = "Deployment.apps/page/page"


def record(*, passing: bool = False) -> ModuleRecord:
    ref = ObjectRef("apps/v1", "Deployment", "page", "page", uid="u-1", passing=passing)
    return ModuleRecord(
        "page", ModulePhase.HEALTHY, objects=(ref,), extra=ModuleDetails(generations={NAME: 7})
    )


@pytest.mark.parametrize(
    ("meta", "passing", "told"),
    [
        ({"uid": "u-1", "generation": 7}, False, []),
        ({"uid": "u-1", "generation": 8}, False, ["was edited"]),
        ({"uid": "u-1", "generation": 6}, False, ["was edited"]),
        ({"uid": "u-1"}, False, ["was edited"]),
        ({"uid": "u-2", "generation": 7}, False, ["was made anew by somebody"]),
        (None, False, ["is gone"]),
        (None, True, []),
    ],
    ids=["as recorded", "newer", "older", "without a generation", "made anew", "gone", "gone by itself"],
)
def test_an_object_is_compared_with_its_record(
    meta: dict[str, Any] | None, passing: bool, told: list[str]
) -> None:
    found = {} if meta is None else {NAME: meta}
    drifts = list(differences(record(passing=passing), found))
    assert [(drift.step, drift.what, drift.found) for drift in drifts] == [
        ("module/page/apply", NAME, words) for words in told
    ]


def test_an_object_has_one_name_whatever_the_version_of_its_api() -> None:
    assert object_key("apps/v1", "Deployment", "page", "page") == NAME
    assert object_key("v1", "ConfigMap", "page", "notes") == "ConfigMap/page/notes"
    assert object_key("v1", "Namespace", "", "page") == "Namespace/page"

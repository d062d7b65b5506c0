"""Requests of modules as plain data: the form of which digests in clusters are made, and back."""

import json
from typing import Any

import pytest

from slipway.catalog import Fate, Removal
from slipway.errors import StepError
from slipway.model.modulehealth import Health, HealthRule
from slipway.model.plan import Action
from slipway.model.record import ObjectRef
from slipway.planning.digests import digest
from slipway.planning.requests.codec import as_inputs, as_variables, module_request, turn_of
from slipway.planning.requests.request import (
    ChartRef,
    ModuleRequest,
    ModuleTurn,
    ReleaseRequest,
    RemovalRequest,
)

RULE = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "defaultClass": True}
REQUEST = ModuleRequest(
    name="page",
    version="1",
    releases=(
        ReleaseRequest(
            "page", "pages", ChartRef("page", "sha256:1", "1.0"), {"a": None, "b": [1]}, labels={"x": "y"}
        ),
    ),
    health=Health(timeout=60, rules=(HealthRule.model_validate(RULE),)),
    requires=("cni",),
    owner="slipway-system/demo",
)
#: As the release of Slipway wrote it that had no types for it.
WRITTEN: dict[str, Any] = {
    "name": "page",
    "version": "1",
    "stage": "platform",
    "settings": {},
    "values": {},
    "releases": [
        {
            "name": "page",
            "namespace": "pages",
            "create_namespace": True,
            "labels": {"x": "y"},
            "chart": {"name": "page", "version": "1.0", "digest": "sha256:1"},
            "values": {"a": None, "b": [1]},
        }
    ],
    "health": {"timeout": 60, "rules": [RULE]},
    "removal": {"crds": "retain", "data": "retain", "namespace": "delete-if-empty"},
    "requires": ["cni"],
    "owner": "slipway-system/demo",
}


def test_a_request_has_the_form_of_which_digests_were_made() -> None:
    """Any other one, and every module of every site would be gone over again."""
    assert as_inputs(REQUEST) == WRITTEN
    assert digest(as_inputs(REQUEST), {}) == digest(WRITTEN, {})


@pytest.mark.parametrize(
    "request_",
    [REQUEST, RemovalRequest("page", Removal(data=Fate.DELETE), "n/d", (ObjectRef("v1", "A", "a"),))],
)
def test_a_turn_goes_through_a_playbook_s_variables(request_: ModuleRequest | RemovalRequest) -> None:
    turn = ModuleTurn(request_, "module/page/apply", "sha256:2", {"owner": "abc"}, ("module/cni/apply",))
    assert turn_of(json.loads(json.dumps(as_variables(turn)))) == turn
    assert turn.action is (Action.APPLY if request_ is REQUEST else Action.REMOVE)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"releases": [{"name": "page"}]}, "releases.0.namespace"),
        ({"removal": {"crds": "retian"}}, "removal.crds"),
        ({"health": 5}, "health"),
        ({"stage": "late"}, "stage"),
    ],
)
def test_what_is_no_request_is_told_with_its_field(change: dict[str, Any], where: str) -> None:
    with pytest.raises(StepError, match="a module's request cannot be read") as caught:
        module_request(WRITTEN | change)
    assert caught.value.why.startswith(f"{where}: ")
    assert caught.value.where == "module/page"

"""A plan's digest is what somebody agrees to; pillars are what no agreement takes away."""

from typing import Any

import pytest

from slipway.api import read
from slipway.planning.immutable import pillar_findings
from tests.unit.planning import model

WELCOME = {"modules": {"welcome": {"enabled": True}}}


def digest(*patches: dict[str, Any]) -> tuple[list[str], str]:
    """Ids of the steps of an edit, and the digest of the plan."""
    plan = model.planned(model.document(*patches), model.installed(model.base()))
    return [step.id for step in plan.steps], plan.digest


def test_a_yes_to_one_plan_is_no_yes_to_another_of_the_same_steps() -> None:
    values = [{"modules": {"welcome": {"values": {"a": value}}}} for value in (1, 2)]
    (steps, one), (same_steps, other) = (digest(WELCOME, patch) for patch in values)
    assert steps == same_steps
    assert one != other
    assert digest(WELCOME, values[0]) == (steps, one)


def test_a_yes_to_steps_is_no_yes_to_more_of_them() -> None:
    assert digest(WELCOME)[1] != digest(WELCOME, {"upgrade": {"drainTimeout": "9m"}})[1]


@pytest.mark.parametrize(
    ("registry", "leaving", "why"),
    [
        ({"host": "worker-02"}, "worker-02", "worker-02 runs the site registry, and cannot be removed"),
        ({"host": "worker-02"}, "worker-01", ""),
        ({}, "worker-02", ""),
    ],
    ids=["the registry's", "another", "one without it"],
)
def test_the_host_of_the_registry_cannot_leave(registry: dict[str, Any], leaving: str, why: str) -> None:
    document = model.document({"registry": registry})
    live = read.parse(document)
    items = document["spec"]["hosts"]["items"]
    document["spec"]["hosts"]["items"] = [item for item in items if item["name"] != leaving]
    document["spec"].pop("registry")
    found = pillar_findings(live.hosts, live.spec, read.parse(document))
    assert [one.problem for one in found] == ([why] if why else [])
    assert {one.code for one in found} <= {"pillar"}

"""Every folder of cases/: the plan that comes of it, and what holds for all of them."""

import pytest

from slipway.planning.roles.facts import facts_of
from tests.unit.planning import model
from tests.unit.planning.example import Example, examples

EXAMPLES = examples()


every = pytest.mark.parametrize("example", EXAMPLES, ids=str)


@every
def test_the_plan_is_the_expected_one(example: Example) -> None:
    assert example.outcome() == example.expected


@every
def test_once_applied_only_what_was_held_back_is_left_to_do(example: Example) -> None:
    plan = example.plan()
    observed = model.applied(example.document, plan, example.observed)
    left = model.planned(example.document, observed).steps
    assert {step.id for step in left} == {step.id for step in plan.steps if step.hold}
    assert all(step.hold for step in left)


@every
def test_needs_are_in_the_plan_and_come_first(example: Example) -> None:
    done: set[str] = set()
    for step in example.plan().steps:
        assert set(step.needs) <= done
        done.add(step.id)


def _told_by_nodes(example: Example) -> bool:
    """Whether the nodes' copies say all that the hosts say."""
    nodes = example.observed.cluster.nodes
    for name, host in example.observed.hosts.items():
        copies = (
            {role: record.digest for role, record in nodes[name].records.items()} if name in nodes else {}
        )
        if name in nodes and nodes[name].begun:  # which says that its copy may not be right
            return False
        own = {role: record.digest for role, record in host.records.items()}
        if facts_of(host, host.records).gpus != facts_of(None, host.records).gpus:
            return False
        swaps = host.survey.swaps and not host.survey.container
        if host.intents or host.drift or swaps or host.survey.services or own != copies:
            return False
    return bool(example.live)


@pytest.mark.parametrize("example", list(filter(_told_by_nodes, EXAMPLES)), ids=str)
def test_the_api_alone_gives_the_same_plan(example: Example) -> None:
    by_api = model.planned(example.document, model.records_only(example.observed))
    assert by_api.digest == example.plan().digest

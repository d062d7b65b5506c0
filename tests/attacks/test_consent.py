"""A yes is for one plan once: the same plan later asks anew, and what cannot be made again is asked for by name.

The same through a real API server, with kills: tests/api/operator/test_consent.py.
"""

from dataclasses import replace
from pathlib import Path

from slipway.cli.views.planview import REASONS, plan_text
from slipway.engine.consent import turn_of
from slipway.engine.journal import Journal, new_operation
from slipway.model.observed import ClusterObserved
from slipway.model.operation import Progress, ProgressKind
from slipway.model.plan import Because, Reason
from slipway.model.record import ObjectRef
from tests.holding import context
from tests.unit.planning import model

WELCOME = {"modules": {"welcome": {"enabled": True, "settings": {"persistence": True}}}}
OFF = {"modules": {"welcome": {"enabled": False}}}


def test_a_host_that_came_back_is_not_removed_by_the_yes_of_its_first_removal() -> None:
    document = model.document()
    without = model.document()
    without["spec"]["hosts"]["items"].pop()
    seen = model.installed(document)
    first = model.planned(without, seen)
    after = model.applied(without, first, seen)
    back = model.applied(document, model.planned(document, after), after)
    second = model.planned(without, back)
    assert [step.digest for step in second.steps] == [step.digest for step in first.steps]
    assert second.needs_approval
    assert second.digest != first.digest


def test_before_there_is_a_cluster_an_operation_uses_a_plan_file_too(tmp_path: Path) -> None:
    """The hosts may be blank again: the plan is the same."""
    surroundings = context(tmp_path / "kubeconfig", "site", tmp_path)
    silent = ClusterObserved(reachable=False)
    assert turn_of(surroundings, silent) == ""
    operation = new_operation()
    journal = Journal(surroundings.state / "operations", operation)
    journal.write(Progress(ProgressKind.STARTED, operation, 1.0))
    journal.close()
    assert turn_of(surroundings, silent) == operation


def test_all_that_is_destroyed_is_named() -> None:
    """Also where there are more reasons than a screen has room for."""
    seen = model.installed(model.document(WELCOME))
    claims = tuple(
        ObjectRef("v1", "PersistentVolumeClaim", f"data-{n}", "welcome", f"u{n}") for n in range(40)
    )
    looked = replace(seen, cluster=replace(seen.cluster, losses={"welcome": claims}))
    plan = model.planned(model.document(OFF), looked)
    [removal] = [step for step in plan.steps if step.destructive]
    assert all(f"welcome/data-{n}" in plan_text(plan) for n in range(40))
    many = (*(Reason(Because.FIELD, f"field {n}") for n in range(REASONS)), *removal.reasons)
    assert "welcome/data-39" in plan_text(replace(plan, steps=(replace(removal, reasons=many),)))


def test_a_claim_that_was_made_again_is_another_one() -> None:
    seen = model.installed(model.document(WELCOME))

    def digest(uid: str) -> str:
        claim = ObjectRef("v1", "PersistentVolumeClaim", "welcome", "welcome", uid)
        looked = replace(seen, cluster=replace(seen.cluster, losses={"welcome": (claim,)}))
        return model.planned(model.document(OFF), looked).digest

    assert digest("one") == digest("one")
    assert digest("one") != digest("two")


def test_what_holds_nothing_that_was_looked_at_needs_no_yes() -> None:
    seen = model.installed(model.document(WELCOME))
    looked = replace(seen, cluster=replace(seen.cluster, losses={"welcome": ()}))
    assert not model.planned(model.document(OFF), looked).needs_approval

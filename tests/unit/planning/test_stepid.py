"""Names of steps are taken apart in one place."""

import pytest

from slipway.model.plan import StepId, StepKind


def test_a_name_is_what_it_was_made_of() -> None:
    name = StepId(StepKind.HOST, "cp-01", "node_prepare")
    assert str(name) == "host/cp-01/node_prepare"
    assert StepId.parse(str(name)) == name


@pytest.mark.parametrize("text", ["", "node_prepare", "host/cp-01", "host/cp-01/node_prepare/more"])
def test_what_a_damaged_record_calls_a_step_belongs_to_nobody(text: str) -> None:
    assert StepId.parse(text) == StepId("", "", text)

"""Which step a failed task was of, by what Ansible tells of it."""

import pytest

from slipway.engine.hosts import failed_step
from slipway.runner.run import RunnerFailure
from tests.unit.engine.plans import step

STEPS = [step(f"host/{host}/{role}") for host in "ab" for role in ("first", "second", "third")]


@pytest.mark.parametrize(
    ("failure", "found"),
    [
        (RunnerFailure("a", "task", "", "words", step="host/a/second"), "host/a/second"),
        (RunnerFailure("a", "task", "third", "words"), "host/a/third"),
        (RunnerFailure("b", "task", "unheard_of", "words"), "host/b/first"),
        (RunnerFailure("c", "task", "first", "words"), None),
    ],
    ids=["named", "by its role", "the first of its host", "of another host"],
)
def test_a_failure_is_told_of_the_step_that_it_is_of(failure: RunnerFailure, found: str | None) -> None:
    told = failed_step(STEPS, failure, ())
    assert (told.id if told else None) == found


def test_a_step_that_has_ended_is_not_the_one() -> None:
    failure = RunnerFailure("a", "task", "", "words")
    told = failed_step(STEPS, failure, {"host/a/first"})
    assert told is not None
    assert told.id == "host/a/second"

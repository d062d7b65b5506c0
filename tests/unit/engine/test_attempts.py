"""How often a step is tried, by the real loop, with work that fails as it is told to."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.api import read
from slipway.bundle.site.source import DirectorySource
from slipway.engine import apply as loop
from slipway.engine.batches import Batch
from slipway.engine.context import Context
from slipway.engine.run import Run
from slipway.errors import ConflictError, SlipwayError, StepError, TransientError
from slipway.model.observed import Observed, Scope
from slipway.model.operation import OperationResult, Outcome
from slipway.secrets import MappedSecrets
from tests.unit.engine.plans import plan, step
from tests.unit.planning import model

FIRST, SECOND = "node/cp-01/metadata", "node/cp-02/metadata"
#: A loop without a bound ends the test here, not at its timeout.
MANY = 20


class Work:
    """Fails each step as often as it is told to, and counts."""

    def __init__(self, failures: dict[str, int], error: Callable[[str], SlipwayError]) -> None:
        self.tried: Counter[str] = Counter()
        self._failures = failures
        self._error = error

    def __call__(self, batch: Batch, run: Run) -> None:
        for one in batch.steps:
            self.tried[one.id] += 1
            assert self.tried[one.id] < MANY
            run.board.begin(one.id)
            if self.tried[one.id] <= self._failures.get(one.id, 0):
                run.board.fail_with(one.id, self._error(one.id))
            else:
                run.board.succeed(one.id)


def carry_out(work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OperationResult:
    """Two steps, the second needs the first; no host and no cluster, so there is nothing to lock."""
    monkeypatch.setattr(loop, "execute", work)
    monkeypatch.setattr(loop, "BACK_OFF", 0.0)
    context = Context(
        configuration=read.parse(model.base()),
        catalog=model.catalog(),
        source=DirectorySource(tmp_path),
        secrets=MappedSecrets({}),
        state=tmp_path,
        kubeconfig=None,
    )
    return loop.apply(
        plan(step(FIRST), step(SECOND, FIRST)),
        context,
        Observed(Scope.RECORDS, ""),
        progress=lambda _event: None,
        cancelled=lambda: False,
    )


class Lost(Work):
    """Somebody takes the lock during the first step."""

    def __call__(self, batch: Batch, run: Run) -> None:
        assert not run.cancelled()
        run.locks._lost = ConflictError("taken by somebody else")
        assert run.cancelled()
        super().__call__(batch, run)


def test_a_lost_lock_stops_what_runs_and_what_would_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Lost({FIRST: MANY}, TransientError)
    with pytest.raises(ConflictError):
        carry_out(work, tmp_path, monkeypatch)
    assert work.tried == {FIRST: 1}


@pytest.mark.parametrize(
    ("failures", "error", "tried", "outcome"),
    [
        (0, TransientError, 1, Outcome.SUCCEEDED),
        (2, TransientError, 3, Outcome.SUCCEEDED),
        (MANY, TransientError, 3, Outcome.FAILED),
        (MANY, StepError, 1, Outcome.FAILED),
    ],
    ids=["at once", "at last", "never, and time could have healed it", "never"],
)
def test_what_time_can_heal_is_tried_three_times_and_nothing_else_twice(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failures: int,
    error: Callable[[str], SlipwayError],
    tried: int,
    outcome: Outcome,
) -> None:
    work = Work({FIRST: failures}, error)
    result = carry_out(work, tmp_path, monkeypatch)
    assert work.tried[FIRST] == tried
    assert result.outcome is outcome
    assert work.tried[SECOND] == (1 if outcome is Outcome.SUCCEEDED else 0)

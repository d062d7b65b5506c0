"""What the system refuses while a step runs is told as it says it; a bug is told as one."""

import errno

from slipway.engine.apply import _internal
from slipway.engine.batches import Batch
from slipway.model.plan import StepKind
from tests.unit.engine.plans import step

BATCH = Batch(StepKind.MODULE, (step("module/a/apply"),))


def test_a_full_disk_is_no_bug() -> None:
    error = _internal(BATCH, OSError(errno.ENOSPC, "No space left on device", "/var/x"))
    assert (error.where, error.why) == ("/var/x", "No space left on device")
    assert "report" not in error.hint
    assert _internal(BATCH, OSError(errno.ENOSPC, "No space left on device")).where == "module/a/apply"


def test_a_bug_is_told_with_where_it_is() -> None:
    error = _internal(BATCH, KeyError("x"))
    assert (error.where, error.hint) == ("module/a/apply", "report this")

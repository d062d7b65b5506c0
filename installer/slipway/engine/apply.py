"""Runs a plan to its end: starts what is ready, listens, retries what time can heal, records the outcome.

Called by the command line and by the operator. It decides nothing about what is to be done; it stops at a step
boundary when `cancelled` says so, and leaves no process behind.
"""

import logging
import threading
import time
import traceback
from collections.abc import Callable

from slipway.engine.announcing import announce
from slipway.engine.batches import Batch, StepState, next_batches
from slipway.engine.board import Board
from slipway.engine.chronicle.begun import started_by
from slipway.engine.chronicle.diffs import keep_carried
from slipway.engine.chronicle.fitting import fitting_spec
from slipway.engine.chronicle.forms import planned_spec
from slipway.engine.context import Context
from slipway.engine.execute import execute
from slipway.engine.freshness import take_bundle, tell_cluster
from slipway.engine.hostkeys import share_host_keys
from slipway.engine.journal import Journal, new_operation
from slipway.engine.locking import Locks
from slipway.engine.run import Run
from slipway.errors import ConflictError, Interrupted, SlipwayError
from slipway.model.observed import Observed
from slipway.model.operation import Failure, OperationResult, Outcome, Progress, ProgressKind, StepResult
from slipway.model.plan import Plan, StepKind
from slipway.planning.holding import absent

log = logging.getLogger(__name__)

#: Times that a step is tried when its failure is one that time can heal.
ATTEMPTS = 3
#: Seconds before the second attempt; doubled for the third.
BACK_OFF = 4.0


def apply(
    plan: Plan,
    context: Context,
    observed: Observed,
    *,
    progress: Callable[[Progress], None],
    cancelled: Callable[[], bool],
    held: Callable[[], bool] = lambda: False,
    operation: str = "",
) -> OperationResult:
    """Carry the plan out. `cancelled` ends what runs; `held`, an edit came, ends what waits and begins nothing more.

    Raises:
        ConflictError: somebody else is changing one of the targets, from the beginning or since a lock was lost.
        SlipwayError: a lock could not be kept.
    """
    name = operation or new_operation()
    journal = Journal(context.state / "operations", name)

    def tell(event: Progress) -> None:
        before = journal.trouble
        journal.write(event)
        progress(event)
        if journal.trouble != before:
            text = f"the journal cannot be written: {journal.trouble}; the operation goes on without it"
            progress(Progress(ProgressKind.NOTE, name, time.time(), text=text))

    board = Board(name, plan, tell)
    started, locked = time.monotonic(), False
    lost: SlipwayError | None = None
    tell(Progress(ProgressKind.STARTED, name, time.time(), data=_opening(plan, context)))
    try:
        with Locks.of(plan, context, observed, board.note, lambda: cancelled() or held()) as locks:
            locked = True
            tell(Progress(ProgressKind.LOCKED, name, time.time()))
            if observed.cluster.reachable:
                _share_host_keys(context, board)
            taken = take_bundle(context, board.note)
            _run(board, context, observed, locks, cancelled, held)
            tell_cluster(context, taken, board.note)
            lost = locks.lost
            if not lost:
                keep_carried(context, observed, plan, board.results.values(), board.note)
    except Interrupted:  # while it waited for a lock
        log.debug("%s: stopped before its first step", name)
    finally:
        stopped = Outcome.SUPERSEDED if held() else None
        stopped = Outcome.CANCELLED if cancelled() or lost else stopped
        result = _result(board, stopped, time.monotonic() - started)
        tell(
            Progress(
                ProgressKind.FINISHED, name, time.time(), text=str(result.outcome), data=_summary(result)
            )
        )
        if locked:
            journal.close()
        else:  # it gave way to another one
            journal.discard()
    if lost and result.outcome is not Outcome.SUCCEEDED:
        raise _stopped_by(lost)
    return result


def _share_host_keys(context: Context, board: Board) -> None:
    """Where a plan has no settings step: hosts were met for it. Whoever may not write there goes on without."""
    try:
        share_host_keys(context)
    except SlipwayError as error:
        board.note(f"the cluster does not get the hosts' keys: {error.what}")


def _run(
    board: Board,
    context: Context,
    observed: Observed,
    locks: Locks,
    cancelled: Callable[[], bool],
    held: Callable[[], bool],
) -> None:
    _hold_back(board, locks)
    announce(board, context, observed)
    threads: dict[threading.Thread, Batch] = {}
    pythons: set[str] = set()

    def work(batch: Batch) -> None:
        try:
            locks.confirm(batch.kind)
            execute(batch, Run(board, context, observed, locks, stopped, held, pythons))
        except SlipwayError as error:
            _fail_batch(batch, board, error)
        except Exception as exc:  # a bug in one executor must not lose the records of others
            _fail_batch(batch, board, _internal(batch, exc))
        finally:
            with board.changed:
                board.changed.notify_all()

    def stopped() -> bool:
        return cancelled() or locks.lost is not None

    while True:
        for thread in [thread for thread in threads if not thread.is_alive()]:
            _retry(board, threads.pop(thread), lambda: stopped() or held())
        board.block({step.id for batch in threads.values() for step in batch.steps})
        busy = {batch.kind for batch in threads.values()}
        for batch in [] if stopped() or held() else _next(board, busy):
            for step in batch.steps:
                board.take(step)
            thread = threading.Thread(target=work, args=(batch,), name=f"{batch.kind}-batch")
            threads[thread] = batch
            thread.start()
        if not threads:
            return
        with board.changed:
            board.changed.wait(timeout=0.2)


def _next(board: Board, busy: set[StepKind]) -> list[Batch]:
    return next_batches(board.plan, board.states, busy, board.silent)


def _hold_back(board: Board, locks: Locks) -> None:
    """What the plan holds back, and steps of hosts that have gone since it was made: they could not be locked."""
    for step in board.plan.steps:
        gone = locks.silent.get(step.target) if step.on_host else None
        hold = step.hold or (absent(step.target, gone.text, gone.hint) if gone else None)
        if hold:
            board.hold_back(step, hold)


def _internal(batch: Batch, exc: Exception) -> SlipwayError:
    """What the system refused, as it says it; else a bug of ours: the last frames say where."""
    if isinstance(exc, OSError) and exc.strerror:
        where = str(exc.filename or batch.steps[0].id)
        hint = "see to what it names, and run the command again"
        return SlipwayError(
            "the system refused what the step needs", where=where, why=exc.strerror, hint=hint
        )
    frames = "".join(traceback.format_exception(exc)[-4:])
    return SlipwayError(f"internal error: {exc!r}", where=batch.steps[0].id, why=frames, hint="report this")


def _fail_batch(batch: Batch, board: Board, error: SlipwayError) -> None:
    for step in batch.steps:
        board.fail_with(step.id, error)


def _retry(board: Board, batch: Batch, stopped: Callable[[], bool]) -> None:
    """Put passing failures of a finished batch back into line, after a pause."""
    healed = [
        step.id
        for step in batch.steps
        if (result := board.results.get(step.id))
        and result.failure
        and result.failure.retryable
        and board.attempts.get(step.id, 0) < ATTEMPTS - 1
    ]
    if not healed or stopped():
        return
    _pause(BACK_OFF * 2 ** board.attempts.get(healed[0], 0), stopped)
    waiting = [step.id for step in batch.steps if board.states[step.id] is StepState.BLOCKED]
    for step_id in (*healed, *waiting):
        board.again(step_id)


def _pause(seconds: float, stopped: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and not stopped():
        time.sleep(0.1)


def _result(board: Board, stopped: Outcome | None, seconds: float) -> OperationResult:
    """`stopped`: by what it ended before all was done."""
    steps = tuple(
        board.results.get(step.id)
        or StepResult(step.id, stopped or Outcome.CANCELLED, failure=Failure("not started", step.id))
        for step in board.plan.steps
    )
    if all(step.outcome is Outcome.SUCCEEDED for step in steps):
        outcome = Outcome.SUCCEEDED
    elif stopped:
        outcome = stopped
    elif not any(step.outcome is Outcome.FAILED for step in steps):
        outcome = Outcome.BLOCKED
    else:
        outcome = Outcome.FAILED
    return OperationResult(board.operation, board.plan.digest, outcome, steps, board.counts, seconds)


def _summary(result: OperationResult) -> dict[str, object]:
    return {
        "outcome": str(result.outcome),
        "seconds": round(result.seconds, 2),
        "failed": [step.step for step in result.steps if step.outcome is Outcome.FAILED],
    }


def _opening(plan: Plan, context: Context) -> dict[str, object]:
    """As much as an Operation in the cluster says of it."""
    spec = fitting_spec(planned_spec(context.configuration.name, plan, started_by(context)))
    steps = [step.id for step in plan.steps]
    return {"plan": plan.digest, "steps": steps, "holder": context.holder, "spec": spec}


def _stopped_by(lost: SlipwayError) -> SlipwayError:
    """What ends an operation whose lock is gone; a bug in the keeping is told as it is."""
    if not isinstance(lost, ConflictError):
        return lost
    return ConflictError(
        f"the operation lost its lock and was stopped: {lost.what}",
        where=lost.where,
        why=lost.why,
        hint="what is done is recorded; run the same command again once the other one is done",
    )

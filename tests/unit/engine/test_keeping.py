"""The threads that keep locks: each by itself, none ends without a word."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from slipway.engine.keeping import Keeper
from slipway.errors import ConflictError, StepError, TransientError
from tests.apiserver import until

SOON = 0.01


@contextmanager
def keeping(renew: Callable[[], None], note: Callable[[str], None]) -> Iterator[Keeper]:
    keeper = Keeper("the Lease", renew, seconds=SOON, note=note)
    keeper.start()
    try:
        yield keeper
    finally:
        keeper.stop()


def ended(keeper: Keeper) -> None:
    until(lambda: keeper.failure, seconds=30, what="the keeper to end")


@pytest.mark.parametrize("passing", [TransientError("no answer"), StepError("the lock cannot be changed")])
def test_a_failure_that_passes_is_told_once_and_its_end_too(passing: StepError) -> None:
    notes: list[str] = []
    calls = 0

    def renew() -> None:
        nonlocal calls
        calls += 1
        if calls < 5:
            raise passing

    with keeping(renew, notes.append) as keeper:
        until(lambda: calls > 6, seconds=30, what="renewals after the trouble")
    assert keeper.failure is None
    assert notes == [f"the Lease could not be renewed: {passing.what}", "the Lease is renewed again"]


def test_a_lock_that_somebody_took_ends_it() -> None:
    notes: list[str] = []
    lost = ConflictError("ann is changing this cluster")

    def renew() -> None:
        raise lost

    with keeping(renew, notes.append) as keeper:
        ended(keeper)
    assert keeper.failure is lost
    assert notes == ["stopping: ann is changing this cluster"]


def test_a_bug_ends_it_and_says_where_it_is() -> None:
    def renew() -> None:
        raise KeyError("acquireTime")

    with keeping(renew, lambda _text: None) as keeper:
        ended(keeper)
    assert keeper.failure
    assert "KeyError: 'acquireTime'" in keeper.failure.why


def test_a_note_that_cannot_be_written_ends_it_all_the_same() -> None:
    """The journal's disk is full."""

    def renew() -> None:
        raise TransientError("no answer")

    def note(_text: str) -> None:
        raise OSError(28, "No space left on device")

    with keeping(renew, note) as keeper:
        ended(keeper)
    assert keeper.failure
    assert "No space left" in keeper.failure.why


def test_one_that_waits_for_its_edge_holds_no_other_up() -> None:
    free, calls = threading.Event(), 0

    def renew() -> None:
        nonlocal calls
        calls += 1

    def hang() -> None:
        free.wait(30)

    with keeping(hang, lambda _text: None), keeping(renew, lambda _text: None):
        until(lambda: calls > 5, seconds=30, what="renewals of the other")
        free.set()

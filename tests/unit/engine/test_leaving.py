"""What the engine asks of a drain. The drain itself: tests/api/modules/test_modules_edge.py."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from slipway.api import read
from slipway.cluster import nodes
from slipway.engine import removal
from slipway.model.plan import Step
from tests.unit.engine.plans import step
from tests.unit.planning import model


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("10m", 600), ("2h", 7200)])
def test_durations(text: str, seconds: float) -> None:
    assert removal.seconds_of(text) == seconds


@pytest.mark.parametrize(("work", "asked"), [(removal.take_out, "take_out"), (removal.let_in, "let_in")])
def test_a_drain_has_the_time_that_the_user_gives_it(
    monkeypatch: pytest.MonkeyPatch, work: Callable[[Step, Any], int], asked: str
) -> None:
    given: list[tuple[str, dict[str, Any]]] = []

    def note(_client: None, name: str, **options: Any) -> int:
        given.append((name, options))
        return 0

    def cancelled() -> bool:
        return False

    monkeypatch.setattr(nodes, asked, note)
    configuration = read.parse(model.document({"upgrade": {"drainTimeout": "7m"}}))
    context = SimpleNamespace(configuration=configuration, client=lambda: None)
    work(step("node/worker-01/drain"), SimpleNamespace(context=context, cancelled=cancelled))
    assert given == [("worker-01", {"seconds": 420.0, "cancelled": cancelled})]

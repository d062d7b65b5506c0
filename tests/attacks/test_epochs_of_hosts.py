"""A host may say of its lock what it likes: that is its own affair, and takes no other host its guard."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from slipway.engine.locking import Locks
from slipway.errors import ConflictError
from slipway.model.observed import HostObserved, Observed, Scope
from slipway.model.record import Lock
from slipway.probe import locks
from tests.localhosts import LocalFleet
from tests.unit.engine.plans import plan, step

#: More than shells, API servers and databases count.
MANY = 10**30


def test_an_epoch_without_measure_is_that_hosts_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was everybody's: no shell compares it, so a late step was refused nowhere, and no Lease could have it."""
    fleet = LocalFleet(tmp_path, ["evil", "good"])
    fleet.local["evil"].lock = {"format": 2, "holder": "", "epoch": MANY, "boot": "", "until": 0}
    fleet.local["good"].lock = {"format": 2, "holder": "", "epoch": 7, "boot": "", "until": 0}
    monkeypatch.setattr(Locks, "_open_fleet", lambda _self: fleet)
    seen = {
        name: HostObserved(name, lock=Lock("", epoch, 0.0)) for name, epoch in (("evil", MANY), ("good", 7))
    }
    context: Any = SimpleNamespace(holder="ann@one:1")
    both = plan(step("host/evil/node_system"), step("host/good/node_system"))
    with Locks.of(both, context, Observed(Scope.TARGETS, "", hosts=seen), note=print) as held:
        assert held.epoch_on("good") == fleet.local["good"].lock["epoch"] == 8
        assert held.epoch_on("evil") == MANY + 1
        assert held.epoch == 1  # the Lease's, which counts takings of the Lease
    with pytest.raises(ConflictError, match="changed since it was read"):
        locks.acquire(fleet, "bob", 7, hosts=["good"])

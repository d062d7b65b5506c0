"""What `status` makes of the operator's last word and of what is seen now."""

from types import SimpleNamespace
from typing import Any

import pytest

from slipway.api import read
from slipway.engine.enquiry.overview import Overview, _conditions, _phase, with_failed
from slipway.model.observed import ClusterObserved, LiveConfiguration
from slipway.model.record import ModulePhase, ModuleRecord
from slipway.model.standing import Ailment, Cause, Part, Standing
from tests.unit.planning import model

WELL = Standing()
SICK = Standing((Ailment(Part.NODE, "worker-01", Cause.SILENT, "Kubelet stopped posting node status."),))
HINT = Standing(hints=(Ailment(Part.NODE, "cp-01", Cause.PRESSURE, "DiskPressure: it has"),))


def live(phase: str) -> LiveConfiguration:
    status = {"phase": phase} if phase else {}
    return LiveConfiguration("site", "slipway-system", 1, {}, status=status)


@pytest.mark.parametrize(
    ("told", "now", "phase"),
    [
        ("Ready", WELL, "Ready"),
        ("Ready", HINT, "Ready"),
        ("Ready", SICK, "Degraded"),
        ("", SICK, "Degraded"),
        ("Applying", SICK, "Applying"),
        ("Failed", SICK, "Failed"),
        ("Degraded", WELL, "Degraded"),
    ],
)
def test_the_last_word_is_not_better_than_what_is_seen(told: str, now: Standing, phase: str) -> None:
    assert _phase(live(told), now) == phase


def test_a_cluster_is_degraded_by_what_is_seen_or_by_what_its_operator_says() -> None:
    def degraded(phase: str, now: Standing) -> bool:
        return Overview("site", "", cluster=True, phase=phase, standing=now).degraded

    assert degraded("Applying", SICK)
    assert degraded("Degraded", WELL)
    assert degraded("Failed", WELL)
    assert degraded("Unreachable", WELL)
    assert not degraded("no cluster", WELL)
    assert not degraded("Ready", HINT)


def test_no_condition_is_true_that_is_not_so_now() -> None:
    kinds = ("Ready", "HostsReady", "ModulesReady")
    status = {"conditions": [{"type": kind, "status": "True", "reason": "r"} for kind in kinds]}
    now = {one.name: (one.state, one.version) for one in _conditions(status, SICK)}
    assert now == {
        "Ready": ("False", "Degraded"),
        "HostsReady": ("False", "Degraded"),
        "ModulesReady": ("True", "r"),
    }


def test_a_module_whose_last_change_failed_is_not_well() -> None:
    context: Any = SimpleNamespace(configuration=read.parse(model.base()))
    names = {"mine": "slipway-system/site", "theirs": "team-a/site"}
    failed = {
        name: ModuleRecord(name, ModulePhase.FAILED, owner=owner, message="0 of 1 available", time="t")
        for name, owner in names.items()
    }
    seen = ClusterObserved(reachable=True, modules=failed)
    (one,) = with_failed(WELL, context, seen).sick
    assert one == Ailment(Part.MODULE, "mine", Cause.FAILED, "0 of 1 available", "t")
    assert _phase(live(""), with_failed(WELL, context, seen)) == "Degraded"

"""What `status` makes of the operator's last word and of what is seen now."""

import pytest

from slipway.engine.enquiry.overview import Overview, _conditions, _phase
from slipway.model.observed import LiveConfiguration
from slipway.model.standing import Ailment, Cause, Part, Standing

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

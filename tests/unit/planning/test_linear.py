"""What planning looks up once for all hosts is looked up anew for other hosts; order is by rounds."""

from slipway.api import read
from slipway.model.plan import Action, Change, Step, StepKind
from slipway.planning.order import ordered
from tests.unit.planning import model


def test_a_copy_with_other_hosts_has_its_own_control_planes_and_registry() -> None:
    whole = read.parse(model.document())
    assert [host.name for host in whole.control_planes] == ["cp-01"]
    assert whole.registry_host is whole.hosts[0]
    assert whole.runtimes == {"containerd"}
    fewer = whole.model_copy(update={"hosts": whole.hosts[1:]})
    assert (fewer.control_planes, fewer.runtimes) == ((), {"containerd"})
    assert whole.model_copy(update={"hosts": ()}).registry_host is None
    assert [host.name for host in whole.control_planes] == ["cp-01"]
    assert whole == read.parse(model.document())  # what was looked up is no part of it


def step(name: str, *needs: str) -> Step:
    return Step(
        id=name,
        kind=StepKind.MODULE,
        target=name,
        action=Action.APPLY,
        change=Change.CREATE,
        digest="",
        needs=needs,
        reasons=(),
        inputs={},
    )


def test_steps_come_one_round_after_the_last_of_their_needs() -> None:
    steps = (step("d", "b", "c"), step("c", "a"), step("b"), step("a", "gone"), step("e", "c"))
    assert [one.id for one in ordered(steps)] == ["b", "a", "c", "d", "e"]
    assert {one.id: one.needs for one in ordered(steps)}["a"] == ()

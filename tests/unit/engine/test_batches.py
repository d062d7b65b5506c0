"""Which steps start together, and which can no longer run."""

from dataclasses import replace

from slipway.engine.batches import StepState, newly_blocked, next_batches
from slipway.model.plan import Plan
from tests.unit.engine.plans import plan, step

REGISTRY = step("host/a/registry")
PUSH = step("mirror/site/push", "host/a/registry")
PREPARE_A = step("host/a/node_prepare", "mirror/site/push")
PREPARE_B = step("host/b/node_prepare", "mirror/site/push")
RUNTIME_A = step("host/a/container_runtime", "host/a/node_prepare")
SETTINGS = step("settings/site/apply", "host/a/container_runtime")
FLANNEL = step("module/flannel/apply", "settings/site/apply")
PAGE = step("module/page/apply", "settings/site/apply", "module/flannel/apply")
ALL = plan(REGISTRY, PUSH, PREPARE_A, PREPARE_B, RUNTIME_A, SETTINGS, FLANNEL, PAGE)


def started(made: Plan, states: dict[str, StepState], busy: tuple[str, ...] = ()) -> list[list[str]]:
    full = {one.id: states.get(one.id, StepState.PENDING) for one in made.steps}
    return [[one.id for one in batch.steps] for batch in next_batches(made, full, busy)]


def done(*ids: str) -> dict[str, StepState]:
    return dict.fromkeys(ids, StepState.SUCCEEDED)


def test_what_waits_for_another_kind_is_left_for_later() -> None:
    assert started(ALL, {}) == [["host/a/registry"]]


def test_one_run_takes_all_hosts_and_what_waits_only_inside_it() -> None:
    states = done("host/a/registry", "mirror/site/push")
    assert started(ALL, states) == [
        ["host/a/node_prepare", "host/b/node_prepare", "host/a/container_runtime"]
    ]


def test_modules_that_need_each_other_share_a_run() -> None:
    before = [one.id for one in ALL.steps if not one.id.startswith("module/")]
    assert started(ALL, done(*before)) == [["module/flannel/apply", "module/page/apply"]]


def test_a_kind_that_runs_is_not_started_twice() -> None:
    states = done("host/a/registry", "mirror/site/push")
    assert started(ALL, states, ("host",)) == []


def test_kinds_go_side_by_side() -> None:
    made = plan(step("host/a/node_prepare"), step("node/b/metadata"), step("module/page/apply"))
    assert started(made, {}) == [["host/a/node_prepare"], ["module/page/apply"], ["node/b/metadata"]]


def test_nothing_starts_after_a_failure_it_waits_for() -> None:
    states = done("host/a/registry") | {"mirror/site/push": StepState.FAILED}
    assert started(ALL, states) == []


def test_dependents_of_dependents_are_blocked_by_their_own_need() -> None:
    states = dict.fromkeys((one.id for one in ALL.steps), StepState.PENDING)
    states |= done("host/a/registry", "mirror/site/push", "host/b/node_prepare") | {
        "host/a/node_prepare": StepState.FAILED
    }
    assert [(one.id, culprit) for one, culprit in newly_blocked(ALL, states)] == [
        ("host/a/container_runtime", "host/a/node_prepare"),
        ("settings/site/apply", "host/a/container_runtime"),
        ("module/flannel/apply", "settings/site/apply"),
        ("module/page/apply", "settings/site/apply"),
    ]


def test_a_rolling_step_waits_for_the_run_of_the_host_before() -> None:
    one = replace(step("host/a/kubernetes_node"), rolling=True)
    two = replace(step("host/b/kubernetes_node", one.id), rolling=True)
    made = plan(one, two, step("host/b/node_system"))
    assert started(made, {}) == [["host/a/kubernetes_node", "host/b/node_system"]]
    assert started(made, {**done("host/b/node_system", one.id)}) == [["host/b/kubernetes_node"]]
    states = {"host/a/kubernetes_node": StepState.FAILED, two.id: StepState.PENDING} | done(
        "host/b/node_system"
    )
    assert [(late.id, culprit) for late, culprit in newly_blocked(made, states)] == [(two.id, one.id)]


def test_control_planes_share_a_run_that_takes_them_one_by_one() -> None:
    one = replace(step("host/a/kubernetes_control_plane"), rolling=True)
    two = replace(step("host/b/kubernetes_control_plane", one.id), rolling=True)
    assert started(plan(one, two), {}) == [[one.id, two.id]]


def test_hosts_that_fell_silent_come_after_all_others() -> None:
    made = plan(step("host/a/node_prepare"), step("host/b/node_prepare"), step("host/b/node_system"))
    full = {one.id: StepState.PENDING for one in made.steps}
    steady = next_batches(made, full, (), {"a"})
    assert [one.id for batch in steady for one in batch.steps] == [
        "host/b/node_prepare",
        "host/b/node_system",
    ]
    full |= done("host/b/node_prepare", "host/b/node_system")
    assert [[one.id for one in batch.steps] for batch in next_batches(made, full, (), {"a"})] == [
        ["host/a/node_prepare"]
    ]


def test_what_may_be_tried_again_blocks_nobody() -> None:
    states = dict.fromkeys((one.id for one in ALL.steps), StepState.PENDING) | {
        "host/a/registry": StepState.FAILED
    }
    assert newly_blocked(ALL, states, {"host/a/registry"}) == []

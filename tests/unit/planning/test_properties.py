"""What holds for every configuration: an applied plan leaves nothing to do, order keeps needs, hosts stay apart."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.api import read
from slipway.model.observed import ClusterObserved, HostObserved, Observed
from slipway.model.plan import Because, StepKind
from tests.unit.planning import model

WORDS = st.sampled_from(["a", "b", "c"])


def host(name: str, number: int, role: str) -> st.SearchStrategy[dict[str, Any]]:
    own = st.fixed_dictionaries(
        {},
        optional={
            "labels": st.dictionaries(WORDS, WORDS, max_size=2),
            "taints": st.lists(
                st.fixed_dictionaries({"key": WORDS, "effect": st.sampled_from(["NoSchedule", "NoExecute"])}),
                max_size=1,
            ),
            "sysctl": st.dictionaries(st.just("vm.max_map_count"), st.sampled_from(["1", "2"]), max_size=1),
            "limits": st.dictionaries(st.just("nofile"), st.sampled_from([4096, 8192]), max_size=1),
            "time": st.fixed_dictionaries({"servers": st.lists(st.just("10.0.0.1"), max_size=1)}),
            "kubelet": st.dictionaries(st.just("maxPods"), st.integers(50, 60), max_size=1),
        },
    )
    return own.map(
        lambda chosen: {
            "name": name,
            "address": f"10.0.0.{number}",
            "roles": [role],
            **({"settings": chosen} if chosen else {}),
        }
    )


def hosts(planes: int, workers: int) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.tuples(
        *(host(f"cp-{n:02}", 10 + n, "control-plane") for n in range(1, planes + 1)),
        *(host(f"worker-{n:02}", 50 + n, "worker") for n in range(1, workers + 1)),
    ).map(list)


def modules() -> st.SearchStrategy[dict[str, Any]]:
    on = st.fixed_dictionaries({"enabled": st.booleans()})
    welcome = st.fixed_dictionaries(
        {"enabled": st.booleans(), "settings": st.fixed_dictionaries({"greeting": WORDS})}
    )
    return st.fixed_dictionaries(
        {}, optional={"metrics-server": on, "local-path-provisioner": on, "operator": on, "welcome": welcome}
    )


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    planes, workers = draw(st.sampled_from([1, 3])), draw(st.integers(0, 3))
    flags = draw(st.dictionaries(st.sampled_from(["v", "profiling"]), WORDS, max_size=2))
    patch = {
        "kubernetes": {"apiServer": {"extraArgs": flags}},
        "hosts": {"items": draw(hosts(planes, workers))},
        "modules": None,
    }
    return model.document(patch, {"modules": draw(modules())})


few = settings(max_examples=25, deadline=None)


@few
@given(documents())
def test_an_installation_leaves_nothing_to_do(document: dict[str, Any]) -> None:
    assert model.planned(document, model.installed(document)).steps == ()


@few
@given(documents(), documents())
def test_any_edit_is_done_by_one_apply(before: dict[str, Any], after: dict[str, Any]) -> None:
    observed = model.installed(before)
    plan = model.planned(after, observed)
    done: set[str] = set()
    for step in plan.steps:
        assert set(step.needs) <= done, "needs come first"
        done.add(step.id)
    assert model.planned(after, model.applied(after, plan, observed)).steps == ()


def without(observed: Observed, name: str) -> Observed:
    """A reading in which that host did not answer."""
    silent = HostObserved(name, error_code="timeout", error="no answer within 10 s")
    return replace(observed, hosts={**observed.hosts, name: silent})


@few
@given(documents(), documents(), st.integers(0, 9), st.booleans())
def test_with_a_host_away_all_others_are_done_and_the_rest_once_it_is_back(
    before: dict[str, Any], after: dict[str, Any], number: int, installed: bool
) -> None:
    observed = model.installed(before) if installed else model.fresh(read.parse(after))
    names = [item["name"] for item in after["spec"]["hosts"]["items"]]
    gone = names[number % len(names)]
    first = without(observed, gone)
    plan = model.planned(after, first)
    done: set[str] = set()
    for step in plan.steps:
        assert step.hold or set(step.needs) <= done, "what is carried out needs nothing that is held back"
        done |= set() if step.hold else {step.id}
    held = {step.id for step in plan.steps if step.hold}
    if gone.startswith("worker"):
        assert {step.target for step in plan.steps if step.hold} <= {gone}, "a worker is needed by nobody"
    assert held >= {step.id for step in plan.steps if step.kind is StepKind.HOST and step.target == gone}
    later = model.applied(after, plan, first)
    assert {step.id for step in model.planned(after, later).steps} == held
    back = observed.hosts.get(gone) or model.bare(read.parse(after))[gone]
    later = replace(later, hosts={**later.hosts, gone: back})
    rest = model.planned(after, later)
    assert not rest.holds
    assert model.planned(after, model.applied(after, rest, later)).steps == ()


@few
@given(documents(), documents())
def test_with_the_api_away_nothing_is_done_unseen_and_the_rest_once_it_is_back(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    observed = model.installed(before)
    away = replace(observed, cluster=ClusterObserved(reachable=False, error="the connection was refused"))
    plan = model.planned(after, away)
    of_planes: set[str] = set()
    done: set[str] = set()
    for step in plan.steps:
        assert step.hold or set(step.needs) <= done, "what is carried out needs nothing that is held back"
        done |= set() if step.hold else {step.id}
        if step.kind is StepKind.HOST:
            of_planes |= {step.id} if step.target.startswith("cp-") else set()
            assert step.hold or not step.disruptive, "nobody can drain its node"
        elif step.kind is not StepKind.MIRROR:
            assert {reason.cause for reason in step.reasons} == {Because.UNHEARD}, "nothing is known of it"
            assert step.hold or of_planes & set(step.needs), "a control plane may bring the API back"
    if not of_planes:
        back = replace(model.applied(after, plan, away), cluster=observed.cluster)
        rest = model.planned(after, back)
        assert not rest.holds
        assert model.planned(after, model.applied(after, rest, back)).steps == ()


@few
@given(documents())
def test_one_more_host_touches_no_other(document: dict[str, Any]) -> None:
    more = {"name": "new", "address": "10.0.0.200", "roles": ["worker"]}
    items = [*document["spec"]["hosts"]["items"], more]
    wider = {**document, "spec": {**document["spec"], "hosts": {"items": items}}}
    plan = model.planned(wider, model.installed(document))
    touched = {step.target for step in plan.steps if step.kind in {StepKind.HOST, StepKind.NODE}}
    assert touched == {"new"}
    assert {step.kind for step in plan.steps} == {StepKind.HOST, StepKind.NODE, StepKind.SETTINGS}

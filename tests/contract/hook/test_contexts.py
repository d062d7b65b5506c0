"""Binding contexts as a real shell-operator wrote them, replayed: which reconciliations do they cause?"""

import json
from pathlib import Path

import pytest

from slipway.operator import hook
from slipway.operator.door import Key, Request, Verdict

CONTEXTS = Path(__file__).parent / "contexts"
PRODUCTION = Key("slipway-system", "production")
OTHER = Key("team-a", "tools")

#: Recorded file -> reconciliations.
EXPECTED = {
    "01-onstartup.json": [],
    "02-synchronization.json": [Request(PRODUCTION)],
    "03-event-modified.json": [Request(PRODUCTION)],
    "04-schedule.json": [Request(PRODUCTION, full=True), Request(OTHER, full=True)],
    "05-event-modified-x5.json": [Request(PRODUCTION)],
    "06-event-deleted.json": [Request(PRODUCTION), Request(OTHER)],
}


class Recording:
    """Notes what it is asked; `gone` are no more."""

    def __init__(self, gone: frozenset[Key] = frozenset(), verdict: Verdict = Verdict.UNCHANGED) -> None:
        self.asked: list[Request] = []
        self.gone = gone
        self.verdict = verdict

    def configurations(self) -> tuple[Key, ...]:
        return tuple(key for key in (PRODUCTION, OTHER) if key not in self.gone)

    def reconcile(self, request: Request) -> Verdict:
        self.asked.append(request)
        return Verdict.GONE if request.key in self.gone else self.verdict


def contexts(name: str) -> list[hook.BindingContext]:
    loaded: list[hook.BindingContext] = json.loads((CONTEXTS / name).read_text())
    return loaded


def test_every_recording_has_an_expectation() -> None:
    assert {path.name for path in CONTEXTS.glob("*.json")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_recorded_contexts(name: str) -> None:
    door = Recording(frozenset({PRODUCTION}) if "deleted" in name else frozenset())
    result = hook.handle(contexts(name), door)
    assert door.asked == EXPECTED[name]
    assert result.exit_code == 0


def test_all_recordings_in_one_burst() -> None:
    door = Recording()
    burst = [context for name in sorted(EXPECTED) for context in contexts(name)]
    hook.handle(burst, door)
    assert door.asked == [Request(PRODUCTION, full=True), Request(OTHER, full=True)]


def settled(reason: str = "UpToDate", plan: str = "", approved: str = "") -> hook.BindingContext:
    (context,) = contexts("03-event-modified.json")
    context["object"]["metadata"]["annotations"] = {"installer.slipway.dev/approve": approved}
    context["object"]["status"] = {
        "observedGeneration": 2,
        "operation": {"plan": plan},
        "conditions": [{"type": "Ready", "reason": reason, "status": "False"}],
    }
    return context


def test_a_generation_whose_outcome_is_told_is_left_alone() -> None:
    assert hook.requests_of([settled()]) == ()


def test_an_older_observed_generation_is_news() -> None:
    context = settled()
    context["object"]["status"]["observedGeneration"] = 1
    assert hook.requests_of([context]) == (Request(PRODUCTION),)


def test_an_operation_that_was_cut_off_goes_on() -> None:
    context = settled()
    context["object"]["status"]["conditions"].append({"type": "Reconciling", "status": "True"})
    assert hook.requests_of([context]) == (Request(PRODUCTION),)


def test_approval_of_the_plan_that_waits_is_news_and_of_another_is_not() -> None:
    assert hook.requests_of([settled("AwaitingApproval", "sha256:1", "sha256:1")]) == (Request(PRODUCTION),)
    assert hook.requests_of([settled("AwaitingApproval", "sha256:1", "sha256:0")]) == ()


def test_group_contexts_name_their_snapshots() -> None:
    objects = contexts("02-synchronization.json")[0]["objects"]
    group = {"binding": "all", "type": "Group", "snapshots": {"cc": objects}}
    assert hook.requests_of([group]) == (Request(PRODUCTION),)


def changed(kind: str) -> hook.BindingContext:
    """As it comes with `keepFullObjectsInMemory: false`: without the object."""
    binding = f"{hook.STANDING_PREFIX}{kind.lower()}"
    return {"binding": binding, "type": "Event", "watchEvent": "Modified", "filterResult": ["Unknown"]}


def test_what_a_node_says_of_itself_is_told_and_nothing_is_done() -> None:
    door = Recording()
    hook.handle([changed("Node"), changed("Deployment")], door)
    assert door.asked == [Request(PRODUCTION, act=False), Request(OTHER, act=False)]


def test_an_edit_in_the_same_burst_is_followed() -> None:
    door = Recording()
    hook.handle([changed("Node"), *contexts("03-event-modified.json")], door)
    assert door.asked == [Request(PRODUCTION), Request(OTHER, act=False)]


@pytest.mark.parametrize(
    ("verdict", "code"),
    [(Verdict.FAILED, 0), (Verdict.REFUSED, 0), (Verdict.AWAITING_APPROVAL, 0), (Verdict.RETRY, 1)],
)
def test_only_what_repeating_heals_is_a_failure(verdict: Verdict, code: int) -> None:
    result = hook.handle(contexts("02-synchronization.json"), Recording(verdict=verdict))
    assert result.exit_code == code

"""Another key for a living cluster's Secrets: whatever is killed, away or edited meanwhile, none is lost to anybody.

A world of three control planes follows plan after plan. It knows what each API server really has, which records do not
always say: a killed step changed it, or not, and recorded nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slipway.api import read
from slipway.findings import FindingCode
from slipway.model.codes import HostCode
from slipway.model.observed import ClusterObserved, HostObserved, Observed, Scope
from slipway.model.plan import Because, Plan, Step, StepKind
from slipway.model.record import Intent
from slipway.planning.encryption import REWRITE_STEP
from slipway.planning.hardening import encryption_file
from slipway.planning.preflight import preflight
from slipway.planning.roles.kubernetes import CONTROL_PLANE
from tests.unit.planning import model

PLANES = ("cp-01", "cp-02", "cp-03")
PLAIN, KEY1, KEY2, KEY3 = "plain", "key1", "key2", "key3"
#: Of a plan that nobody kills.
WHOLE = 99


def wanting(key: str, planes: tuple[str, ...] = PLANES) -> dict[str, Any]:
    """A ClusterConfiguration whose Secrets are to be written by that key."""
    fields = {
        "encryptSecrets": key != PLAIN,
        "encryptionKey": int(key.removeprefix("key") or 1) if key != PLAIN else 1,
    }
    items = [
        {"name": name, "address": f"10.0.0.{number}", "roles": ["control-plane", "worker"]}
        for number, name in enumerate(planes, start=11)
    ]
    return model.document({"kubernetes": fields, "hosts": {"items": items}})


def keys_given(step: Step) -> tuple[str, ...]:
    """The keys that a control plane's step gives to its API server."""
    given = step.inputs.get(f"{CONTROL_PLANE.name}_encryption") or {"01.plain": ""}
    return tuple(name.partition(".")[2] for name in sorted(given))


@dataclass
class World:
    """What is, and what can be seen of it."""

    seen: Observed
    keys: dict[str, tuple[str, ...]]
    """Of each API server that runs, really."""
    data: set[str] = field(default_factory=set)
    """Keys by which some Secret may be stored."""
    plans: list[Plan] = field(default_factory=list)

    def check(self) -> None:
        """Each API server reads whatever may be stored, and what any other one writes."""
        self.data |= {keys[0] for keys in self.keys.values()}
        for name, keys in self.keys.items():
            assert self.data <= set(keys), (name, keys, self.data)

    def follow(
        self, document: Mapping[str, Any], *, kill: int = WHOLE, late: bool = False, away: str = ""
    ) -> Plan:
        """Plan and carry out, but for the steps from number `kill` on; `late`: the first of these had its effect."""
        plan = model.planned(document, self.visible(away))
        self.plans.append(plan)
        running = [step for step in plan.steps if not step.hold]
        nodes = dict(self.seen.cluster.nodes)
        for step in running:
            if step.kind is StepKind.HOST and step.target in nodes:
                mark = Intent("op", step.id, "")
                nodes[step.target] = replace(nodes[step.target], begun=(*nodes[step.target].begun, mark))
        self.seen = replace(self.seen, cluster=replace(self.seen.cluster, nodes=nodes))
        for number, step in enumerate(running):
            if number == kill and not late:
                break
            self.act(step)
            self.check()
            if number == kill:
                self.leave_open(step)
                break
            effect = model._EFFECTS[step.kind]
            self.seen = effect(step, read.parse(document), document, self.seen)
        self.seen = replace(self.seen, turn=f"after {plan.digest}")
        return plan

    def act(self, step: Step) -> None:
        if step.action == CONTROL_PLANE.name:
            before, after = self.keys.get(step.target), keys_given(step)
            # As the host's own module looks once more.
            assert before is None or (before[0] in after and after[0] in before), (step.target, before, after)
            self.keys[step.target] = after
        elif step.id == REWRITE_STEP:
            writers = {keys[0] for keys in self.keys.values()}
            assert len(writers) == 1, writers
            self.data = writers

    def leave_open(self, step: Step) -> None:
        """Killed before its record."""
        if step.kind is not StepKind.HOST:
            return
        host = self.seen.hosts[step.target]
        intent = Intent("op", step.id, step.digest, parts=step.parts)
        host = replace(host, intents=(*(one for one in host.intents if one.step != step.id), intent))
        self.seen = replace(self.seen, hosts={**self.seen.hosts, step.target: host})

    def visible(self, away: str) -> Observed:
        """What a reading sees: of a host that does not answer, the copy of its records alone."""
        if not away:
            return self.seen
        gone = HostObserved(away, error_code=HostCode.UNREACHABLE, error="no answer")
        return replace(self.seen, hosts={**self.seen.hosts, away: gone})


def world(key: str = KEY1, planes: tuple[str, ...] = PLANES) -> World:
    """Installed with that key; all others are in the store."""
    document = wanting(key, planes)
    others = {f"slipway-encryption/{name}": name * 4 for name in (KEY1, KEY2, KEY3)}
    seen = model.installed(document)
    seen = replace(seen, secrets={**seen.secrets, **others})
    made = World(seen, dict.fromkeys(planes, (key,)))
    made.follow(document)  # with secrets that are there now
    return World(made.seen, made.keys)


def texts(plan: Plan) -> list[str]:
    """Steps and what they say of keys."""
    return [
        f"{step.id}: {reason.text}"
        for step in plan.steps
        for reason in step.reasons
        if "key" in reason.text and reason.cause is Because.FIELD and step.kind is not StepKind.SETTINGS
    ]


@pytest.mark.parametrize("planes", [PLANES[:1], PLANES], ids=["one control plane", "three"])
def test_a_key_is_rotated_in_three_rolls_and_each_says_why(planes: tuple[str, ...]) -> None:
    here, document = world(planes=planes), wanting(KEY2, planes)
    first, second, third = (here.follow(document) for _ in range(3))
    step = "host/cp-01/kubernetes_control_plane"
    assert texts(first)[0] == f"{step}: every API server learns to read Secrets with key2 (1 of 3)"
    writes = "API servers write Secrets with key2 from here on, and still read those with key1 (2 of 3)"
    assert texts(second)[0] == f"{step}: {writes}"
    rewrite = "all Secrets are written anew with key2, so that none with key1 is left (3 of 3)"
    assert texts(third)[:2] == [
        f"encryption/secrets/rewrite: {rewrite}",
        f"{step}: API servers read Secrets with key2 alone: none with key1 is left (3 of 3)",
    ]
    assert [len(texts(plan)) for plan in (first, second, third)] == [
        len(planes),
        len(planes),
        len(planes) + 1,
    ]
    assert [bool(plan.sequel) for plan in (first, second, third)] == [True, True, False]
    assert here.keys == dict.fromkeys(planes, (KEY2,))
    assert here.data == {KEY2}
    assert model.planned(document, here.seen).empty


@pytest.mark.parametrize(("before", "after"), [(PLAIN, KEY1), (KEY1, PLAIN)], ids=["begin", "end"])
def test_encryption_begins_and_ends_on_a_cluster_that_lives(before: str, after: str) -> None:
    here = world(before)
    for _ in range(3):
        assert not here.follow(wanting(after)).empty
    assert (here.keys, here.data) == (dict.fromkeys(PLANES, (after,)), {after})
    assert model.planned(wanting(after), here.seen).empty


def test_one_that_does_not_answer_is_waited_for() -> None:
    here, document = world(), wanting(KEY2)
    for _ in range(3):
        plan = here.follow(document, away="cp-03")
        assert not plan.empty
    assert {name: keys[0] for name, keys in here.keys.items()} == dict.fromkeys(PLANES, KEY1)
    assert "host/cp-03/kubernetes_control_plane" in {step.id for step in plan.steps if step.hold}
    for _ in range(3):
        here.follow(document)
    assert here.keys == dict.fromkeys(PLANES, (KEY2,))


def test_one_that_joins_meanwhile_reads_what_the_others_write() -> None:
    here = world(planes=PLANES[:1])
    here.follow(wanting(KEY2, PLANES[:1]))
    here.seen = replace(here.seen, hosts={**model.bare(read.parse(wanting(KEY2))), **here.seen.hosts})
    for _ in range(3):
        here.follow(wanting(KEY2))
    assert here.keys == dict.fromkeys(PLANES, (KEY2,))


def test_one_that_leaves_counts_until_it_is_gone() -> None:
    here, document = world(), wanting(KEY2, PLANES[:1])
    for _ in range(2):
        plan = here.follow(document, kill=1)
        assert "node/cp-03/remove" in {step.id for step in plan.steps}
        assert here.keys["cp-01"] == (KEY1, KEY2)
    here.follow(document)  # they are gone at its end
    del here.keys["cp-02"], here.keys["cp-03"]
    for _ in range(2):
        here.follow(document)
    assert here.keys == {"cp-01": (KEY2,)}


def test_secrets_are_rewritten_by_the_api_only_where_it_answers() -> None:
    here, document = world(), wanting(KEY2)
    here.follow(document)
    here.follow(document)
    cluster = model.fresh(read.parse(document)).cluster
    plan = model.planned(document, replace(here.seen, cluster=cluster))
    planes = [step for step in plan.steps if step.action == CONTROL_PLANE.name]
    assert REWRITE_STEP not in {step.id for step in plan.steps}
    assert not [step for step in planes if keys_given(step) == (KEY2,)]


OPERATIONS = st.tuples(
    st.sampled_from([PLAIN, KEY1, KEY2, KEY3]),
    st.integers(min_value=0, max_value=9),
    st.booleans(),
    st.sampled_from(["", "", "", *PLANES]),
)


@settings(max_examples=15, deadline=None)
@example(
    KEY1, [(KEY2, WHOLE, False, ""), (KEY2, 0, True, "")], KEY1
)  # it writes by key2, and no record says so
@example(KEY1, [(KEY2, 1, False, ""), (KEY2, 1, True, "")], KEY2)  # one of three reads key2
@example(
    KEY1, [(KEY2, WHOLE, False, ""), (KEY2, 1, False, ""), (PLAIN, 1, True, "")], KEY2
)  # turned back half way
@example(KEY1, [(KEY2, WHOLE, False, ""), (KEY2, WHOLE, False, ""), (KEY2, 1, True, "cp-03")], KEY1)
@given(st.sampled_from([PLAIN, KEY1]), st.lists(OPERATIONS, max_size=6), st.sampled_from([PLAIN, KEY1, KEY2]))
def test_whatever_is_killed_away_or_edited_no_secret_is_lost_and_it_converges(
    before: str, operations: list[tuple[str, int, bool, str]], last: str
) -> None:
    here = world(before)
    here.check()
    for key, kill, late, away in operations:
        here.follow(wanting(key), kill=kill, late=late, away=away)
        here.check()
    for _ in range(6):
        here.follow(wanting(last))
    assert model.planned(wanting(last), here.seen).empty
    assert (here.keys, here.data) == (dict.fromkeys(PLANES, (last,)), {last})


def test_by_records_alone_the_next_stage_is_no_other() -> None:
    here, document = world(), wanting(KEY2)
    here.follow(document)
    plan = model.planned(document, model.records_only(here.seen))
    assert [text for text in texts(plan) if "2 of 3" in text]
    here.follow(document, kill=0, late=True)
    unknown = model.planned(document, model.records_only(here.seen))
    assert not unknown.empty
    assert not [step for step in unknown.steps if step.id == REWRITE_STEP]


@pytest.mark.parametrize(
    "parts",
    [{"01.../../ssh": "f" * 12}, {"01.key2": "f" * 12, "x": ""}, {"9" * 5000 + ".key2": "f" * 12}],
    ids=["no key", "no name", "no place"],
)
def test_a_record_that_names_what_is_no_key_tells_nothing(parts: dict[str, str]) -> None:
    here = world()
    host = here.seen.hosts["cp-02"]
    record = host.records[CONTROL_PLANE.name]
    odd = {f"{CONTROL_PLANE.name}_encryption.{name}": value for name, value in parts.items()}
    records = {**host.records, CONTROL_PLANE.name: replace(record, parts={**record.parts, **odd})}
    seen = replace(here.seen, hosts={**here.seen.hosts, "cp-02": replace(host, records=records)})
    assert REWRITE_STEP not in {step.id for step in model.planned(wanting(KEY2), seen).steps}


def test_a_key_that_is_not_here_is_asked_for_before_anything_is_done() -> None:
    here, document = world(), wanting(KEY2)
    secrets = {name: value for name, value in here.seen.secrets.items() if name != "slipway-encryption/key2"}
    seen = replace(here.seen, secrets=secrets, scope=Scope.FULL)
    found = preflight(read.parse(document), model.bundle(), seen, model.planned(document, seen), {})
    mine = [one for one in found if one.code is FindingCode.ENCRYPTION_KEY]
    assert [(one.path, "slipway-encryption/key2" in one.problem) for one in mine] == [
        ("spec.kubernetes.encryptSecrets", True)
    ]


def test_the_file_of_keys_is_named_by_them_and_by_nothing_secret() -> None:
    assert encryption_file((KEY2, KEY1, PLAIN)) == "/etc/kubernetes/slipway/encryption-key2-key1-plain.yaml"
    assert encryption_file((PLAIN,)) == ""


def test_while_the_api_is_silent_no_rotation_is_over() -> None:
    """Whoever carries this plan out looks again afterwards."""
    here, document = world(), wanting(KEY2)
    for _ in range(2):
        here.follow(document)
    away = ClusterObserved(reachable=False, error="the connection was refused")
    silent = replace(here.seen, cluster=away)
    plan = model.planned(document, silent)
    assert REWRITE_STEP not in [step.id for step in plan.steps]
    assert not plan.empty
    assert plan.sequel == "then all Secrets are written anew, so that none with key1 is left"

"""Queue, filter, tracker, acceptance, and the size of an Operation: the small parts of the runtime."""

import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from slipway.cluster.rest.watch import ChangeKind, Hearing
from slipway.engine.chronicle.course import Running, advanced
from slipway.engine.chronicle.forms import running_status
from slipway.engine.chronicle.tracker import Tracker
from slipway.errors import ConflictError
from slipway.model.observed import HostObserved, Scope
from slipway.model.operation import Outcome, Progress, ProgressKind
from slipway.model.survey import Certificate, Survey
from slipway.operator.acceptance import refuse_second_owner
from slipway.operator.longwaits import LongWaits
from slipway.operator.metrics import Metrics
from slipway.operator.queue import Filter, Queue
from slipway.operator.web import PLAIN, probe_page
from tests.unit.operator import examples as e


def test_a_burst_is_taken_at_once_and_the_late_one_later() -> None:
    queue = Queue()
    for number in range(3):
        queue.add({"n": number})
    queue.add({"n": "late"}, after=0.15)
    assert [item["n"] for item in queue.take(1)] == [0, 1, 2]
    begun = time.monotonic()
    assert [item["n"] for item in queue.take(1)] == ["late"]
    assert time.monotonic() - begun > 0.1
    assert queue.take(0.01) == []


def test_a_named_one_takes_the_place_of_its_namesake() -> None:
    queue = Queue()
    queue.add({"n": "other"})
    for number in range(3):
        queue.add({"n": number}, name="again")
    assert [item["n"] for item in queue.take(1)] == ["other", 2]


def test_what_comes_again_and_again_is_not_put_off() -> None:
    queue = Queue()
    for number in range(3):
        queue.add({"n": number}, name="standing", once=True)
    assert [item["n"] for item in queue.take(1)] == [0]
    queue.add({"n": "next"}, name="standing", once=True)
    assert [item["n"] for item in queue.take(1)] == ["next"]


def cc(generation: int = 1, uid: str = "u", **annotations: str) -> dict[str, Any]:
    keys = {key.replace("__", "/"): value for key, value in annotations.items()}
    metadata = {"namespace": "n", "name": "c", "uid": uid, "generation": generation, "annotations": keys}
    return {"metadata": metadata}


def test_only_spec_and_approval_pass_the_filter() -> None:
    sieve = Filter()
    sieve.reset([cc()])
    approved = cc(2)
    approved["metadata"]["annotations"] = {"installer.slipway.dev/approve": "sha256:1"}
    sequence = [cc(), cc(team="blue"), cc(2), cc(2), approved, approved]
    assert [sieve.passes(ChangeKind.MODIFIED, item) for item in sequence] == [
        False,
        False,
        True,
        False,
        True,
        False,
    ]
    assert sieve.passes(ChangeKind.DELETED, cc(2))
    assert sieve.passes(ChangeKind.ADDED, cc(2))
    assert sieve.passes(ChangeKind.MODIFIED, cc(2, uid="another"))


def test_events_move_steps_from_running_to_done() -> None:
    running = Running("op", e.NOW)
    running = advanced(running, Progress(ProgressKind.STEP_STARTED, "op", 0, "module/a/apply"))
    assert running.steps == {"module/a/apply"}
    failed = Progress(
        ProgressKind.STEP_FINISHED,
        "op",
        0,
        "module/a/apply",
        "a",
        "no image",
        {"outcome": "failed", "seconds": 2},
    )
    running = advanced(running, failed)
    assert (running.steps, running.done["module/a/apply"].outcome) == (frozenset(), Outcome.FAILED)
    failure = running.done["module/a/apply"].failure
    assert failure is not None
    assert failure.what == "no image"
    again = advanced(running, Progress(ProgressKind.STEP_STARTED, "op", 0, "module/a/apply"))
    assert (again.steps, dict(again.done)) == ({"module/a/apply"}, {})


def test_what_a_step_waits_for_is_known_until_it_ends() -> None:
    step = "module/a/apply"
    running = advanced(Running("op", e.NOW), Progress(ProgressKind.WAITS, "op", 0, step, "a", "no room"))
    assert running.says == {step: "no room"}
    assert running_status(running, 1)["waiting"] == [{"step": step, "message": "no room"}]
    ended = advanced(running, Progress(ProgressKind.STEP_FINISHED, "op", 0, step, "a"))
    assert ended.says == {}


def test_a_long_wait_is_told_once_and_another_one_after_a_rest() -> None:
    now, told = [0.0], []
    waits = LongWaits(told.append, lambda: now[0])
    step = "module/a/apply"

    def heard(at: float, text: str) -> list[str]:
        now[0] = at
        waits.heed(Running("op", e.NOW, says={step: text}))
        return [line.removeprefix(f"{step} waits: ") for line in told]

    assert heard(0, "no room") == []
    assert heard(9, "no room") == []
    assert heard(10, "no room") == ["no room"]
    assert heard(200, "no room") == ["no room"]
    assert heard(201, "no image") == ["no room"]
    assert heard(211, "no image") == ["no room", "no image"]
    assert heard(212, "no room") == ["no room", "no image"]
    assert heard(260, "no room") == ["no room", "no image"]
    assert heard(271, "no room") == ["no room", "no image", "no room"]


def test_many_long_waits_are_told_few_at_a_time() -> None:
    now, told = [0.0], []
    waits = LongWaits(told.append, lambda: now[0])
    running = Running("op", e.NOW, says={f"module/m{number}/apply": "no room" for number in range(12)})
    counts = []
    for moment in (0.0, 10.0, 15.0, 20.0, 25.0):
        now[0] = moment
        waits.heed(running)
        counts.append(len(told))
    assert counts == [0, 5, 10, 12, 12]


def test_who_heeds_is_asked_also_while_nothing_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slipway.engine.chronicle.tracker.HEED_SECONDS", 0.05)
    shown: list[Running] = []
    heeded = threading.Semaphore(0)
    calm = threading.Event()
    tracker = Tracker(shown.append, lambda: e.NOW, stirred=calm, heed=lambda _: heeded.release())
    with tracker:
        tracker.note(Progress(ProgressKind.STARTED, "op", 0))
        assert all(heeded.acquire(timeout=30) for _ in range(4))
    assert len(shown) == 1


def test_a_slow_reader_of_progress_holds_nothing_up() -> None:
    shown: list[Running] = []

    def show(running: Running) -> None:
        time.sleep(0.3)
        shown.append(running)

    with Tracker(show, lambda: e.NOW, stirred=threading.Event()) as tracker:
        for number in range(100):
            tracker.note(Progress(ProgressKind.STEP_STARTED, "op", 0, f"module/m{number}/apply"))
    assert len(shown) <= 2
    assert tracker.running is not None
    assert len(tracker.running.steps) == 100


def test_the_oldest_has_hosts_and_modules() -> None:
    second = e.live(name="second", spec={"hosts": {"items": [1]}, "modules": {"b": {}, "c": {}}})
    third = e.live(name="third", spec={"modules": {"c": {}}})
    first = e.live(name="first", spec={"hosts": {"items": [1]}, "modules": {"a": {}, "b": {}}})
    refuse_second_owner(first, (first, second, third))
    with pytest.raises(ConflictError) as caught:
        refuse_second_owner(second, (first, second, third))
    assert [finding.path for finding in caught.value.findings] == ["spec.hosts", "spec.modules.b"]
    with pytest.raises(ConflictError):
        refuse_second_owner(third, (first, second, third))
    refuse_second_owner(third, (first, third))


def test_a_watch_that_does_not_hold_is_told_to_people_and_prometheus() -> None:
    metrics = Metrics()
    hearing = metrics.watches.add(Hearing("Node"))
    page = probe_page(str, notes=metrics.watches.notes)
    assert page() == (200, PLAIN, b"ok")
    hearing.broke("it ended after 0.0 of 240 s")
    assert page() == (200, PLAIN, b"ok\nwatch of Node: it ended after 0.0 of 240 s")
    assert b'slipway_watch_breaks_total{kind="Node"} 1.0' in metrics.text()
    assert b'slipway_watch_broken{kind="Node"} 1.0' in metrics.text()


def test_when_certificates_of_hosts_end_is_told_to_prometheus() -> None:
    metrics, seen = Metrics(), e.observed()
    survey = Survey(certificates=(Certificate("/etc/kubernetes/pki/apiserver.crt", 1.8e9),))
    metrics.read(e.plan(), replace(seen, hosts={"cp-01": HostObserved("cp-01", survey=survey)}))
    labels = b'configuration="production",host="cp-01",path="/etc/kubernetes/pki/apiserver.crt"'
    assert b"slipway_certificate_not_after_timestamp_seconds{%b} 1.8e+09" % labels in metrics.text()


def test_nothing_is_told_of_what_is_gone() -> None:
    metrics, seen = Metrics(), e.observed()
    survey = Survey(certificates=(Certificate("/etc/kubernetes/pki/apiserver.crt", 1.8e9),))
    hosts = {name: HostObserved(name, survey=survey) for name in ("cp-01", "cp-02")}
    metrics.read(e.plan(), replace(seen, scope=Scope.FULL, hosts=hosts))
    away = HostObserved("cp-01", error_code="timeout", error="does not answer")
    metrics.read(e.plan(), replace(seen, scope=Scope.TARGETS, hosts={}))
    assert b'host="cp-02"' in metrics.text()
    metrics.read(e.plan(), replace(seen, scope=Scope.FULL, hosts={"cp-01": away}))
    assert b'host="cp-02"' not in metrics.text()
    assert b'host="cp-01"' in metrics.text()
    assert b'configuration="' in metrics.text()
    metrics.gone(e.plan().configuration)
    assert b'configuration="' not in metrics.text()

"""One writer, really: the Lease on a real API server, its holders real processes; hosts' locks beside it."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from slipway.cluster.locks import lease as leases
from slipway.cluster.locks.election import Election
from slipway.cluster.locks.lease import Lease
from slipway.cluster.own.settings import ensure_namespace
from slipway.cluster.rest.client import Client, connect
from slipway.engine.apply import apply
from slipway.engine.batches import Batch
from slipway.engine.locking import Locks
from slipway.engine.run import Run
from slipway.errors import ConflictError, HeldError, Interrupted, SlipwayError, StalePlanError, TransientError
from slipway.holders import Sighting, this_process
from slipway.model.observed import ClusterObserved, Observed, Scope
from slipway.model.operation import Progress
from slipway.model.plan import StepKind
from slipway.operator.wiring import Opened
from slipway.settings import NAMESPACE
from tests.apiserver import ApiServer, until
from tests.holding import context
from tests.localhosts import LocalFleet, LocalHost
from tests.unit.engine.plans import plan, step

ROOT = Path(__file__).resolve().parents[2]
OWN_NAMESPACE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
#: A lock's life in these tests: 60 s in the product.
SECONDS = 2
NAMES = (f"locks-{number}" for number in count())


@pytest.fixture(scope="module")
def client(apiserver: ApiServer) -> Iterator[Client]:
    with connect(apiserver.kubeconfig) as client:
        ensure_namespace(client, NAMESPACE)
        yield client


@pytest.fixture
def name() -> str:
    """A ClusterConfiguration of the test's own."""
    return next(NAMES)


def spec_of(client: Client, name: str) -> dict[str, Any]:
    found = client.get(*leases.LEASE, f"slipway-{name}", NAMESPACE)
    assert found is not None
    return dict(found["spec"])


class Process:
    """One that holds or wants the Lease; `hours`: what its clock is wrong by."""

    def __init__(self, api: ApiServer, name: str, *prefix: str, hours: int) -> None:
        arguments = [str(api.kubeconfig), name, str(SECONDS), str(hours)]
        command = [*prefix, sys.executable, "-m", "tests.holding", *arguments]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    def says(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def kill(self) -> None:
        """SIGKILL: nothing is given back."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()


@contextmanager
def process(api: ApiServer, name: str, *prefix: str, hours: int = 0) -> Iterator[Process]:
    one = Process(api, name, *prefix, hours=hours)
    try:
        yield one
    finally:
        one.kill()


def test_processes_of_two_pid_namespaces_whose_clocks_are_16_hours_apart(
    apiserver: ApiServer, client: Client, name: str
) -> None:
    """A living holder is refused by its name; a dead one is waited out, or replaced at once where it can be judged."""
    with process(apiserver, name, hours=8) as first:
        assert first.says() == "held 1"
        with process(apiserver, name, *OWN_NAMESPACE, hours=-8) as second:
            assert second.says() == "waiting"
            assert second.says().startswith("refused slipway@")
    with process(apiserver, name, *OWN_NAMESPACE, hours=-8) as third:
        assert [third.says() for _ in range(3)] == ["waiting", "stale", "held 3"]
    with process(apiserver, name, hours=8) as fourth:
        assert [fourth.says() for _ in range(3)] == ["waiting", "stale", "held 5"]
    with process(apiserver, name, hours=-8) as fifth:
        assert fifth.says() == "held 6"


def test_a_lease_names_its_holder_and_counts_epochs(client: Client, name: str) -> None:
    first, second = Lease(client, name, "ann@a:1"), Lease(client, name, "bob@b:2")
    assert first.acquire() == 1
    with pytest.raises(ConflictError, match="ann@a:1 is changing this cluster"):
        second.acquire()
    first.renew()
    assert second.acquire(instead_of="ann@a:1") == 2
    with pytest.raises(ConflictError, match="bob@b:2"):
        first.renew()
    second.release()
    assert Lease(client, name, "ann@a:1").acquire() == 3


def test_one_of_many_gets_the_lease(client: Client, name: str) -> None:
    won: list[str] = []

    def compete(holder: str) -> None:
        try:
            Lease(client, name, holder).acquire()
            won.append(holder)
        except ConflictError:
            pass

    threads = [threading.Thread(target=compete, args=(f"t@{number}:1",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_fifty_takeovers_by_clocks_that_are_8_hours_ahead_and_behind(client: Client, name: str) -> None:
    now, held = 0.0, list[Lease]()

    def one_more(holder: str, hours: int) -> Lease:
        def wall() -> datetime:
            return datetime.now(UTC) + timedelta(hours=hours)

        return Lease(client, name, holder, sighting=Sighting(lambda: now), wall=wall)

    for number in range(50):
        one = one_more(f"holder-{number}", 8 if number % 2 else -8)
        if held:
            with pytest.raises(HeldError, match=f"holder-{number - 1}"):
                one.acquire()
            held[-1].renew()
            now += 59
            with pytest.raises(HeldError):
                one.acquire()
            now += 59  # since it was renewed before our eyes
            with pytest.raises(HeldError):
                one.acquire()
            now += 1
        assert one.acquire() == number + 1
        if held:
            with pytest.raises(HeldError, match=f"holder-{number}"):
                held[-1].renew()
            held[-1].release()
        held.append(one)
    assert spec_of(client, name)["holderIdentity"] == "holder-49"


def test_a_renewal_whose_answer_was_lost_is_not_somebody_elses(
    client: Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = Lease(client, name, "ann")
    mine.acquire()

    def lost(obj: dict[str, Any]) -> dict[str, Any]:
        replace(obj)
        raise TransientError("the Kubernetes API does not answer")

    replace = client.replace
    with monkeypatch.context() as patch:
        patch.setattr(client, "replace", lost)
        with pytest.raises(TransientError):
            mine.renew()
    mine.renew()
    with monkeypatch.context() as patch:
        patch.setattr(client, "replace", lost)
        with pytest.raises(TransientError):
            mine.renew()
    mine.release()
    assert spec_of(client, name) | {"renewTime": "", "acquireTime": ""} == {
        "holderIdentity": "",
        "leaseDurationSeconds": 60,
        "leaseTransitions": 1,
        "renewTime": "",
        "acquireTime": "",
    }


def test_a_taking_whose_answer_was_lost_is_given_back(
    client: Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(obj: dict[str, Any]) -> dict[str, Any]:
        create(obj)
        raise TransientError("the Kubernetes API does not answer")

    create, mine = client.create, Lease(client, name, "ann")
    with monkeypatch.context() as patch:
        patch.setattr(client, "create", lost)
        with pytest.raises(TransientError):
            mine.acquire()
    assert mine.acquire() == 1
    mine.release()
    assert Lease(client, name, "bob").acquire() == 2


def test_a_lease_that_somebody_deleted_is_made_again(client: Client, name: str) -> None:
    mine = Lease(client, name, "ann")
    mine.acquire(at_least=7)
    client.delete(*leases.LEASE, f"slipway-{name}", NAMESPACE)
    mine.renew()
    assert spec_of(client, name)["leaseTransitions"] == 7


def edited(client: Client, name: str, **spec: Any) -> None:
    """What somebody makes of the Lease with kubectl."""
    found = client.get(*leases.LEASE, f"slipway-{name}", NAMESPACE)
    assert found
    client.replace(found | {"spec": found["spec"] | spec})


def test_a_lease_that_somebody_edited_becomes_free_all_the_same(client: Client, name: str) -> None:
    now = 0.0
    Lease(client, name, "ann").acquire()
    edited(client, name, leaseDurationSeconds=2**31 - 1, holderIdentity="nobody knows")
    other = Lease(client, name, "bob", sighting=Sighting(lambda: now))
    with pytest.raises(HeldError, match="nobody knows") as caught:
        other.acquire()
    assert "for 600 s" in caught.value.why
    now = 599.0
    with pytest.raises(HeldError):
        other.acquire()
    now = 600.0
    assert other.acquire() == 2


def test_a_lease_that_cannot_count_on_says_what_to_do(client: Client, name: str) -> None:
    Lease(client, name, "ann").acquire()
    edited(client, name, leaseTransitions=2**31 - 1, holderIdentity="")
    with pytest.raises(ConflictError, match="cannot count on") as caught:
        Lease(client, name, "bob").acquire()
    assert f"delete lease slipway-{name}" in caught.value.hint


def test_a_clock_that_stands_still_renews_all_the_same(client: Client, name: str) -> None:
    moment, now = datetime(2026, 1, 1, tzinfo=UTC), 0.0
    mine = Lease(client, name, "ann", wall=lambda: moment)
    other = Lease(client, name, "bob", sighting=Sighting(lambda: now))
    mine.acquire()
    for _ in range(5):
        with pytest.raises(HeldError):
            other.acquire()
        mine.renew()
        now += 30


def test_a_standby_succeeds_an_operator_by_its_own_clock(client: Client, name: str) -> None:
    now = 0.0

    def candidate(identity: str, hours: int) -> Election:
        def wall() -> datetime:
            return datetime.now(UTC) + timedelta(hours=hours)

        return Election(client, NAMESPACE, name, identity, sighting=Sighting(lambda: now), wall=wall)

    one, two = candidate("one", 8), candidate("two", -8)
    assert one.hold()
    for _ in range(3):
        assert not two.hold()
        now += 14
        assert one.hold()
    assert not two.hold()
    now += 16
    assert two.hold()
    assert not one.hold()
    assert one.holder == "two"


def test_an_operator_whose_own_renewal_came_late_stays_the_active_one(
    client: Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its write timed out, and arrived between its next reading and its next write."""
    one = Election(client, NAMESPACE, name, "one")
    assert one.hold()

    def late(obj: dict[str, Any]) -> dict[str, Any]:
        replace({**obj, "spec": obj["spec"] | {"renewTime": "2026-01-01T00:00:00.000000Z"}})
        return replace(obj)

    replace = client.replace
    with monkeypatch.context() as patch:
        patch.setattr(client, "replace", late)
        assert one.hold()
    assert one.hold()


class Notes(list[str]):
    """What an operation was told about its locks."""

    def __call__(self, text: str) -> None:
        self.append(text)


@pytest.fixture
def locked(
    apiserver: ApiServer, client: Client, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Locks, LocalFleet, Notes]]:
    """Locks of an operation on two hosts."""
    hosts = ("worker-8", "worker-9")
    fleet = LocalFleet(tmp_path / "hosts", hosts)
    monkeypatch.setattr(Locks, "_open_fleet", lambda _self: fleet)

    def make(holder: str = "", *, cluster: bool = True, epoch: int = 1, **more: Any) -> Any:
        mine, notes = context(apiserver.kubeconfig, name, tmp_path, *hosts), Notes()
        seen = dict.fromkeys(hosts, epoch - 1)
        mine.holder = holder or this_process()
        return (
            Locks(mine, hosts, cluster=cluster, seen=seen, note=notes, seconds=SECONDS, **more),
            fleet,
            notes,
        )

    return make


def renewed(host: LocalHost, *, times: int) -> None:
    """Wait until the host's lock was renewed so many times more."""
    before = len(host.asked)
    until(lambda: len(host.asked) >= before + times, seconds=60, what=f"{times} renewals of a host's lock")


# A server that dies between TCP's connection and TLS's leaves a socket that Python's ssl closes by collecting it.
@pytest.mark.filterwarnings("ignore:.*ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning")
def test_the_api_is_gone_for_three_lives_of_a_lock(
    apiserver: ApiServer, client: Client, name: str, locked: Callable[..., Any]
) -> None:
    """First it takes requests and answers none, then its processes are killed; hosts' locks are kept all the while."""
    locks, fleet, notes = locked()
    host = fleet.local["worker-8"]
    with locks:
        locks.confirm(StepKind.MODULE)
        before = spec_of(client, name)
        apiserver.hang_api()
        try:
            renewed(host, times=4)
            apiserver.kill_api()
            renewed(host, times=5)
            assert set(host.asked[1:]) == {"renew"}
            assert locks.lost is None
            locks.confirm(StepKind.HOST)
            with pytest.raises(TransientError):
                locks.confirm(StepKind.MODULE)
            assert notes == ["the Lease could not be renewed: the Kubernetes API does not answer"]
        finally:
            apiserver.kill_api()
            apiserver.start_api()
        until(lambda: any("renewed again" in note for note in notes), seconds=60, what="the Lease renewed")
        locks.confirm(StepKind.MODULE)
        after = spec_of(client, name)
    same = ("holderIdentity", "acquireTime", "leaseTransitions")
    assert [after[key] for key in same] == [before[key] for key in same]
    assert after["renewTime"] != before["renewTime"]
    assert host.lock["until"] == 0


def test_the_epoch_of_hosts_stays_when_the_lease_is_taken_in_mid_run(
    client: Client, name: str, locked: Callable[..., Any]
) -> None:
    """The API did not answer when the run began; edits of modules have raised the Lease's own number meanwhile."""
    former = Lease(client, name, "ann")
    former.acquire(at_least=11)
    former.release()
    locks, fleet, _ = locked(cluster=False, epoch=2)
    host = fleet.local["worker-8"]
    with locks:
        locks.take_lease()
        renewed(host, times=2)
        assert locks.lost is None
        assert (locks.epoch_on("worker-8"), host.lock["epoch"]) == (2, 2)
    assert host.lock["until"] == 0
    locks, _, _ = locked(epoch=3)
    with locks:
        assert (locks.epoch, host.lock["epoch"], spec_of(client, name)["leaseTransitions"]) == (13, 13, 13)


def test_a_dead_lease_and_dead_locks_are_waited_out(
    client: Client, name: str, locked: Callable[..., Any]
) -> None:
    Lease(client, name, "slipway@elsewhere:1", seconds=SECONDS).acquire()
    locks, fleet, notes = locked(epoch=5)
    for number, host in enumerate(fleet.local.values()):
        host.lock = {"format": 2, "holder": "ann", "epoch": 4, "boot": "of before", "until": 99 + number}
    with pytest.raises(StalePlanError), locks:
        pass
    assert notes == [
        f"waiting: slipway@elsewhere:1 is changing this cluster (Lease {NAMESPACE}/slipway-{name})"
    ]
    locks, _, notes = locked(epoch=5)
    with locks:
        assert notes == []


def test_a_living_holder_is_refused_by_name(client: Client, name: str, locked: Callable[..., Any]) -> None:
    first, _, _ = locked("slipway@elsewhere:1")
    second, _, notes = locked("slipway@elsewhere:2")
    with first:
        with pytest.raises(HeldError, match="slipway@elsewhere:1 is changing this cluster"), second:
            pass
        assert len(notes) == 1
        assert first.lost is None


def test_an_operator_asks_nobody_for_a_yes_while_somebody_is_at_work(
    apiserver: ApiServer, client: Client, name: str, tmp_path: Path, locked: Callable[..., Any]
) -> None:
    """One that stays remembers what it saw; a call of the hook sees one renewal, or a Lease that stands still."""
    mine = context(apiserver.kubeconfig, name, tmp_path)
    lasting, once = Opened(mine, Sighting()), Opened(mine, None)
    lasting.refuse_held()
    first, _, _ = locked("slipway@elsewhere:1")
    with first:
        for session in (lasting, once):
            with pytest.raises(HeldError, match="slipway@elsewhere:1"):
                session.refuse_held()
    once.refuse_held()
    Lease(client, name, "slipway@elsewhere:2", seconds=SECONDS).acquire()  # and it is killed
    with pytest.raises(HeldError, match="slipway@elsewhere:2"):
        lasting.refuse_held()
    once.refuse_held()
    lasting.refuse_held()


def test_who_waits_can_be_stopped(client: Client, name: str, locked: Callable[..., Any]) -> None:
    Lease(client, name, "slipway@elsewhere:1").acquire()
    locks, _, _ = locked(cancelled=lambda: True)
    with pytest.raises(Interrupted), locks:
        pass


def test_a_host_that_was_silent_at_the_beginning_and_is_back_ends_nothing(
    client: Client, name: str, locked: Callable[..., Any]
) -> None:
    locks, fleet, _ = locked()
    silent, host = fleet.local["worker-9"], fleet.local["worker-8"]
    silent.answers = False
    with locks:
        silent.answers = True
        renewed(host, times=2)
        assert locks.lost is None
    assert "renew" not in silent.asked


def test_a_bug_in_the_keeping_ends_the_run_and_is_told(
    client: Client, name: str, locked: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    locks, _, notes = locked()

    def bug(_lease: Lease) -> None:
        raise KeyError("acquireTime")

    monkeypatch.setattr(Lease, "renew", bug)
    with locks:
        until(lambda: locks.lost, seconds=60, what="the failure to be known")
        assert "acquireTime" in locks.lost.why
        with pytest.raises(SlipwayError, match="the Lease cannot be kept"):
            locks.confirm(StepKind.HOST)
        assert notes == ["stopping: the Lease cannot be kept"]


class Taken:
    """Steps that note their names; during the first somebody else takes the Lease."""

    def __init__(self, client: Client, name: str, then: Callable[[Run], None]) -> None:
        self.begun: list[str] = []
        self._other = Lease(client, name, "slipway@elsewhere:1")
        self._then = then

    def __call__(self, batch: Batch, run: Run) -> None:
        for one in batch.steps:
            self.begun.append(one.id)
            run.board.begin(one.id)
            if len(self.begun) == 1:
                self._other.acquire(instead_of=run.context.holder)
                self._then(run)
            run.board.succeed(one.id)


class Brief(Locks):
    """With a short life."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options, seconds=SECONDS)


@pytest.mark.parametrize("noticed", ["by the next renewal", "by a machine that slept"])
def test_a_lost_lock_stops_the_run_before_its_next_step(
    apiserver: ApiServer,
    client: Client,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    noticed: str,
) -> None:
    asleep = 0.0

    def wait(run: Run) -> None:
        until(lambda: run.locks.lost, seconds=60, what="the loss to be known")

    def sleep(_run: Run) -> None:
        nonlocal asleep
        asleep = 8 * 3600.0

    clock = leases.seconds_awake_or_asleep
    monkeypatch.setattr(leases, "seconds_awake_or_asleep", lambda: clock() + asleep)
    if noticed == "by the next renewal":
        monkeypatch.setattr("slipway.engine.apply.Locks", Brief)
    steps = Taken(client, name, wait if noticed == "by the next renewal" else sleep)
    monkeypatch.setattr("slipway.engine.apply.execute", steps)
    first = step("node/cp-01/metadata")
    mine = context(apiserver.kubeconfig, name, tmp_path)
    observed = Observed(Scope.RECORDS, "", cluster=ClusterObserved(reachable=True))
    told: list[Progress] = []
    with pytest.raises(ConflictError, match="slipway@elsewhere:1") as caught:
        apply(
            plan(first, step("node/cp-02/metadata", first.id)),
            mine,
            observed,
            progress=told.append,
            cancelled=lambda: False,
        )
    assert steps.begun == [first.id]
    assert "what is done is recorded" in caught.value.hint
    assert told[-1].kind == "finished"
    assert told[-1].text != "succeeded"
    assert spec_of(client, name)["holderIdentity"] == "slipway@elsewhere:1"

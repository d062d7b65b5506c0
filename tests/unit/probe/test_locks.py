"""A host's lock: the real script on folders of this machine, by the clock since the boot and no other."""

import time
from pathlib import Path

import pytest

from slipway.errors import ConflictError, HeldError
from slipway.probe import locks
from tests.localhosts import LocalFleet, LocalHost

BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
#: Eight hours: what a machine is wrong by that has local time in its clock.
HOURS = 8 * 3600


@pytest.fixture
def fleet(tmp_path: Path) -> LocalFleet:
    return LocalFleet(tmp_path, ["cp-01"])


@pytest.fixture
def host(fleet: LocalFleet) -> LocalHost:
    return fleet.local["cp-01"]


def uptime() -> int:
    return int(float(Path("/proc/uptime").read_text().split()[0]))


def expire(host: LocalHost) -> None:
    """As if a lock's life had passed: the clock since the boot goes on by itself."""
    host.lock |= {"until": uptime()}


def test_a_held_lock_is_refused_by_name_and_a_renewal_shows(fleet: LocalFleet, host: LocalHost) -> None:
    locks.acquire(fleet, "ann@one:1+0123456789abcdef.1.2", 1)
    with pytest.raises(HeldError, match="ann@one:1 is changing this host") as first:
        locks.acquire(fleet, "bob", 2)
    assert first.value.holder == "ann@one:1+0123456789abcdef.1.2"
    assert host.lock["boot"] == BOOT
    host.lock |= {"until": host.lock["until"] - 30}
    with pytest.raises(HeldError) as older:
        locks.acquire(fleet, "bob", 2)
    with pytest.raises(HeldError) as same:
        locks.acquire(fleet, "bob", 2)
    assert older.value.sign == same.value.sign != first.value.sign


def test_an_expired_lock_is_free_and_its_late_holder_is_refused(fleet: LocalFleet, host: LocalHost) -> None:
    locks.acquire(fleet, "ann", 1)
    expire(host)
    locks.acquire(fleet, "bob", 2)
    with pytest.raises(ConflictError, match="lost"):
        locks.renew(fleet, "ann", 1)


def test_a_lock_of_an_earlier_boot_begins_another_life(fleet: LocalFleet, host: LocalHost) -> None:
    """How long the host was down, and how long ago the lock was renewed, is not known: its holder may live."""
    host.lock = {"format": 2, "holder": "ann", "epoch": 4, "boot": "of before", "until": 5}
    with pytest.raises(HeldError):
        locks.acquire(fleet, "bob", 5)
    assert host.lock == {"format": 2, "holder": "ann", "epoch": 4, "boot": BOOT, "until": host.lock["until"]}
    locks.renew(fleet, "ann", 4)
    expire(host)
    locks.acquire(fleet, "bob", 5)


def test_one_given_back_before_the_boot_is_free(fleet: LocalFleet, host: LocalHost) -> None:
    host.lock = {"format": 2, "holder": "ann", "epoch": 4, "boot": "of before", "until": 0}
    locks.acquire(fleet, "bob", 5)
    assert host.lock["holder"] == "bob"


@pytest.mark.parametrize("ahead", [30, HOURS], ids=["as it was written", "written by a clock 8 h ahead"])
def test_a_lock_of_format_1_is_held_for_a_lifes_time_at_most(
    fleet: LocalFleet, host: LocalHost, ahead: int
) -> None:
    host.lock = {"format": 1, "holder": "ann@one:1", "epoch": 4, "expires": int(time.time()) + ahead}
    with pytest.raises(HeldError, match="ann@one:1"):
        locks.acquire(fleet, "bob", 5)
    assert (host.lock["format"], host.lock["holder"], host.lock["epoch"]) == (2, "ann@one:1", 4)
    assert 0 < host.lock["until"] - uptime() <= min(ahead, 60) + 1
    expire(host)
    locks.acquire(fleet, "bob", 5)


@pytest.mark.parametrize("expires", [0, 1700000000, 12.5])
def test_an_expired_lock_of_format_1_is_free(fleet: LocalFleet, host: LocalHost, expires: float) -> None:
    host.lock = {"format": 1, "holder": "ann@one:1", "epoch": 4, "expires": expires}
    with pytest.raises(ConflictError, match="changed since it was read"):
        locks.acquire(fleet, "bob", 4)
    locks.acquire(fleet, "bob", 5)


def test_a_renewal_or_taking_whose_answer_was_lost_is_no_other(fleet: LocalFleet) -> None:
    for _ in range(2):
        locks.acquire(fleet, "ann", 1)
    for _ in range(2):
        locks.renew(fleet, "ann", 1)


def test_fifty_takeovers_have_fifty_epochs_and_none_comes_back(fleet: LocalFleet, host: LocalHost) -> None:
    for epoch in range(1, 51):
        locks.acquire(fleet, f"holder-{epoch}", epoch)
        if epoch > 1:
            with pytest.raises(ConflictError):
                locks.renew(fleet, f"holder-{epoch - 1}", epoch - 1)
            with pytest.raises(ConflictError):
                locks.acquire(fleet, f"holder-{epoch - 1}", epoch - 1)
        assert locks.last_epochs(fleet) == {"cp-01": epoch}
        expire(host)

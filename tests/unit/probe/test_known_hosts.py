"""The known_hosts file: first contact, pins, and many writers at once."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from slipway.model.hostkeys import HostKey, host_label, parse
from slipway.probe.known_hosts import KnownHosts

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIIlN3NtpBSHhNfBPfgh2M5oQgqQrUnP0rDQwZyFbbbbb"
OTHER = KEY[:-1] + "c"


def test_the_first_key_is_recorded_and_reported_and_the_next_is_not(tmp_path: Path) -> None:
    met: list[HostKey] = []
    known = KnownHosts(tmp_path / "state" / "known_hosts", on_first_contact=met.append)
    first, second = HostKey("10.0.0.1", "ssh-ed25519", KEY), HostKey("10.0.0.1", "ssh-ed25519", OTHER)
    assert known.meet(first) == [first]
    assert known.meet(second) == [first]
    assert met == [first]
    assert known.path.read_text() == f"10.0.0.1 ssh-ed25519 {KEY}\n"
    assert stat.S_IMODE(known.path.stat().st_mode) == 0o600


def test_pinned_keys_are_all_that_is_trusted(tmp_path: Path) -> None:
    known = KnownHosts(tmp_path / "known_hosts", on_first_contact=list[HostKey]().append)
    known.meet(HostKey("10.0.0.1", "ssh-ed25519", KEY))
    known.meet(HostKey("10.0.0.2", "ssh-ed25519", KEY))
    known.pin([f"cp-01,10.0.0.1 ssh-ed25519 {OTHER} comment", "# no key"])
    assert [key.key for key in known.of("10.0.0.1")] == [OTHER]
    assert known.of("10.0.0.2") == []
    assert known.meet(HostKey("10.0.0.2", "ssh-ed25519", KEY)) == []
    before = known.path.stat().st_mtime_ns
    known.pin([f"cp-01,10.0.0.1 ssh-ed25519 {OTHER}"])
    assert known.path.stat().st_mtime_ns == before


def test_a_forgotten_host_is_met_as_if_for_the_first_time(tmp_path: Path) -> None:
    met: list[HostKey] = []
    known = KnownHosts(tmp_path / "known_hosts", on_first_contact=met.append)
    old, other = HostKey("10.0.0.1", "ssh-ed25519", KEY), HostKey("10.0.0.2", "ssh-ed25519", KEY)
    known.meet(old)
    known.meet(other)
    assert known.forget(["10.0.0.1", "worker-01"]) == [old]
    assert known.path.read_text() == f"{other.line}\n"
    before = known.path.stat().st_mtime_ns
    assert known.forget(["10.0.0.1"]) == []
    assert known.path.stat().st_mtime_ns == before
    new = HostKey("10.0.0.1", "ssh-ed25519", OTHER)
    assert known.meet(new) == [new]
    assert met == [old, other, new]


def test_there_may_be_nothing_to_forget(tmp_path: Path) -> None:
    assert KnownHosts(tmp_path / "state" / "known_hosts").forget(["10.0.0.1"]) == []
    assert not (tmp_path / "state" / "known_hosts").exists()


def test_no_contact_is_lost_among_many_writers(tmp_path: Path) -> None:
    shown = list[HostKey]()

    def meet(number: int) -> None:
        KnownHosts(tmp_path / "known_hosts", on_first_contact=shown.append).meet(
            HostKey(f"10.0.0.{number}", "ssh-ed25519", KEY)
        )

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(meet, range(64)))
    assert len(parse((tmp_path / "known_hosts").read_text().splitlines())) == 64


def test_hosts_on_other_ports_have_their_own_label() -> None:
    assert (host_label("10.0.0.1", 22), host_label("10.0.0.1", 2222)) == ("10.0.0.1", "[10.0.0.1]:2222")


def test_where_nobody_is_shown_a_key_none_is_believed(tmp_path: Path) -> None:
    known = KnownHosts(tmp_path / "known_hosts")
    first, second = HostKey("10.0.0.1", "ssh-ed25519", KEY), HostKey("10.0.0.1", "ssh-ed25519", OTHER)
    assert known.meet(first) == []
    assert not known.path.exists()
    known.believe([first, HostKey("10.0.0.2", "ssh-ed25519", KEY)])
    assert known.meet(second) == [first]
    known.believe([second])
    assert known.meet(second) == [second]
    assert len(known.all()) == 2
    known.believe([first], alone=True)
    assert known.all() == [first]

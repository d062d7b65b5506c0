"""Who answers at a host's address is believed by its key alone, and where nobody looks, only by one that is known.

Real SSH servers on loopback, each with a key of its own and open to everybody; they note what they are given.
"""

from pathlib import Path

import pytest

from slipway.model.codes import HostCode
from slipway.model.host.items import stranger
from slipway.model.host.ssh import SSH
from slipway.model.hostkeys import HostKey
from slipway.probe.access import Access, HostError, Login, Logins
from slipway.probe.connect import BastionConnection, shown_key
from slipway.probe.known_hosts import KnownHosts
from slipway.probe.ssh import SSHSession
from slipway.secrets import MappedSecrets
from tests.listening import Machine, private_key

SUDO = b"S3cretSudo"
SECRETS = {"ssh/id_ed25519": private_key(), "ops/password": b"S3cretLogin", "sudo/password": SUDO}


def session(machine: Machine, file: Path, *, met: list[HostKey] | None = None) -> SSHSession:
    """As the engine makes one, with all secrets; `met`: somebody is there, and sees what is met."""
    ssh = SSH.model_validate(
        {
            "user": "ops",
            "port": machine.port,
            "passwordRef": {"name": "ops", "key": "password"},
            "become": {"secretRef": {"name": "sudo", "key": "password"}},
        }
    )
    logins = Logins(ssh, MappedSecrets(SECRETS), file, met.append if met is not None else None)
    return SSHSession("w", "127.0.0.1", logins.to(stranger("w", "127.0.0.1")))


def test_where_nobody_looks_an_unknown_host_is_given_nothing(tmp_path: Path) -> None:
    """Each pod of the operator began without any key, and met whoever answered."""
    machine = Machine()
    with machine.up(), pytest.raises(HostError) as caught:
        session(machine, tmp_path / "known_hosts").run("true")
    assert caught.value.code is HostCode.UNTRUSTED
    assert caught.value.hint.endswith("slipway host trust w")
    assert machine.given == []
    assert not (tmp_path / "known_hosts").exists()


def test_a_person_is_shown_the_first_key_and_another_one_gets_nothing(tmp_path: Path) -> None:
    host, met = Machine(), list[HostKey]()
    with host.up():
        assert session(host, tmp_path / "known_hosts", met=met).run("true")[0] == 0
    assert [key.key for key in met] == [host.key.get_base64()]
    assert SUDO in b"".join(host.given)  # the way that an impostor would go
    impostor = Machine(port=host.port)
    for who in (met, None):
        with impostor.up(), pytest.raises(HostError) as caught:
            session(impostor, tmp_path / "known_hosts", met=who).run("true")
        assert caught.value.code is HostCode.HOST_KEY
    assert impostor.given == []
    assert len(met) == 1


def test_a_host_that_is_asked_for_its_key_is_told_nothing(tmp_path: Path) -> None:
    host = Machine()
    with host.up():
        access = session(host, tmp_path / "known_hosts").access
        shown = shown_key("w", "127.0.0.1", access.login)
    assert (shown.host, shown.key) == (f"[127.0.0.1]:{host.port}", host.key.get_base64())
    assert host.given == []
    KnownHosts(tmp_path / "known_hosts").believe([shown])
    with host.up():
        assert session(host, tmp_path / "known_hosts").run("true")[0] == 0


def test_an_unknown_bastion_is_given_nothing_either(tmp_path: Path) -> None:
    machine = Machine()
    with machine.up():
        known = KnownHosts(tmp_path / "known_hosts_bastion")
        login = Login("jump", machine.port, known, "spec.hosts.ssh.bastion", key=private_key())
        way = BastionConnection("127.0.0.1", login)
        with pytest.raises(HostError, match="the bastion") as caught:
            SSHSession("w", "10.255.255.1", Access(login), way).run("true")
    assert caught.value.code is HostCode.UNTRUSTED
    assert "slipway host trust --bastion" in caught.value.hint
    assert machine.given == []

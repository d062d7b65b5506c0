"""A host that reads along learns what opens itself, and nothing that opens another, where each has a login of its own.

Real SSH servers on loopback that note what they are given.
"""

from pathlib import Path

import pytest

from slipway.errors import ConfigurationError
from slipway.model.host.items import stranger
from slipway.model.host.settings import HostSettings
from slipway.model.host.ssh import SSH, HostLogin
from slipway.probe.access import Logins
from slipway.probe.fleet import Fleet
from slipway.secrets import MappedSecrets
from tests.listening import Machine, private_key

SECRETS = {
    "a/login": b"OpensA",
    "a/sudo": b"RootOfA",
    "b/login": b"OpensB",
    "b/sudo": b"RootOfB",
    "ssh/id_ed25519": private_key(),
}


def settings(name: str) -> HostSettings:
    login = {
        "passwordRef": {"name": name, "key": "login"},
        "become": {"secretRef": {"name": name, "key": "sudo"}},
    }
    return HostSettings(ssh=HostLogin.model_validate(login))


def test_one_host_does_not_learn_how_another_is_opened(tmp_path: Path) -> None:
    a = Machine()
    with a.up():
        b, c = Machine(address="127.0.0.2", port=a.port), Machine(address="127.0.0.3", port=a.port)
        with b.up(), c.up():
            hosts = [
                stranger(name, machine.address).model_copy(update={"settings": settings(name)})
                for name, machine in (("a", a), ("b", b))
            ]
            ssh = SSH(user="ops", port=a.port)
            logins = Logins(ssh, MappedSecrets(SECRETS), tmp_path / "known_hosts", lambda _key: None)
            with Fleet([*hosts, stranger("c", c.address)], logins) as fleet:
                _, errors = fleet.each(lambda session: session.run("true"))
            assert errors == {}
    given = {machine.address: b"".join(machine.given) for machine in (a, b, c)}
    opening = [value for value in SECRETS.values() if value != SECRETS["ssh/id_ed25519"]]
    learned = {address: [value for value in opening if value in text] for address, text in given.items()}
    assert learned == {
        a.address: [b"OpensA", b"RootOfA"],
        b.address: [b"OpensB", b"RootOfB"],
        c.address: [],  # by the key, as all that say nothing
    }


def test_a_host_whose_own_secret_is_missing_is_not_tried_with_that_of_others(tmp_path: Path) -> None:
    machine = Machine()
    with machine.up():
        logins = Logins(SSH(user="ops", port=machine.port), MappedSecrets(SECRETS), tmp_path / "known_hosts")
        lost = stranger("x", machine.address).model_copy(update={"settings": settings("x")})
        with pytest.raises(ConfigurationError, match="x/login"):
            Fleet([lost], logins)
    assert machine.given == []

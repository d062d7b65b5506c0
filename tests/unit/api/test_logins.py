"""Which key or password opens a host: the one that is said nearest to it, and only that."""

from pathlib import Path
from typing import Any

import pytest

from slipway.api import read
from slipway.model.configuration import Configuration
from slipway.model.placeholders import SecretFile, SecretValue
from slipway.runner import connection_variables
from tests.unit.planning import model

KEY, PASSWORD = SecretFile("own/key"), SecretValue("own/login")
OWN_KEY = {"secretRef": {"name": "own", "key": "key"}}
OWN_PASSWORD = {"passwordRef": {"name": "own", "key": "login"}}
ALL = {"passwordRef": {"name": "all", "key": "login"}}


def configured(top: Any = None, defaults: Any = None, group: Any = None, host: Any = None) -> Configuration:
    """worker-01 is in a group and has what is given; the others have nothing of their own."""
    document = model.document(
        {
            "hosts": {
                "ssh": {"user": "ops", **(top or {})},
                "defaults": {"ssh": defaults} if defaults else {},
                "groups": {"far": {"ssh": group} if group else {}},
            }
        }
    )
    item = next(item for item in document["spec"]["hosts"]["items"] if item["name"] == "worker-01")
    item |= {"groups": ["far"], "settings": {"ssh": host} if host else {}}
    return read.parse(document)


def opened_by(configuration: Configuration, name: str) -> tuple[Any, Any]:
    """Key and password with which Ansible logs in."""
    host = next(host for host in configuration.hosts if host.name == name)
    found = connection_variables(configuration.ssh_of(host), host.address, Path("/known_hosts"))
    return found.get("ansible_ssh_private_key_file"), found.get("ansible_password")


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ({}, (SecretFile("ssh/id_ed25519"), None)),
        ({"top": ALL}, (None, SecretValue("all/login"))),
        ({"top": ALL, "host": OWN_KEY}, (KEY, None)),
        ({"top": OWN_KEY, "host": OWN_PASSWORD}, (None, PASSWORD)),
        ({"defaults": ALL, "group": OWN_KEY}, (KEY, None)),
        ({"group": ALL, "host": OWN_KEY}, (KEY, None)),
        ({"group": OWN_KEY, "host": OWN_PASSWORD}, (None, PASSWORD)),
        ({"host": OWN_KEY | OWN_PASSWORD}, (None, PASSWORD)),
    ],
)
def test_the_nearest_one(layers: dict[str, Any], expected: tuple[Any, Any]) -> None:
    assert opened_by(configured(**layers), "worker-01") == expected


def test_another_host_has_nothing_of_it() -> None:
    site = configured(group=OWN_PASSWORD, host={"become": {"secretRef": {"name": "own", "key": "sudo"}}})
    assert opened_by(site, "worker-02") == (SecretFile("ssh/id_ed25519"), None)


def test_all_of_them_go_to_the_cluster_and_the_bastion_keeps_the_key_it_had() -> None:
    bastion = {"bastion": {"address": "10.0.0.9"}}
    site = configured(
        top=bastion, group=OWN_KEY, host={"become": {"secretRef": {"name": "own", "key": "sudo"}}}
    )
    assert site.login_references == {"ssh/id_ed25519", "own/key", "own/sudo"}
    host = next(host for host in site.hosts if host.name == "worker-01")
    key = site.ssh_of(host).bastion_key
    assert key
    assert f"{key.name}/{key.key}" == "ssh/id_ed25519"

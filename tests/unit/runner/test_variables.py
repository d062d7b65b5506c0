"""Placeholders, the inventory file, and blackening: pure parts of the runner."""

import shlex
from pathlib import Path

import pytest
import yaml

from slipway.errors import ConfigurationError
from slipway.model.fields import SecretRef
from slipway.model.host.ssh import SSH, Bastion, Become
from slipway.model.placeholders import SecretFile, SecretValue
from slipway.runner import connection_variables, resolve
from slipway.runner.redaction import Redactor
from slipway.runner.variables import inventory, ssh_arguments

SECRETS = {"a/b": "hush"}


def test_placeholders_are_replaced_at_any_depth() -> None:
    value = {
        "x": [SecretValue("a/b"), 1],
        "y": {"z": SecretFile("a/b")},
        "same": {"$secret": "a/b", "n": 1},
    }
    assert resolve(value, SECRETS.__getitem__, lambda reference: f"/f/{reference}") == {
        "x": ["hush", 1],
        "y": {"z": "/f/a/b"},
        "same": {"$secret": "a/b", "n": 1},
    }


def test_a_secret_file_needs_somebody_to_write_it() -> None:
    with pytest.raises(ConfigurationError, match="a/b"):
        resolve(SecretFile("a/b"), SECRETS.__getitem__)


@pytest.mark.parametrize("text", ["{{ 1 }}", "x {% if y %}", "{# no #}", "a\nb: {{ c }}"])
def test_what_looks_like_a_template_is_marked_unsafe(text: str) -> None:
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!unsafe", lambda loader, node: ("unsafe", loader.construct_scalar(node)))  # type: ignore[arg-type]
    content = yaml.load(inventory({"h": {"v": [text], "w": "plain"}}, {}), Loader=Loader)  # noqa: S506
    assert content["all"]["hosts"]["h"] == {"v": [("unsafe", text)], "w": "plain"}


def test_groups_name_their_hosts() -> None:
    content = yaml.safe_load(inventory({"a": {}, "b": {}}, {"first": ["a"], "none": []}))
    assert content["all"]["children"] == {"first": {"hosts": {"a": None}}, "none": {"hosts": {}}}


def test_connection_of_root_and_of_a_user_with_a_password() -> None:
    root = connection_variables(SSH(), "10.0.0.1")
    assert (root["ansible_host"], root["ansible_user"], root["ansible_become"]) == ("10.0.0.1", "root", False)
    assert root["ansible_ssh_private_key_file"] == SecretFile("ssh/id_ed25519")
    become = Become(secret_ref=SecretRef(name="ops", key="sudo"))
    user = connection_variables(SSH(user="ops", port=2222, become=become), "10.0.0.1")
    assert user["ansible_become"] is True
    assert user["ansible_become_password"] == SecretValue("ops/sudo")
    assert user["ansible_port"] == 2222


def test_a_password_leaves_out_the_key_and_a_bastion_is_quoted_whole() -> None:
    bastion = Bastion(address="10.0.0.9", user="jump", port=2200)
    ssh = SSH(password_ref=SecretRef(name="ops", key="login"), bastion=bastion)
    found = connection_variables(ssh, "10.0.0.1", Path("/a b/known_hosts"))
    assert found["ansible_password"] == SecretValue("ops/login")
    assert "ansible_ssh_private_key_file" not in found
    assert "ansible_ssh_retries" not in found  # a wrong password is tried once
    text = resolve(found["ansible_ssh_common_args"], lambda _: "", lambda ref: f"/run/it's/{ref}")
    *_, option, command = shlex.split(text)
    assert option == "-o"
    words = shlex.split(command)
    assert words[0] == "ProxyCommand=ssh"
    assert 'UserKnownHostsFile="/a b/known_hosts_bastion"' in words
    assert words[-8:] == ["/run/it's/ssh/id_ed25519", "-p", "2200", "-l", "jump", "-W", "%h:%p", "10.0.0.9"]


def test_ssh_arguments_survive_a_blank_in_the_path() -> None:
    words = shlex.split(ssh_arguments(Path("/a b/known_hosts")))
    assert 'UserKnownHostsFile="/a b/known_hosts"' in words
    assert "StrictHostKeyChecking=yes" in words


def test_secrets_are_blackened_whole_by_line_and_in_nested_data() -> None:
    redactor = Redactor(["first-line\nsecond-line\n", "hunter2", "ab"])
    assert redactor.text("x first-line y ab second-line hunter2") == "x *** y ab *** ***"
    assert redactor.value({"a": ["hunter2", 1, {"b": "hunter2!"}]}) == {"a": ["***", 1, {"b": "***!"}]}
    assert Redactor([]).text("as it is") == "as it is"

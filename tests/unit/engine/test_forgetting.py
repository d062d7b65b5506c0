"""Which keys go with a host; the cluster's part is in tests/api/test_host.py."""

from pathlib import Path
from typing import Any

import pytest

from slipway.engine.context import Context
from slipway.engine.errands.forgetting import Forgotten, farewell_to, forget
from slipway.errors import ConfigurationError
from tests.cases import merge_patch
from tests.unit.engine.test_merging import context
from tests.unit.planning import model

NAME, ADDRESS = "cp-01", "10.0.0.11"
KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIIlN3NtpBSHhNfBPfgh2M5oQgqQrUnP0rDQwZyFbbbbb"


def opened(tmp_path: Path, ssh: dict[str, Any], *labels: str) -> Context:
    """A site of which this machine has no kubeconfig, and has met the hosts `labels`."""
    document = merge_patch(model.base(), {"spec": {"hosts": {"ssh": ssh}}})
    made = context(tmp_path, document)
    made.kubeconfig = tmp_path / "kubeconfig"
    made.known_hosts.write_text("".join(f"{label} ssh-ed25519 {KEY}\n" for label in labels))
    return made


def forgotten(made: Context, name: str) -> Forgotten:
    return forget(made, farewell_to(made, name))


def test_a_host_of_the_file_loses_its_key_and_no_other_does(tmp_path: Path) -> None:
    made = opened(tmp_path, {}, ADDRESS, "10.99.0.1")
    done = forgotten(made, NAME)
    assert ([key.host for key in done.keys], done.configured, done.node_deleted) == ([ADDRESS], True, False)
    assert made.known_hosts.read_text().split()[0] == "10.99.0.1"
    again = forgotten(made, NAME)
    assert (again.keys, again.notes) == ((), ())


def test_also_on_another_port_and_under_its_name(tmp_path: Path) -> None:
    made = opened(tmp_path, {"port": 2222}, f"[{ADDRESS}]:2222", ADDRESS, NAME)
    assert len(forgotten(made, NAME).keys) == 3
    assert made.known_hosts.read_text() == ""


def test_a_pinned_key_comes_from_the_file_and_stays(tmp_path: Path) -> None:
    made = opened(tmp_path, {"hostKeys": [f"{ADDRESS} ssh-ed25519 {KEY}"]}, ADDRESS)
    done = forgotten(made, NAME)
    assert done.keys == ()
    assert "spec.hosts.ssh.hostKeys" in done.notes[0]


def test_an_address_that_nothing_knows_by_name_is_one_too(tmp_path: Path) -> None:
    made = opened(tmp_path, {}, "10.99.0.1", "10.99.0.2")
    done = forgotten(made, "10.99.0.1")
    assert [key.host for key in done.keys] == ["10.99.0.1"]
    assert "no kubeconfig" in done.notes[0]


def test_the_address_of_another_host_is_that_hosts(tmp_path: Path) -> None:
    done = forgotten(opened(tmp_path, {}, ADDRESS), ADDRESS)
    assert done.keys == ()
    assert f"{ADDRESS} is {NAME}'s now: its key stays" in done.notes


def test_an_unknown_name_is_harmless_and_the_nearest_is_said(tmp_path: Path) -> None:
    done = forgotten(opened(tmp_path, {}), f"{NAME}x")
    assert (done.keys, done.node_deleted) == ((), False)
    assert f"did you mean {NAME}?" in done.notes


@pytest.mark.parametrize("name", ["..", "a/b", "", "Worker", "x y"])
def test_what_can_be_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError):
        farewell_to(opened(tmp_path, {}), name)


def test_without_hosts_there_is_nobody_to_forget(tmp_path: Path) -> None:
    made = opened(tmp_path, {})
    spec = made.configuration.spec.model_copy(update={"hosts": None})
    made.configuration = made.configuration.model_copy(update={"spec": spec, "hosts": ()})
    with pytest.raises(ConfigurationError, match="no hosts"):
        farewell_to(made, NAME)

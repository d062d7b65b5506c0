"""What follows from what was read of one host, and names that are no host's."""

from dataclasses import replace

import pytest

from slipway.api import read
from slipway.engine.enquiry.hostview import HostView, host_named, view_data
from slipway.errors import ConfigurationError
from slipway.model.configuration import Configuration
from slipway.model.observed import HostObserved
from slipway.model.record import Lock
from tests.unit.planning import model


def site() -> Configuration:
    return read.parse(model.base())


def view(host: HostObserved) -> HostView:
    return HostView("cp-01", "10.0.0.1", ("control-plane",), (), model.READ_AT, model.SITE, (), (), host)


def test_a_host_is_found_by_its_name() -> None:
    configuration = site()
    assert host_named(configuration, configuration.hosts[-1].name) == configuration.hosts[-1]


def test_another_name_is_a_mistake_with_the_nearest_one() -> None:
    with pytest.raises(ConfigurationError) as caught:
        host_named(site(), "cp-1")
    assert (caught.value.where, caught.value.hint) == ("spec.hosts.items", "did you mean cp-01?")
    assert "cp-01" in caught.value.why


def test_of_many_hosts_an_error_names_a_few() -> None:
    configuration = site()
    many = tuple(configuration.hosts[0].model_copy(update={"name": f"w-{n:03}"}) for n in range(40))
    with pytest.raises(ConfigurationError) as caught:
        host_named(configuration.model_copy(update={"hosts": many}), "zzz")
    assert caught.value.why.endswith("w-011 and 28 more")
    assert caught.value.hint == "name one of them"


def test_a_lock_counts_while_it_has_time_left() -> None:
    lock = Lock("slipway@other:7+0123456789abcdef.7.99", 3, 30.0)
    assert view(HostObserved("cp-01", lock=lock)).holder == "slipway@other:7"
    assert view(HostObserved("cp-01", lock=replace(lock, left=0.0))).holder == ""
    assert view(HostObserved("cp-01")).holder == ""


def test_a_record_of_another_site_is_foreign() -> None:
    assert [view(HostObserved("cp-01", cluster=c)).foreign for c in ("", model.SITE, "0123")] == [
        False,
        False,
        True,
    ]


def test_what_could_not_be_read_is_an_error_of_preflight() -> None:
    text = "no SSH connection: 10.0.0.1:22: Connection refused"
    one = view(HostObserved("cp-01", error_code="unreachable", error=text, hint="check the address"))
    assert one.error
    told = view_data(one)["error"]
    assert (told["what"], told["why"]) == ("no SSH connection", "10.0.0.1:22: Connection refused")
    assert (told["where"], told["next"], told["exitCode"]) == ("host/cp-01", "check the address", 4)
    assert view_data(view(HostObserved("cp-01")))["error"] is None

"""Nodes with three links: their own network, and two further ones that this machine is not on."""

from pathlib import Path

import pytest

from slipway.lab import Lab
from slipway.lab.machine import LabError

NAME = "netthree"
FURTHER = {"business": "10.185.12.0/24", "storage": "10.185.13.0/24"}
ASK = ["ping", "-c3", "-W5", "-s1000"]


def test_packets_go_over_the_network_whose_address_is_asked_and_no_way_leads_out_of_it() -> None:
    Lab(NAME).down()
    lab = Lab(NAME, "10.185.11.0/24", FURTHER)
    try:
        lab.up(2)
        assert lab.address("business", "node-2") == "10.185.12.22"
        before = {name: lab.sent(name) for name in FURTHER}
        lab.ssh("node-1", [*ASK, lab.address("storage", "node-2")])
        moved = {name: lab.sent(name) - before[name] for name in FURTHER}
        assert moved["storage"] >= 6 * 1000
        assert moved["business"] < 1000
        assert lab.ssh("node-1", [*ASK, "10.185.12.1"], check=False).returncode != 0
        shown = lab.ssh("node-2", ["ip", "-4", "-o", "address", "show"]).stdout
        assert "storage    inet 10.185.13.22/24" in shown

        lab.ssh("node-2", ["systemctl", "reboot"], check=False)
        lab.wait("node-2")
        lab.ssh("node-1", [*ASK, lab.address("business", "node-2")])
        again = Lab(NAME)  # as another process finds it
        again.up(2)
        assert again.address("storage", "node-1") == "10.185.13.21"
    finally:
        lab.down()
    ident = lab.site.ident
    assert [path.name for path in Path("/sys/class/net").iterdir() if ident in path.name] == []


@pytest.mark.parametrize(
    ("wanted", "what"),
    [
        ({"Business": "10.185.12.0/24"}, "not names for networks"),
        ({"host0": "10.185.12.0/24"}, "not names for networks"),
        ({"storage": "10.185.11.0/24"}, "overlaps another one of the lab"),
        ({"storage": "10.185.12.0/25"}, "not a subnet for a lab"),
    ],
)
def test_what_cannot_be_a_network_is_refused(wanted: dict[str, str], what: str) -> None:
    with pytest.raises(LabError, match=what):
        Lab(NAME, "10.185.11.0/24", wanted)

"""What a lab is made of: names, addresses, places."""

from pathlib import Path

import pytest

from slipway import settings
from slipway.lab import LabError, LabNode, state
from slipway.lab.state import Site


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "cache_dir", lambda: tmp_path)


def test_nodes_get_addresses_in_the_order_of_their_names() -> None:
    assert state.plan_nodes("10.77.0.0/24", ("cp", "w-1"), ("debian-12", "debian-13")) == (
        LabNode("cp", "10.77.0.21", "debian-12"),
        LabNode("w-1", "10.77.0.22", "debian-13"),
    )


@pytest.mark.parametrize("names", [("a", "a"), ("Upper",), ("under_score",), ("",)])
def test_refuses_names_that_are_none(names: tuple[str, ...]) -> None:
    with pytest.raises(LabError, match="not names for nodes"):
        state.plan_nodes("10.77.0.0/24", names, ("debian-12",) * len(names))


def test_refuses_more_nodes_than_addresses() -> None:
    names = tuple(f"n{index}" for index in range(235))
    with pytest.raises(LabError, match="too many nodes"):
        state.plan_nodes("10.77.0.0/24", names, ("debian-12",) * len(names))


@pytest.mark.parametrize(
    ("name", "subnet"),
    [
        ("Lab", "10.77.0.0/24"),
        ("../x", "10.77.0.0/24"),
        ("a", "10.77.0.1/24"),
        ("a", "10.77.0.0/25"),
        ("a", "8.8.8.0/24"),
        ("a", "fd00::/64"),
        ("a", "nonsense"),
    ],
)
def test_refuses_what_cannot_carry_a_lab(name: str, subnet: str) -> None:
    with pytest.raises(LabError):
        state.check(name, subnet)


@pytest.mark.parametrize("name", ["default", "a", "exactly8", "a-name-that-is-much-too-long-for-it"])
def test_interface_names_fit_the_kernel(name: str) -> None:
    site = Site(name, "10.77.0.0/24")
    assert len(site.bridge) <= 15
    assert len(f"vb-{site.machine(LabNode('n', '10.77.0.254', 'debian-12'))}") <= 15


def test_long_names_stay_apart() -> None:
    assert Site("rehearsal-one", "10.77.0.0/24").ident != Site("rehearsal-two", "10.78.0.0/24").ident


def test_what_is_saved_is_loaded() -> None:
    assert state.load("x") is None
    site = Site("x", "10.77.0.0/24", (LabNode("node-1", "10.77.0.21", "debian-12"),))
    state.save(site)
    state.save(Site("y", "10.78.0.0/24"))
    assert state.load("x") == site
    assert [other.name for other in state.other_labs("x")] == ["y"]


def test_an_unknown_node_is_named_with_those_there_are() -> None:
    site = Site("x", "10.77.0.0/24", (LabNode("node-1", "10.77.0.21", "debian-12"),))
    with pytest.raises(LabError, match="no node 'n'") as caught:
        site.node("n")
    assert "node-1" in caught.value.why

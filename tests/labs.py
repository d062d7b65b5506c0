"""Labs for tests: brought up, handed over, and always taken down.

    with lab_nodes("roles", "10.72.0.0/24", nodes=2, os=("debian-12", "debian-13")) as lab:
        lab.ssh("node-1", ["true"])

or, as a fixture that the tests of a file share:

    lab = lab_fixture("roles", "10.72.0.0/24", nodes=2)
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

import pytest

from slipway.lab import Lab


@contextmanager
def lab_nodes(
    name: str,
    subnet: str,
    nodes: int = 1,
    os: str | Sequence[str] = "debian-12",
    names: Sequence[str] | None = None,
    networks: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Lab]:
    """A fresh lab; what an earlier killed test run left under this name goes first."""
    Lab(name).down()
    lab = Lab(name, subnet, networks)
    try:
        lab.up(nodes, os, names)
        yield lab
    finally:
        lab.down()


def lab_fixture(
    name: str, subnet: str, nodes: int = 1, os: str | Sequence[str] = "debian-12"
) -> Callable[[], Iterator[Lab]]:
    """A fixture of module scope around `lab_nodes`."""

    @pytest.fixture(scope="module", name="lab")
    def lab() -> Iterator[Lab]:
        with lab_nodes(name, subnet, nodes, os) as nodes_up:
            yield nodes_up

    return lab

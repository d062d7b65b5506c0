"""Level 4: modules do their job on a cluster of lab nodes that the real command line made of a bundle.

`make test-platform NAME=...` tries these modules, or all that have a test here. The bundle has what the tests at
hand need and no more, so images of others are not built for them.
"""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.lab4.platforms import CORE, NODES, Enabled, Keep, Platform, bundle_of, platform_of
from tests.labs import lab_nodes

HERE = Path(__file__).parent
SUBNET = "10.73.0.0/24"
#: One test may take, with what it needs built and installed.
SECONDS = 2 * 3600


def modules_of(item: pytest.Item) -> set[str]:
    """What the test shows at level 4."""
    return {name for mark in item.iter_markers("level") for name in mark.args[1:]}


def needed_by(item: pytest.Item) -> set[str]:
    """These, and what it switches on `beside` them."""
    marks = item.iter_markers("level")
    return modules_of(item).union(*(mark.kwargs.get("beside", ()) for mark in marks))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Those of the modules in NAME alone."""
    wanted = set(os.environ.get("NAME", "").replace(",", " ").split())
    here = [item for item in items if HERE in item.path.parents]
    if unknown := wanted - set[str]().union(*map(modules_of, here)):
        raise pytest.UsageError(f"no test at level 4 of {', '.join(sorted(unknown))}")
    others = [item for item in here if wanted and not modules_of(item) & wanted]
    config.hook.pytest_deselected(items=others)
    for item in here:  # the first of them builds all images
        item.add_marker(pytest.mark.timeout(SECONDS))
    items[:] = [item for item in items if item not in others]


@pytest.fixture(scope="session")
def platform(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A cluster with the core's modules, whose registry has what the tests at hand switch on."""
    modules = set(CORE).union(*(needed_by(item) for item in request.session.items))
    bundle = bundle_of(modules)
    with lab_nodes("lab4", SUBNET, len(NODES), "debian-12", NODES) as lab:
        lab.egress_control()
        yield platform_of(tmp_path_factory.mktemp("platform"), lab, bundle)


@pytest.fixture
def enabled(platform: Platform, record_property: Keep) -> Enabled:
    """`with enabled({"welcome": {"replicas": 2}}):` modules by their settings, then gone again."""
    return partial(platform.enabled, record_property)


@pytest.fixture(autouse=True)
def at_home(platform: Platform) -> Iterator[None]:
    """What a test switches on asks nobody beyond the site."""
    before: Any = platform.sent_outside()
    yield
    assert platform.sent_outside() == before

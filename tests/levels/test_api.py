"""Level 3: a module from nothing through each of its samples to nothing, by an operator at a real API server.

Real are the API server, its controllers and scheduler, Helm, the site registry, the operator; kubelets are KWOK's.
`make test-modules NAME=...` tries one, or all.
"""

import base64
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import pytest

from slipway import catalog
from slipway.catalog import samples
from slipway.catalog.modules import Module, Stage
from slipway.catalog.secrets import applying_secrets
from slipway.catalog.settings_schema import settings_of
from slipway.cluster.own import records
from slipway.cluster.rest.client import Client, connect
from slipway.model.modulesecrets import Making
from slipway.settings import NAMESPACE
from tests.api.operator.recording import Running
from tests.api.working import Site, site_of
from tests.apiserver import ApiServer, until
from tests.charts import at_hand
from tests.levels.clusters import cluster
from tests.levels.objects import Thing, left, things_of
from tests.levels.repeating import repeated
from tests.levels.statuses import Statuses
from tests.levels.volumes import bind_volumes
from tests.levels.webhooks import Services

CATALOG = catalog.load()
#: Modules whose charts are here: out of Go modules everywhere, others where somebody has fetched their trees.
AT_HAND = [one.name for one in CATALOG.modules.values() if at_hand(CATALOG, one)]
#: The network comes before nodes are Ready, and the operator cannot bring itself: both are tried on nodes alone.
HERE = [name for name in AT_HAND if CATALOG.modules[name].stage is Stage.PLATFORM and name != "operator"]
NAMES = os.environ.get("NAME", "").replace(",", " ").split() or HERE
#: Besides the first: pods that keep away from each other want one each.
MORE_NODES = ("works-2", "works-3")
#: The Secret of what a site gives, beside its ClusterConfiguration.
GIVEN = "given-at-level-3"
#: Seconds until a module is as wanted: fake kubelets are quick, definitions on a busy machine are not.
SOON = 480


class Place(NamedTuple):
    """A cluster, and what stands for its services."""

    site: Site
    services: Services
    statuses: Statuses


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A cluster of fake nodes with all modules of this release in its registry, and an operator at work."""
    directory = tmp_path_factory.mktemp("levels")
    with (
        cluster(directory) as (services, api),
        repeated(partial(bind_volumes, api)),
        connect(api.kubeconfig) as client,
        site_of(directory, api, CATALOG.of(AT_HAND)) as made,
        Running(made.runtime()),
    ):
        for name in MORE_NODES:
            api.create_node(name)
        made.want({name: {"enabled": False} for name in HERE})
        settled(api)
        # Of all modules: whoever asks for one by NAME has those on that it requires, whose programs run as little.
        statuses = Statuses(api, client, {*HERE, *NAMES}, CATALOG.expectations.kinds)
        with repeated(statuses.look):
            yield Place(made, services, statuses)


def settled(api: ApiServer) -> None:
    """Wait until controllers have made what they make for themselves."""
    seen = set[Thing]()

    def same() -> bool:
        time.sleep(2)
        before = set(seen)
        seen.update(things_of(api))
        return seen == before

    until(same, seconds=SOON, what="nothing more comes")


def given_secrets(api: ApiServer, module: Module, settings: dict[str, Any]) -> dict[str, Any]:
    """What the site says of the secrets that only a site has, with these settings; their Secret is there then."""
    given: dict[str, Any] = {}
    for entry in applying_secrets(module, settings_of(module, settings)):
        keys = [key for key, rule in entry.keys.items() if rule.make is Making.GIVEN]
        if keys:
            given[entry.name] = {"given": {key: {"name": GIVEN, "key": key} for key in keys}}
            data = {key: base64.b64encode(b"of-the-site").decode() for key in keys}
            secret = {"metadata": {"name": GIVEN}, "data": data}
            status, answer = api.request("POST", f"/api/v1/namespaces/{NAMESPACE}/secrets", secret)
            assert status in {201, 409}, answer["message"]  # 409: a former sample asked for it
    return given


@pytest.fixture
def client(place: Place) -> Iterator[Client]:
    with connect(place.site.api.kubeconfig) as client:
        yield client
        place.site.want({name: {"enabled": False} for name in NAMES})


def tried(name: str) -> Any:
    return pytest.param(CATALOG.named(name), marks=pytest.mark.level("3", name), id=name)


@pytest.mark.timeout(3600)  # several samples, and definitions that a busy API server takes its time for
@pytest.mark.parametrize("module", [tried(name) for name in NAMES])
def test_from_nothing_to_nothing(
    module: Module, place: Place, client: Client, record_property: Callable[[str, object], None]
) -> None:
    site, asked = place.site, set(place.services.asked)
    place.statuses.written.clear()
    before = things_of(site.api)
    started, seconds, objects = time.monotonic(), 0.0, 0
    for settings in samples(module):
        wanted = {"enabled": True, "settings": settings, "secrets": given_secrets(site.api, module, settings)}
        site.make({module.name: wanted}, seconds=SOON)
        record = records.read_module(client, module.name)
        assert record is not None
        assert record.phase == "Healthy"
        seconds, objects = seconds or time.monotonic() - started, objects or len(record.objects)
    stood = place.services.asked - asked or place.statuses.written  # for its services, for its operator
    measured = {"seconds": round(seconds, 1), "objects": objects, "level": "3w" if stood else "3"}
    record_property("trials", {module.name: measured})
    site.make({module.name: {"enabled": False}}, seconds=SOON)
    site.api.request("DELETE", f"/api/v1/namespaces/{NAMESPACE}/secrets/{GIVEN}")
    rest = set[Thing]()

    def gone() -> bool:
        rest.clear()
        rest.update(left(things_of(site.api) - before, module))
        return not rest

    try:
        until(gone, seconds=SOON, what="nothing is left")
    except TimeoutError:
        pytest.fail(f"a removal leaves {sorted(rest)}")

"""An upstream's module in full size: killed before and after each write of its life, it converges all the same.

The nth run is killed before its nth write, the one after it when the cluster has that write and the process has not
heard so, and the next one goes on from there, until one gets to its end.
"""

import base64
from collections.abc import Callable, Iterator
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from slipway.catalog.modules import Module
from slipway.catalog.secrets import applying_secrets
from slipway.catalog.settings_schema import settings_of
from slipway.clock import utc_text
from slipway.cluster.lifecycle.helm import Helm
from slipway.cluster.lifecycle.losses import losses_of
from slipway.cluster.lifecycle.modules import apply_module
from slipway.cluster.lifecycle.removal import remove_module
from slipway.cluster.lifecycle.work import Work
from slipway.cluster.own import records
from slipway.cluster.own.settings import ensure_namespace
from slipway.cluster.rest.client import Client, Object, connect
from slipway.model.record import Intent, ModulePhase
from slipway.planning.requests.request import ChartRef, ModuleRequest, ReleaseRequest, RemovalRequest
from slipway.settings import NAMESPACE
from tests.api.modules.dying import is_killed
from tests.apiserver import ApiServer
from tests.binaries import binary
from tests.charts import FACTS, chart_of
from tests.levels.clusters import cluster
from tests.levels.objects import left, things_of
from tests.levels.repeating import repeated
from tests.levels.statuses import Statuses
from tests.levels.test_api import AT_HAND, CATALOG, settled
from tests.levels.volumes import bind_volumes

#: Without volumes, whose class another module would bring.
SETTINGS: dict[str, dict[str, Any]] = {"katib": {}, "kube-prometheus-stack": {"storage": {"enabled": False}}}
CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {
        "name": "there",
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    },
    "provisioner": "example.com/tests",
}
#: Definitions, releases, what is waited for, records, removal: at least so many moments at which a life is cut off.
POINTS = 15
#: Writes of one run: more than any has.
MANY = 400


class Life(NamedTuple):
    """A module at a cluster of fake nodes."""

    module: Module
    api: ApiServer
    work: Work

    def request(self) -> ModuleRequest:
        """As a plan has it."""
        values = CATALOG.values(self.module, SETTINGS[self.module.name], {}, FACTS)
        releases = (
            ReleaseRequest(
                name=one.name,
                namespace=one.namespace,
                chart=ChartRef(one.chart, "sha256:" + "0" * 64, one.version),
                values=values[one.name],
                create_namespace=one.create_namespace,
                labels=one.labels,
                wait=one.wait,
            )
            for one in self.module.releases
        )
        mine = self.module
        return ModuleRequest(mine.name, mine.version, tuple(releases), mine.health, mine.removal)

    def intent(self, action: str) -> Intent:
        return Intent("op-1", f"module/{self.module.name}/{action}", "d1", 1, "test", utc_text())

    def deaths(self, run: Callable[[Work], object]) -> int:
        """How often a run was killed before one got to its end."""
        moments = ((nth, after) for nth in range(1, MANY) for after in (False, True))
        killed = (is_killed(run, self.work, nth, after=after) for nth, after in moments)
        return sum(1 for _ in takewhile(bool, killed))


@pytest.fixture(params=[name for name in SETTINGS if name in AT_HAND])
def life(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Life]:
    module = CATALOG.modules[request.param]
    charts = {one.chart: chart_of(CATALOG, module, one) for one in module.releases}
    kinds = CATALOG.expectations.kinds
    with (
        cluster(tmp_path) as (_, api),
        repeated(partial(bind_volumes, api)),
        connect(api.kubeconfig) as client,
        repeated(Statuses(api, client, [module.name], kinds).look),
    ):
        api.create_node("node-1")
        settled(api)
        ensure_namespace(client, NAMESPACE)
        client.create(CLASS)
        for secret in secrets_of(module):
            ensure_namespace(client, secret["metadata"]["namespace"])
            client.create(secret)
        helm = Helm(binary("helm"), api.kubeconfig)
        yield Life(module, api, Work(client, helm, lambda chart: charts[chart.name], kinds=kinds))


def secrets_of(module: Module) -> Iterator[Object]:
    """Those that it is given; making them is no part of its own life."""
    for entry in applying_secrets(module, settings_of(module, SETTINGS[module.name])):
        data = {key: base64.b64encode(b"made before").decode() for key in entry.keys}
        where = {"name": entry.secret.name, "namespace": entry.secret.namespace}
        yield {"apiVersion": "v1", "kind": "Secret", "metadata": where, "data": data}


@pytest.mark.timeout(3600)  # some fifty lives, each as long as Helm and an API server take
def test_killed_before_each_write_it_converges(life: Life) -> None:
    request, client, before = life.request(), life.work.client, things_of(life.api)
    deaths = life.deaths(partial(apply_module, request=request, intent=life.intent("apply")))
    record = records.read_module(client, life.module.name)
    assert record is not None
    assert (record.phase, record.intent, record.digest) == (ModulePhase.HEALTHY, None, "d1")
    for ref in record.objects:
        assert client.get(ref.api_version, ref.kind, ref.name, ref.namespace) is not None, ref
    assert states(client, request) == {"deployed"}

    lost = losses_of(client, record, life.module.removal)
    removal = RemovalRequest(life.module.name, life.module.removal, destroys=lost)
    deaths += life.deaths(partial(remove_module, request=removal, intent=life.intent("remove")))
    assert deaths >= POINTS
    assert records.read_module(client, life.module.name) is None
    assert states(client, request) == set()
    assert left(things_of(life.api) - before, life.module) == set()


def states(client: Client, request: ModuleRequest) -> set[str]:
    """What Helm says of the newest revision of each release."""
    found = {}
    for release in request.releases:
        for one in client.list("v1", "Secret", release.namespace, labels="owner=helm", metadata_only=True):
            labels = one["metadata"]["labels"]
            found[labels["name"]] = max(
                found.get(labels["name"], (0, "")), (int(labels["version"]), labels["status"])
            )
    return {status for _, status in found.values()}

"""Upstream's modules at a real API server with fake kubelets: enabled to Healthy, beside Helm alone.

    SLIPWAY_TREES_DIR=... .venv/bin/python scripts/bench_chart.py [--modules kube-prometheus-stack] [--rounds 3]
    .venv/bin/python scripts/bench_chart.py --modules ten

In turn, on one cluster: an operator at work gets the modules into its ClusterConfiguration with one edit, until their
records say Healthy; then, of several, with an edit for each; then `helm upgrade --install --wait` of the same charts
with the same values, one after another. Before each of them the cluster has nothing of it, definitions (CRDs) neither.
Prints JSON: seconds of each, medians, and how often Helm's time it took.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # what starts API servers and registries is of the tests

from slipway.catalog.modules import Module
from slipway.cluster.own import records
from slipway.cluster.rest.client import Client, connect
from tests.api.operator.recording import Running
from tests.api.working import Site, site_of
from tests.apiserver import ApiServer, until
from tests.binaries import binary
from tests.charts import FACTS, chart_of
from tests.levels.objects import CRDS, Thing, things_of
from tests.levels.repeating import repeated
from tests.levels.statuses import Statuses
from tests.levels.test_api import AT_HAND, CATALOG
from tests.levels.test_kills_upstream import SETTINGS

#: Ten, of which each has a chart that everybody can get, and none needs a webhook to be installed.
TEN = (
    "gateway-api jobset local-path-provisioner mpi-operator node-feature-discovery "
    "nvidia-runtime-class snapshot-controller training-operator volcano welcome"
)
DEFINITIONS = f"/apis/apiextensions.k8s.io/v1/{CRDS}"
SOON = 900


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--modules", default="kube-prometheus-stack", help="names with commas, or `ten`")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    names = (TEN if given.modules == "ten" else given.modules).replace(",", " ").split()
    modules = [CATALOG.named(name) for name in names]
    with (
        tempfile.TemporaryDirectory() as work,
        ApiServer(Path(work) / "api", controllers=True, kwok=True) as api,
        connect(api.kubeconfig) as client,
        repeated(Statuses(api, client, names, CATALOG.expectations.kinds).look),
        site_of(Path(work), api, CATALOG.of(AT_HAND)) as site,
        Running(site.runtime()),
    ):
        site.make({name: {"enabled": False} for name in names}, seconds=SOON)
        before = things_of(api)
        ways: dict[str, Callable[[], float]] = {"slipway": lambda: by_slipway(site, client, modules)}
        if len(modules) > 1:
            ways["slipway, one after another"] = lambda: one_by_one(site, client, modules)
        ways["helm"] = lambda: by_helm(site, modules, Path(work))
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(given.rounds):
            for way, measured in ways.items():
                seconds[way].append(round(measured(), 2))
                forget(api, before)
    medians = {way: round(statistics.median(found), 2) for way, found in seconds.items()}
    ratios = {way: round(found / medians["helm"], 2) for way, found in medians.items()}
    print(json.dumps({"modules": names, "seconds": seconds, "medians": medians, "ratios": ratios}))


def by_slipway(site: Site, client: Client, modules: Sequence[Module]) -> float:
    """Seconds from the edit to Healthy, all at once; afterwards they are disabled again."""
    seconds = enabled(site, client, modules)
    site.make({one.name: {"enabled": False} for one in modules}, seconds=SOON)
    return seconds


def one_by_one(site: Site, client: Client, modules: Sequence[Module]) -> float:
    """The same with an edit for each, made when the one before is Healthy."""
    seconds = sum(enabled(site, client, [module]) for module in modules)
    site.make({one.name: {"enabled": False} for one in modules}, seconds=SOON)
    return seconds


def enabled(site: Site, client: Client, modules: Sequence[Module]) -> float:
    """Seconds from the edit until all are Healthy."""
    started = time.monotonic()
    site.want({one.name: {"enabled": True, "settings": SETTINGS.get(one.name, {})} for one in modules})

    def healthy() -> bool:
        found = [records.read_module(client, one.name) for one in modules]
        return all(record is not None and record.phase == "Healthy" for record in found)

    until(healthy, seconds=SOON, what=f"{', '.join(one.name for one in modules)} is healthy")
    return time.monotonic() - started


def by_helm(site: Site, modules: Sequence[Module], directory: Path) -> float:
    """The same charts with the values that Slipway gave them."""
    seconds = 0.0
    for module in modules:
        values = site.release.values(module, SETTINGS.get(module.name, {}), {}, FACTS)
        for release in module.releases:
            file = directory / "values.json"
            file.write_text(json.dumps(values[release.name]), encoding="utf-8")
            chart, space = chart_of(CATALOG, module, release), ("-n", release.namespace)
            flags = ("--create-namespace", "--values", str(file), "--wait", "--timeout", f"{SOON}s")
            started = time.monotonic()
            helm(site.api, "upgrade", "--install", release.name, str(chart), *space, *flags)
            seconds += time.monotonic() - started
    for release in reversed([one for module in modules for one in module.releases]):
        helm(site.api, "uninstall", release.name, "-n", release.namespace, "--wait")
    return seconds


def helm(api: ApiServer, *words: str) -> None:
    """Helm itself."""
    env = {**os.environ, "KUBECONFIG": str(api.kubeconfig)}
    subprocess.run([str(binary("helm")), *words], check=True, env=env, stdout=subprocess.DEVNULL)


def forget(api: ApiServer, before: set[Thing]) -> None:
    """What a removal keeps goes too: definitions and namespaces."""
    for one in things_of(api) - before:
        if one.kind in {CRDS, "namespaces"}:
            api.request("DELETE", f"{DEFINITIONS if one.kind == CRDS else '/api/v1/namespaces'}/{one.name}")
    gone = lambda: not {one for one in things_of(api) - before if one.kind in {CRDS, "namespaces"}}  # noqa: E731
    until(gone, seconds=SOON, what="nothing of it is left")


if __name__ == "__main__":
    main()

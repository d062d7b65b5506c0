"""One upstream's module at a real API server with fake kubelets: enabled to Healthy, beside Helm alone.

    SLIPWAY_TREES_DIR=... .venv/bin/python scripts/bench_chart.py [--module kube-prometheus-stack] [--rounds 3]

In turn, on one cluster: an operator at work gets the module into its ClusterConfiguration, until its record says
Healthy; then `helm upgrade --install --wait` of the same chart with the same values. Before each of them the cluster
has nothing of it, definitions (CRDs) neither. Prints JSON: seconds of each, medians, and how often Helm's time it took.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
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

DEFINITIONS = f"/apis/apiextensions.k8s.io/v1/{CRDS}"
SOON = 900


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--module", default="kube-prometheus-stack")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    module = CATALOG.named(given.module)
    seconds: dict[str, list[float]] = {"slipway": [], "helm": []}
    with (
        tempfile.TemporaryDirectory() as work,
        ApiServer(Path(work) / "api", controllers=True, kwok=True) as api,
        connect(api.kubeconfig) as client,
        repeated(Statuses(api, client, [module.name], CATALOG.expectations.kinds).look),
        site_of(Path(work), api, CATALOG.of(AT_HAND)) as site,
        Running(site.runtime()),
    ):
        site.make({module.name: {"enabled": False}}, seconds=SOON)
        before = things_of(api)
        for _ in range(given.rounds):
            seconds["slipway"].append(by_slipway(site, client, module))
            forget(api, before)
            seconds["helm"].append(by_helm(site, module, Path(work)))
            forget(api, before)
    medians = {name: statistics.median(found) for name, found in seconds.items()}
    ratio = medians["slipway"] / medians["helm"]
    print(
        json.dumps({"module": module.name, "seconds": seconds, "medians": medians, "ratio": round(ratio, 3)})
    )


def by_slipway(site: Site, client: Client, module: Module) -> float:
    """Seconds from the edit to Healthy; afterwards it is disabled again."""
    started = time.monotonic()
    site.want({module.name: {"enabled": True, "settings": SETTINGS.get(module.name, {})}})

    def healthy() -> bool:
        record = records.read_module(client, module.name)
        return record is not None and record.phase == "Healthy"

    until(healthy, seconds=SOON, what=f"{module.name} is healthy")
    seconds = time.monotonic() - started
    site.make({module.name: {"enabled": False}}, seconds=SOON)
    return seconds


def by_helm(site: Site, module: Module, directory: Path) -> float:
    """The same charts with the values that Slipway gave them."""
    values = site.release.values(module, SETTINGS.get(module.name, {}), {}, FACTS)
    seconds = 0.0
    for release in module.releases:
        file = directory / "values.json"
        file.write_text(json.dumps(values[release.name]), encoding="utf-8")
        chart, space = chart_of(CATALOG, module, release), ("-n", release.namespace)
        flags = ("--create-namespace", "--values", str(file), "--wait", "--timeout", f"{SOON}s")
        started = time.monotonic()
        helm(site.api, "upgrade", "--install", release.name, str(chart), *space, *flags)
        seconds += time.monotonic() - started
    for release in reversed(module.releases):
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

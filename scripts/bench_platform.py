"""A module on lab nodes: enabled to Healthy by the command line, beside Helm alone with the same chart and values.

    SLIPWAY_TREES_DIR=... .venv/bin/python scripts/bench_platform.py [--module kube-prometheus-stack] [--rounds 2]

In turn, on one cluster whose registry has all images: `slipway apply` after the edit; then, when all of it is gone,
definitions (CRDs) too, `helm upgrade --install --wait`. A first round of Slipway's, which brings images to the nodes,
is not counted. Prints JSON: seconds of each, medians, and how often Helm's time it took.
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

sys.path.insert(0, str(Path(__file__).parents[1]))  # what boots nodes and makes bundles is of the tests

from slipway import catalog as catalogs
from slipway.catalog.modules import Module, Release
from tests.binaries import binary
from tests.charts import chart_of
from tests.lab4.conftest import SUBNET
from tests.lab4.platforms import CORE, NODES, PATIENCE, Platform, bundle_of, platform_of
from tests.labs import lab_nodes

CATALOG = catalogs.load()
MONITORING = "kube-prometheus-stack"
#: Its operator makes this Service again while Helm deletes the rest; without it Helm refuses the next installation.
LEFT = ("-n", "kube-system", "delete", "service", f"{MONITORING}-kubelet", "--ignore-not-found")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--module", default=MONITORING)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    module = CATALOG.named(given.module)
    seconds: dict[str, list[float]] = {"slipway": [], "helm": []}
    bundle = bundle_of({*CORE, module.name})
    with (
        tempfile.TemporaryDirectory() as work,
        lab_nodes("bench", SUBNET, len(NODES), "debian-12", NODES) as lab,
    ):
        platform = platform_of(Path(work), lab, bundle)
        before = definitions(platform)
        for count in range(given.rounds + 1):
            took, values = by_slipway(platform, module)
            forget(platform, before)
            if count:
                seconds["slipway"].append(took)
                seconds["helm"].append(by_helm(platform, module, values, Path(work)))
                forget(platform, before)
    medians = {name: round(statistics.median(found), 1) for name, found in seconds.items()}
    ratio = round(medians["slipway"] / medians["helm"], 2)
    print(json.dumps({"module": module.name, "seconds": seconds, "medians": medians, "ratio": ratio}))


def by_slipway(platform: Platform, module: Module) -> tuple[float, dict[str, str]]:
    """Seconds of the whole command; and the values of each release. Afterwards it is disabled again."""
    before = platform.site.edit({"spec": {"modules": {module.name: {"enabled": True}}}})
    started = time.monotonic()
    platform.site.slipway("apply", "--yes", timeout=PATIENCE)
    took = round(time.monotonic() - started, 1)
    assert platform.records()[module.name]["phase"] == "Healthy"
    values = {one.name: helm(platform, "get", "values", "-o", "json", *of(one)) for one in module.releases}
    platform.site.write(before)
    platform.site.slipway("apply", "--yes", timeout=PATIENCE)
    return took, values


def by_helm(platform: Platform, module: Module, values: dict[str, str], directory: Path) -> float:
    """Seconds of all releases, one after another."""
    took = 0.0
    for release in module.releases:
        file = directory / "values.json"
        file.write_text(values[release.name], encoding="utf-8")
        for words in (["create", "namespace", release.namespace], *labels(release)):
            platform.kubectl(*words, check=False)
        chart = str(chart_of(CATALOG, module, release))
        flags = ("--values", str(file), "--wait", "--timeout", f"{PATIENCE:.0f}s")
        started = time.monotonic()
        helm(platform, "upgrade", "--install", *of(release), chart, *flags)
        took += time.monotonic() - started
    for release in reversed(module.releases):
        helm(platform, "uninstall", *of(release), "--wait")
    if module.name == MONITORING:
        platform.kubectl(*LEFT)
    return round(took, 1)


def of(release: Release) -> tuple[str, ...]:
    return (release.name, "--namespace", release.namespace)


def labels(release: Release) -> list[list[str]]:
    """What a person does by hand before."""
    return [
        ["label", "namespace", release.namespace, f"{name}={value}"] for name, value in release.labels.items()
    ]


def helm(platform: Platform, *words: str) -> str:
    """Helm itself; what it says."""
    env = {**os.environ, "KUBECONFIG": str(platform.site.kubeconfig)}
    done = subprocess.run([str(binary("helm")), *words], check=True, env=env, text=True, capture_output=True)
    return done.stdout


def definitions(platform: Platform) -> set[str]:
    return {one["metadata"]["name"] for one in platform.kubectl_json("get", "crd")["items"]}


def forget(platform: Platform, before: set[str]) -> None:
    """What a removal keeps goes too."""
    if new := sorted(definitions(platform) - before):
        platform.kubectl("delete", "crd", *new, timeout=PATIENCE)


if __name__ == "__main__":
    main()

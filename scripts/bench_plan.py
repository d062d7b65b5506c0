"""Seconds of planning alone, on data: modules of the bench's own in a directory, hosts that nobody has to reach.

Every module requires one before it, every third uses what another provides, and every second asks for it.
`python scripts/bench_plan.py` prints a table; `make bench` has the figures with the others.
"""

import tempfile
import time
from pathlib import Path

from bench_site import Figure, say

from slipway import catalog
from slipway.api import read
from slipway.bundle.form import manifest as manifests
from slipway.catalog import Catalog
from slipway.catalog.folder.skeleton import write_skeleton
from slipway.digests import digest_of
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest, chart_name
from slipway.model.configuration import Configuration
from slipway.model.observed import HostFacts, HostObserved, Observed, Scope
from slipway.model.plan import Plan
from slipway.planning.plan import make_plan
from slipway.settings import API_VERSION, NAMESPACE, data_dir

SIZES = ((50, 3), (100, 3), (200, 3), (100, 250), (100, 1000))
REPEAT = 3


def planning() -> dict[str, Figure]:
    """By `plan_MODULES_HOSTS`; and what reading so many modules takes."""
    figures: dict[str, Figure] = {}
    for modules, hosts in SIZES:
        say(f"planning {modules} modules on {hosts} hosts")
        with tempfile.TemporaryDirectory(prefix="bench-plan-") as directory:
            _write(Path(directory), modules)
            started = time.perf_counter()
            release = catalog.load([data_dir() / "modules", Path(directory)])
            loaded = time.perf_counter() - started
        document = _document(modules, hosts)
        bundle = _bundle(release)
        seconds = [_timed(document, release, bundle) for _ in range(REPEAT)]
        figures[f"plan_{modules}_{hosts}"] = Figure(tuple(seconds))
        figures[f"load_{modules}"] = Figure((loaded,))
    return figures


def _timed(document: dict[str, object], release: Catalog, bundle: BundleManifest) -> float:
    """Seconds from a parsed document to its findings and its plan."""
    configuration = read.parse(document)
    observed = _observed(configuration)
    started = time.perf_counter()
    findings = release.check(configuration)
    plan: Plan = make_plan(configuration, release, bundle, observed, document)
    seconds = time.perf_counter() - started
    planned = sum(step.kind == "module" for step in plan.steps)
    if findings or planned < len(configuration.spec.modules):
        raise SystemExit(f"bench: {len(findings)} findings, {planned} modules are planned")
    return seconds


def _name(number: int) -> str:
    return f"bench-{number:03}"


def _write(root: Path, count: int) -> None:
    for number in range(count):
        name = _name(number)
        write_skeleton(root, name)
        path = root / name / "module.yaml"
        needs = f"requires: [cni, {_name(number // 2)}]" if number // 2 != number else "requires: [cni]"
        more = f"\nprovides: [capability-{number:03}]"
        if number % 3 == 2:
            more += f"\nuses: [capability-{number - 1:03}]"
        path.write_text(path.read_text().replace("requires: [cni]", needs + more))
        if number % 6 == 2:
            values = root / name / "values.yaml.j2"
            values.write_text(f"{values.read_text()}monitor: {{{{ has('capability-{number - 1:03}') }}}}\n")


def _document(modules: int, hosts: int) -> dict[str, object]:
    items = [
        {
            "name": f"host-{number:04}",
            "address": f"10.{number // 250}.{number % 250}.10",
            "roles": ["control-plane" if number == 0 else "worker"],
        }
        for number in range(hosts)
    ]
    endpoint = {"address": "api.bench.internal", "port": 6443}
    network = {"podCIDR": "10.128.0.0/9", "serviceCIDR": "172.16.0.0/16"}
    return {
        "apiVersion": API_VERSION,
        "kind": "ClusterConfiguration",
        "metadata": {"name": "bench", "namespace": NAMESPACE},
        "spec": {
            "kubernetes": {"version": "v1.35.4", "endpoint": endpoint, "network": network},
            "hosts": {"items": items},
            "modules": {
                _name(number): {"enabled": True, "settings": {"replicas": 2}} for number in range(modules)
            },
        },
    }


def _bundle(release: Catalog) -> BundleManifest:
    """What is pinned, each by the digest of its name."""
    kubernetes = release.versions.release("v1.35.4")
    images = {*kubernetes.images, *(image for module in release.modules.values() for image in module.images)}
    named = [
        *((ArtifactKind.IMAGE, *image.rsplit(":", 1)) for image in sorted(images)),
        *((ArtifactKind.BINARY, name, version) for name, version in kubernetes.binaries.items()),
        *((ArtifactKind.PACKAGES, system.name, "1") for system in release.versions.packages.systems),
    ]
    charts = {(module.name, one.chart) for module in release.modules.values() for one in module.releases}
    artifacts = [_artifact(kind, name, version) for kind, name, version in named]
    artifacts += [
        _artifact(ArtifactKind.CHART, chart_name(module, chart), "1") for module, chart in sorted(charts)
    ]
    return manifests.manifest_of(name="bench", catalog=release.core, slipway="0", artifacts=artifacts)


def _artifact(kind: ArtifactKind, name: str, version: str) -> Artifact:
    return Artifact(kind, name, version, digest_of(f"{kind} {name}"), 1 << 20, path=f"{kind}/{name}")


def _observed(configuration: Configuration) -> Observed:
    hosts = {
        host.name: HostObserved(
            host.name,
            facts=HostFacts(
                os_id="debian",
                os_version="12",
                architecture="x86_64",
                cpus=8,
                memory=32768,
                disk_free={"/var/lib": 100_000},
                addresses=(host.address,),
            ),
        )
        for host in configuration.hosts
    }
    return Observed(Scope.FULL, "2026-01-01T00:00:00+00:00", site="5170000000000000", hosts=hosts)


if __name__ == "__main__":
    for name, figure in planning().items():
        print(f"{name:16} {figure.as_dict()}")

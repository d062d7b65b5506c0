"""The figures of docs/performance-bundles.md: `make bench-bundle`, some fifteen minutes, and 15 GB of disk.

A real registry on this machine, as a site has it: TLS, a password, its data on the same disk. Each tool pushes the same
hundred images into an empty one of its own, in turn. Nothing here asserts a time.
"""

import argparse
import base64
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bench_material
from bench import machine

from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.contents import contents
from slipway.bundle.form.writer import Writer
from slipway.bundle.ground.archive import file_digest
from slipway.bundle.locks.images import Locked
from slipway.bundle.make.pulling import pull
from slipway.bundle.registry.upstream import Upstreams
from slipway.bundle.site.inventory import inventory_of
from slipway.bundle.verify.info import carried_bytes
from slipway.model.bundle import BundleManifest
from slipway.settings import cache_dir
from tests.registries import Registry, running_registry

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "performance-bundles.md"
GB = 1e9

PUSH = """
import json, resource, sys
from pathlib import Path
from slipway.bundle.site.push import push
from slipway.bundle.registry.client import RegistryClient
url, ca, password, bundle = sys.argv[1:]
receipt = push(Path(bundle), RegistryClient(url, Path(ca), "push", password, address="127.0.0.1"))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"images": receipt.images_copied, "bytes": receipt.bytes, "peak": peak}))
"""

#: What the registry and the disk can do at all: every blob once, in parallel, by a program in C that checks nothing.
RAW = r"""
set -euo pipefail
one() {
  where=$(curl -sS --fail --cacert "$CA" -K "$ACCOUNT" -X POST -o /dev/null \
          -w '%header{location}' "$URL/v2/raw/blobs/uploads/")
  curl -sS --fail --cacert "$CA" -K "$ACCOUNT" -T "$1" -o /dev/null \
       -H 'Content-Type: application/octet-stream' "$where&digest=sha256:$(basename "$1")"
}
export -f one
find "$BLOBS" -type f | xargs -P 8 -I{} bash -c 'one {}'
"""


def say(text: str) -> None:
    """What is measured now."""
    print(f"== {text}", flush=True)


@contextmanager
def registry(folder: Path) -> Iterator[Registry]:
    """An empty one, whose data go with it."""
    place = Path(tempfile.mkdtemp(dir=folder))
    try:
        with running_registry(place / "registry", place / "data", name="localhost") as running:
            yield running
    finally:
        shutil.rmtree(place)


def timed(work: Callable[[], Any]) -> float:
    """Seconds, after what was written before is on the disk."""
    os.sync()
    started = time.monotonic()
    work()
    return time.monotonic() - started


def by_slipway(running: Registry, bundle: Path) -> dict[str, Any]:
    """One push in a process of its own."""
    said: list[str] = []
    arguments = [sys.executable, "-c", PUSH, running.url, str(running.ca), running.password, str(bundle)]
    seconds = timed(lambda: said.append(subprocess.check_output(arguments, text=True)))
    return json.loads(said[0]) | {"seconds": seconds}


def by_skopeo(running: Registry, bundle: Path, folder: Path) -> float:
    """`skopeo copy` in a loop, one image after the other, as scripts do it."""
    host = running.url.removeprefix("https://")
    auth = base64.b64encode(f"{running.username}:{running.password}".encode()).decode()
    (folder / "auth.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    certificates = folder / "certs"
    certificates.mkdir(exist_ok=True)
    shutil.copy(running.ca, certificates / "ca.crt")
    fixed = ["--authfile", str(folder / "auth.json"), "--dest-cert-dir", str(certificates), "-q"]

    def loop() -> None:
        for artifact in manifests.read(bundle).artifacts:
            source = f"oci:{bundle}/images:{artifact.reference}"
            target = f"docker://{host}/{artifact.reference}"
            subprocess.run(["skopeo", "--insecure-policy", "copy", *fixed, source, target], check=True)

    return timed(loop)


def raw(running: Registry, bundle: Path, folder: Path) -> float:
    """What the registry can take at all."""
    account = folder / "account"
    account.write_text(f'user = "{running.username}:{running.password}"\n')
    account.chmod(0o600)
    environment = os.environ | {
        "CA": str(running.ca),
        "ACCOUNT": str(account),
        "URL": running.url,
        "BLOBS": str(bundle / "images" / "blobs" / "sha256"),
    }
    return timed(lambda: subprocess.run(["bash", "-c", RAW], env=environment, check=True))


def _said(command: list[str], given: str = "") -> str:
    return subprocess.run(command, input=given, stdout=subprocess.PIPE, text=True, check=True).stdout


def verifying(bundle: Path) -> dict[str, float]:
    """Our check of every byte against sha256sum on as many cores; bytes are in memory for both."""
    files = [bundle / item.path for item in contents(bundle, manifests.read(bundle))]
    for path in files:
        file_digest(path)
    ours: list[float] = []
    theirs: list[float] = []
    peaks: list[float] = []
    names = "\0".join(map(str, files))
    sums = ["xargs", "-0", "-n", "8", "-P", str(os.cpu_count()), "sha256sum"]
    for _ in range(3):
        ours.append(timed(lambda: peaks.append(float(_said([sys.executable, "-c", VERIFY, str(bundle)])))))
        theirs.append(timed(lambda: _said(sums, names)))
    size = sum(path.stat().st_size for path in files) / GB
    return {"ours": size / sorted(ours)[1], "theirs": size / sorted(theirs)[1], "peak": max(peaks)}


VERIFY = """
import resource, sys
from pathlib import Path
from slipway.bundle.verify.checks import damaged_files
assert not damaged_files(Path(sys.argv[1]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def measure(folder: Path, rounds: int) -> dict[str, Any]:
    """Everything."""
    bundle, changed = bench_material.PLACE / "bundle", bench_material.PLACE / "changed"
    say("a hundred images of Debian packages")
    whole = bench_material.bundle(bundle)
    report: dict[str, Any] = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": machine(),
        "images": len(whole.artifacts),
        "bytes": carried_bytes(bundle, whole),
        "slipway": [],
        "skopeo": [],
        "raw": [],
    }
    say("verify")
    report["verify"] = verifying(bundle)
    for number in range(rounds):
        say(f"push, round {number + 1} of {rounds}")
        with registry(folder) as running:
            report["raw"].append(raw(running, bundle, folder))
        with registry(folder) as running:
            report["slipway"].append(by_slipway(running, bundle))
            if number == rounds - 1:
                report |= again(running, bundle, changed, whole)
        with registry(folder) as running:
            report["skopeo"].append(by_skopeo(running, bundle, folder))
    report["loop_peak"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return report


def again(running: Registry, bundle: Path, changed: Path, whole: Any) -> dict[str, Any]:
    """Nothing to do; then a bundle of which one image has changed, and that as a delta."""
    say("again, and with one image changed")
    found: dict[str, Any] = {"again": [by_slipway(running, bundle) for _ in range(3)]}
    inventory = inventory_of(running.client(), whole)
    new = bench_material.bundle(changed, changed="chromium")
    found["delta"] = carried_bytes(changed, new) - sum(
        (changed / item.path).stat().st_size
        for item in contents(changed, new)
        if item.digest in inventory.blobs
    )
    found["changed"] = by_slipway(running, changed)
    shutil.rmtree(changed)
    say("pull 25, 50 and 100 images")
    found["pull"] = {count: pulling(running, whole, count, bundle.parent) for count in (25, 50, 100)}
    return found


def pulling(running: Registry, whole: BundleManifest, count: int, folder: Path) -> dict[str, float]:
    """Build a bundle of so many images from a registry: every fourth, every second, all."""
    account = {running.url.removeprefix("https://"): (running.username, running.password)}
    upstreams = Upstreams({"bench.test": f"{running.url}/bench.test"}, running.ca, account)
    chosen = whole.artifacts[:: len(whole.artifacts) // count]
    wanted = [Locked(a.reference, a.platform, a.digest, a.digest, running.url, "today") for a in chosen]
    out = folder / "pulled"
    seconds = timed(lambda: pull(wanted, upstreams, Writer(out), lambda _tally: None))
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    shutil.rmtree(out)
    return {"seconds": seconds, "bytes": size}


def page(report: dict[str, Any]) -> str:
    """docs/performance-bundles.md."""

    def least(values: list[float]) -> str:
        return f"{sorted(values)[len(values) // 2]:.1f} s ({min(values):.1f}-{max(values):.1f})"

    def middle(values: list[float]) -> float:
        return sorted(values)[len(values) // 2]

    ours = [item["seconds"] for item in report["slipway"]]
    idle = [item["seconds"] for item in report["again"]]
    check, place = report["verify"], report["machine"]
    size = report["bytes"] / GB
    rows = [
        ("push into an empty registry", "", f"{least(ours)}, {size / middle(ours):.2f} GB/s"),
        (
            "`skopeo copy` in a loop",
            ">= 3x",
            f"{least(report['skopeo'])}, {middle(report['skopeo']) / middle(ours):.1f}x",
        ),
        (
            "every blob once by eight `curl` at a time, a process and a handshake each",
            ">= 0.7",
            f"{least(report['raw'])}, {middle(report['raw']) / middle(ours):.2f}",
        ),
        ("push again, nothing to do, start of the interpreter included", "< 1 s", f"{middle(idle):.2f} s"),
        (
            "push after one image changed",
            "",
            f"{report['changed']['seconds']:.2f} s, {report['changed']['bytes'] / 1000:.0f} kB",
        ),
        ("delta of that change, of the whole", "", f"{report['delta'] / report['bytes']:.2e}"),
        *(_pulled(count, each) for count, each in report.get("pull", {}).items()),
        (
            "memory of a push, at its peak",
            "< 200 MiB",
            f"{max(i['peak'] for i in report['slipway']):.0f} MiB",
        ),
        (
            "verify, against `sha256sum` on as many cores",
            ">= 0.9x",
            f"{check['ours']:.2f} GB/s, {check['ours'] / check['theirs']:.2f}x",
        ),
        ("memory of verify", "< 200 MiB", f"{check['peak']:.0f} MiB"),
    ]
    machine_text = (
        f"{place['cores']} cores ({place['cpu']}), {place['memory_gib']} GiB, Linux {place['kernel']}, Python "
        f"{place['python']}"
    )
    lines = [
        "# Performance of bundles",
        "",
        f"Rendered from a run of `make bench-bundle` on {report['date']}; do not edit. Goals stand beside the",
        "figures; nothing fails when one is missed.",
        "",
        f"**Material**: {report['images']} images of Debian packages, {size:.1f} GB where shared layers count once;",
        "45 are large, the others add a thin layer to a base and a runtime.",
        "",
        f"**Machine**: {machine_text}; load {place['load_before']:.1f} before the run.",
        "Registry, disk and whoever pushes share it, so TLS and digests are computed twice on the same cores.",
        "",
        "| Figure | Goal | Measured |",
        "| --- | --- | --- |",
        *(f"| {name} | {goal} | {value} |" for name, goal, value in rows),
        "",
        "Figures are medians, with the least and the greatest of all repetitions.",
        "",
    ]
    return "\n".join(lines)


def _pulled(count: int, each: dict[str, float]) -> tuple[str, str, str]:
    size = each["bytes"] / GB
    rate = f"{each['seconds']:.1f} s for {size:.1f} GB, {size / each['seconds']:.2f} GB/s"
    return f"bundle of {count} images from a registry", "linear", rate


def main() -> None:
    """Measure, print, and write the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="keep the images, 12 GB, for the next run")
    parser.add_argument("--write", action="store_true", help="render docs/performance-bundles.md")
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(dir=cache_dir()) as folder:
            report = measure(Path(folder), options.rounds)
    finally:
        if not options.keep:
            bench_material.remove()
    out = ROOT / ".slipway" / "bench"
    out.mkdir(parents=True, exist_ok=True)
    (out / "bundles.json").write_text(json.dumps(report, indent=1))
    text = page(report)
    print(text)
    if options.write:
        PAGE.write_text(text)


if __name__ == "__main__":
    main()

"""The figures of docs/performance.md: `make bench`, some ten minutes. Nothing here asserts a time.

Measures on a lab of its own, which it takes down whatever happens. Prints a table, writes `.slipway/bench/report.json`;
`--write` renders docs/performance.md from it (bench_page.py).
"""

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bench_hosts
import bench_install
import bench_page
import bench_plan
from bench_site import SLIPWAY, Figure, Site, say, timed, until

from slipway.model.bundle import ArtifactKind, chart_name
from slipway.settings import NAMESPACE

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / ".slipway" / "bench"
MODULE = "welcome"
STARTS = 10

#: Runs on a node: MiB of the operator's process, and of the run that it keeps started (pages shared are counted once).
MEMORY = """
import glob, json, re
found = {}
for path in glob.glob("/proc/[0-9]*/cmdline"):
    try:
        words = open(path, "rb").read().split(b"\\0")
        status = open(path.replace("cmdline", "status")).read()
        share = open(path.replace("cmdline", "smaps_rollup")).read()
    except OSError:
        continue
    if any(w.endswith(b"slipway") for w in words[:2]) and words[2:4] == [b"operator", b"run"]:
        found |= {k: int(re.search(k + r":\\s+(\\d+)", status)[1]) / 1024 for k in ("VmRSS", "VmHWM")}
    elif words[1:2] == [b"-m"] and words[2].startswith(b"slipway.runner."):
        found["standby"] = found.get("standby", 0) + int(re.search(r"Pss:\\s+(\\d+)", share)[1]) / 1024
if "VmRSS" in found:
    print(json.dumps(found))
"""


def starts() -> dict[str, Figure]:
    """The command line, and beside it an interpreter that does nothing."""
    say("command line start")
    version: list[float] = []
    nothing: list[float] = []
    for _ in range(STARTS):
        version.append(timed(lambda: subprocess.run([SLIPWAY, "version"], check=True, capture_output=True)))
        nothing.append(timed(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True)))
    return {"cli_start": Figure(tuple(version)), "python_start": Figure(tuple(nothing))}


def no_op(site: Site, *flags: str) -> Figure:
    """`slipway apply` where nothing is to be done."""
    say(" ".join(["apply, nothing to do", *flags]))
    answers: list[str] = []
    seconds = [
        timed(lambda: answers.append(site.slipway("apply", "-o", "json", *flags))) for _ in range(STARTS)
    ]
    counts = [json.loads(answer)["counts"] for answer in answers]
    if any(count["planned"] for count in counts):
        raise SystemExit(f"bench: there was something to do: {counts}")
    return Figure(tuple(seconds))


def modules(site: Site, repeat: int) -> dict[str, Figure]:
    """One module on and off: by the command line, by kubectl and the operator, and by Helm alone."""
    say(f"module {MODULE}, {repeat} times each")
    cli: list[float] = []
    for number in range(repeat + 1):  # the first only pulls the image
        seconds = timed(lambda: site.slipway("module", "enable", MODULE))
        cli += [seconds] if number else []
        values = site.helm("get", "values", MODULE, "-n", MODULE, "-o", "json")
        site.slipway("module", "disable", MODULE, "--yes")
    path = site.directory / "values.json"
    path.write_text(values, encoding="utf-8")
    found: dict[str, list[float]] = {
        "cli": cli,
        "helm": [],
        "operator": [],
        "react": [],
        "write": [],
        "object": [],
        "off": [],
    }
    for _ in range(repeat):
        found["helm"].append(_by_helm(site, path))
        for name, seconds in _by_operator(site).items():
            found[name].append(seconds)
    return {f"module_{name}": Figure(tuple(values)) for name, values in found.items()}


def _by_helm(site: Site, values: Path) -> float:
    chart = site.path(ArtifactKind.CHART, chart_name(MODULE, MODULE))
    flags = ("-n", MODULE, "--create-namespace", "--values", str(values), "--wait", "--timeout", "5m")
    seconds = timed(lambda: site.helm("upgrade", "--install", MODULE, str(chart), *flags))
    site.helm("uninstall", MODULE, "-n", MODULE, "--wait")
    site.kubectl("delete", "namespace", MODULE)
    return seconds


def _by_operator(site: Site) -> dict[str, float]:
    """Seconds from the start of `kubectl patch` to what follows it, and those to be gone again."""
    with ExitStack() as stack:
        records = stack.enter_context(
            site.watch("configmaps", "{.metadata.name} {.data.record}", "-n", NAMESPACE)
        )
        spaces = stack.enter_context(site.watch("namespaces", "{.metadata.name}"))
        operations = stack.enter_context(site.watch("operations", "{.metadata.name}", "-n", NAMESPACE))
        time.sleep(2)  # the watches stand
        started = time.monotonic()
        _patch(site, on=True)
        healthy = until(f"{MODULE} to be healthy", lambda: records.first(started, _is_healthy), 0.02)
    _settled(site)
    moments = {
        "operator": healthy,
        "react": operations.first(started, bool),
        "write": records.first(started, lambda line: line.startswith(f"slipway-module-{MODULE} ")),
        "object": spaces.first(started, lambda line: line == MODULE),
    }
    off = time.monotonic()
    _patch(site, on=False)
    until(f"{MODULE} to be gone", lambda: not _record(site), 0.05)
    seconds = {name: moment - started for name, moment in moments.items() if moment is not None}
    seconds["off"] = time.monotonic() - off
    _settled(site)
    return seconds


def _is_healthy(line: str) -> bool:
    name, _, record = line.partition(" ")
    return name == f"slipway-module-{MODULE}" and bool(record) and json.loads(record)["phase"] == "Healthy"


def _patch(site: Site, *, on: bool) -> None:
    patch = json.dumps({"spec": {"modules": {MODULE: {"enabled": on}}}})
    site.kubectl("-n", NAMESPACE, "patch", "clusterconfiguration", "bench", "--type", "merge", "-p", patch)


def _record(site: Site) -> str:
    name = f"slipway-module-{MODULE}"
    return site.kubectl("-n", NAMESPACE, "get", "configmap", name, "--ignore-not-found", "-o", "name")


def _settled(site: Site) -> None:
    """Until the operator has nothing in its hands."""

    def idle() -> bool:
        live = json.loads(site.kubectl("-n", NAMESPACE, "get", "clusterconfiguration", "bench", "-o", "json"))
        status = live.get("status", {})
        seen = status.get("observedGeneration") == live["metadata"]["generation"]
        return seen and any(
            c["type"] == "Reconciling" and c["status"] == "False" for c in status.get("conditions", ())
        )

    until("the operator to be done", idle, 0.3)


def memory(site: Site) -> dict[str, Figure]:
    """The operator's process, on whichever node it runs."""
    said = [site.lab.ssh(node.name, ["python3", "-c", MEMORY]).stdout for node in site.lab.nodes]
    found = [json.loads(line) for text in said for line in text.splitlines()]
    return {
        "operator_rss": Figure(tuple(item["VmRSS"] for item in found), "MiB"),
        "operator_peak": Figure(tuple(item["VmHWM"] for item in found), "MiB"),
        "operator_standby": Figure(tuple(item.get("standby", 0) for item in found), "MiB"),
    }


def machine() -> dict[str, Any]:
    """What it was measured on."""
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cores": os.cpu_count(),
        "cpu": model[0].partition(":")[2].strip() if model else platform.machine(),
        "memory_gib": round(pages / 2**30),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
    }


def measure(pairs: int, repeat: int) -> dict[str, Any]:
    """Everything."""
    report: dict[str, Any] = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "command": " ".join(["make bench" if len(sys.argv) == 1 else "scripts/bench.py", *sys.argv[1:]]),
        "machine": machine(),
        "repeat": repeat,
    }
    figures = starts() | bench_plan.planning()
    with Site(OUT / "site").up() as site:
        installs = bench_install.Installs(site)
        for _ in range(pairs):
            installs.slipway()
            if "no_op" not in figures:
                figures["no_op"] = no_op(site)
                figures["no_op_refresh"] = no_op(site, "--refresh")
                figures |= modules(site, repeat)
                figures |= memory(site)
            installs.plain()
        report["install"] = installs.report()
        by_hand = bench_hosts.ByHand(site)
        by_hand.measure(repeat)
        figures |= {
            "hosts_by_hand": Figure(tuple(by_hand.cold)),
            "hosts_by_hand_again": Figure(tuple(by_hand.again)),
        }
        figures |= bench_hosts.probes(site, repeat)
    report["figures"] = {name: figure.as_dict() for name, figure in figures.items()}
    demo, tests = ROOT / ".slipway" / "demo" / "report.json", ROOT / ".slipway" / "tests.json"
    report["demo"] = json.loads(demo.read_text())["seconds"] if demo.exists() else {}
    report["tests"] = json.loads(tests.read_text()) if tests.exists() else {}
    return report


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=1, help="installs of each kind")
    parser.add_argument("--repeat", type=int, default=5, help="times that a module is switched, of each kind")
    parser.add_argument("--write", action="store_true", help="render docs/performance.md")
    parser.add_argument("--page-only", action="store_true", help="render it from the report that is there")
    chosen = parser.parse_args()
    path = OUT / "report.json"
    if chosen.page_only:
        report = json.loads(path.read_text(encoding="utf-8"))
    else:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the lab goes then too
        report = measure(chosen.pairs, chosen.repeat)
        path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        shutil.copy(OUT / "site" / "commands.log", OUT / "commands.log")
        shutil.rmtree(OUT / "site")
    print(bench_page.table(report))
    print(f"\nreport: {path}")
    if chosen.write or chosen.page_only:
        page = ROOT / "docs" / "performance.md"
        page.write_text(bench_page.page(report), encoding="utf-8")
        print(f"page: {page}")


if __name__ == "__main__":
    main()

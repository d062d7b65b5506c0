"""Renders what bench.py measured: a table for the terminal, docs/performance.md."""

from collections.abc import Iterator
from typing import Any

Report = dict[str, Any]

PAGE = """\
# Performance

Rendered from a run of `{command}` on {date}; do not edit. Goals stand beside the figures; nothing fails when one
is missed.

**Machine**: {cores} cores ({cpu}), {memory_gib} GiB, Linux {kernel}, Python {python}; load {load_before:.1f}
before the run. The three nodes (one control plane, two workers), the site registry and the one who measures share
it, so an installation is bound by its two or so cores: on real servers, where every node has its own, both sides
are faster.

{figures}

Figures are medians, with the least and the greatest of all repetitions.

## Installation, phase by phase

Seconds since the start of the command, from {pairs} install(s) of each kind in turn, on nodes wiped and booted
anew.

{phases}

Roles of the hosts in the same install: all hosts side by side on the same cores.

{roles}

{ratios}

## First run, and tests

On a machine with an empty cache `make demo` took 1599 s on 2026-11-24 (two cores): 1375 s for the bundle, in which
everything is compiled, 66 s for the nodes' first file system, 43 s for set-up.

{tests}

## How it was measured

* **Command line start**: `slipway version` beside an interpreter that does nothing, {starts} times in turn.
* **Nothing to do**: wall time of `slipway apply -o json` with flannel, metrics-server, local-path-provisioner and
  the operator enabled and installed: the process, its imports, the probe of cluster, registry and records, the
  plan. It ran 0 Ansible runs and 0 Helm calls, or the measurement ends with an error. {starts} times.
* **Installation**: both sides begin with three nodes that have sshd and python3 and no more, and end with the
  same charts and values. *Slipway* begins with a bundle on this machine; its time has the start of the site
  registry, the push of the whole bundle, the hosts' own fetching of programs and packages, and everything else up
  to the end of `slipway install`. The *plain script* is `scripts/bench_plain.sh`: packages, containerd, `kubeadm
  init`, `kubeadm join` and Helm over SSH, side by side where possible. Before its clock starts the programs are
  in place on all nodes, the Debian packages lie beside them, and a registry on the first node holds all images;
  what that took is in the table too, and in the ratio "with the script's copying and push". It checks, records
  and locks nothing, verifies no digest, uses no TLS to the registry, and does not install the operator. "Network"
  is the moment when all three nodes are Ready and flannel's DaemonSet is complete.
* **Hosts prepared**: in the install above, from the end of the mirroring to the last host with its kubelet's
  programs: intents and records, names, packages, kernel, time, containerd, mirrors, kubelet, the bundle's programs
  verified by digest; the first images are fetched meanwhile. *By hand*: `scripts/bench_hosts.yml`, Ansible's own
  modules and default settings, on the same nodes booted anew; programs and packages come from a web server of the
  site that holds them before the clock starts, as python3-apt is installed before. Again: the same playbook, which
  changes nothing then, beside `slipway apply`, which plans from records, and `--refresh`, which reads every file.
* **Hosts read**: real SSH connections (sshd at a hundred addresses of one node, key exchange and all) by one
  process; the node answers what its own probe said the first time, since a hundred hosts have more than two cores.
  *One node read* runs the real script.
* **Planning**: from a parsed ClusterConfiguration to a plan of a fresh installation, on data, in one process
  (scripts/bench_plan.py); its modules require and use each other.
* **One module**: `{module}` (one Deployment with its Service and ConfigMap), image on the nodes already, {repeat}
  times each; Helm and operator in turn. *Helm*: `helm upgrade --install --wait` of the same chart and values.
  *Operator*: from the start of `kubectl patch clusterconfiguration` to the record that says Healthy. On the way,
  seen by watches: the Operation (planned, locked, begun), the module's record (Ansible has come to it), its
  namespace. *Command line*: wall time of `slipway module enable`, which hands the change to the operator and
  follows it.
* **Memory**: resident size of the operator's process after all of that, and its peak; beside it the processes of
  the Ansible run that it keeps started (proportional size). What else runs for an operation (Helm) comes and goes.
* **`make demo`**: seconds per stage from `.slipway/demo/report.json`, when the demo had run in this checkout.

## What is not comparable

Runs on different machines; a run while something else uses the cores; the nodes' images, which are assembled from
source and smaller or larger than the official ones; `kubeadm init` with a warm image store. `helm --wait` and
Slipway use different rules for "done" (Slipway also waits for what `--wait` does not look at, as APIServices), so
small differences are rules, not speed.
"""


#: Figures of planning alone (bench_plan.py): name, label, goal.
PLANNED = (
    ("plan_100_3", "planning 100 modules on 3 hosts", "< 1 s"),
    ("plan_200_3", "planning 200 modules on 3 hosts", ""),
    ("plan_100_250", "planning 100 modules on 250 hosts", ""),
    ("plan_100_1000", "planning 100 modules on 1000 hosts", ""),
    ("load_100", "reading 100 modules and this release", ""),
)


def rows(report: Report) -> Iterator[tuple[str, str, str]]:
    """Figure, goal, result."""
    figures, install = report["figures"], report["install"]
    ratios = install["ratios"]
    helm = figures["module_helm"]["median"]
    yield "`slipway version`", "< 0.2 s", _figure(figures["cli_start"])
    yield "`python -c pass`, for comparison", "", _figure(figures["python_start"])
    yield "`slipway apply`, nothing to do, 3 hosts, 4 modules", "< 1.5 s", _figure(figures["no_op"])
    yield "the same with `--refresh`: all hosts read, drift looked for", "", _figure(figures["no_op_refresh"])
    yield from _hosts(report)
    for name, label, goal in PLANNED:
        if name in figures:  # reports of before have none
            yield label, goal, _figure(figures[name])
    yield "`slipway install`, 3 nodes, 4 modules", "", _figure(install["slipway"]["end"])
    yield "Ready nodes and network, against the plain script", "<= 1.5x", f"{ratios['network']}x"
    yield "the same without Slipway's registry and push", "", f"{ratios['network_after_mirror']}x"
    yield "the same with the script's copying and push", "", f"{ratios['network_whole']}x"
    yield "all modules too, against the plain script", "<= 1.5x", f"{ratios['modules']}x"
    yield "the same without Slipway's registry and push", "", f"{ratios['modules_after_mirror']}x"
    yield "the same with the script's copying and push", "", f"{ratios['modules_whole']}x"
    yield "module by bare Helm", "", _figure(figures["module_helm"])
    for name, label in (("operator", "the operator"), ("cli", "the command line")):
        figure = figures[f"module_{name}"]
        yield (
            f"module by {label}, to Healthy",
            "<= 1.3x",
            f"{_figure(figure)}, {figure['median'] / helm:.2f}x",
        )
    yield "edit to the first new object, the Operation", "< 1 s", _figure(figures["module_react"])
    yield "edit to the module's own record", "", _figure(figures["module_write"])
    yield "edit to the module's first object", "", _figure(figures["module_object"])
    yield "module switched off, to gone", "", _figure(figures["module_off"])
    yield (
        "operator, resident / peak",
        "",
        (f"{figures['operator_rss']['median']:.0f} / {figures['operator_peak']['median']:.0f} MiB"),
    )
    yield "the Ansible run that it keeps started", "", f"{figures['operator_standby']['median']:.0f} MiB"
    demo = report["demo"]
    total = f"{sum(demo.values()):.0f} s" if demo else "not run in this checkout"
    yield "`make demo`, all stages", "< 360 s warm", total


def _hosts(report: Report) -> Iterator[tuple[str, str, str]]:
    figures, mine = report["figures"], report["install"]["slipway"]
    prepared = mine["prepared"]["median"] - mine["mirror"]["median"]
    cold, again = (figures[name]["median"] for name in ("hosts_by_hand", "hosts_by_hand_again"))
    yield "3 fresh hosts prepared", "", f"{prepared:.1f} s"
    yield (
        "by a playbook written by hand",
        ">= 3x",
        f"{_figure(figures['hosts_by_hand'])}, {cold / prepared:.1f}x",
    )
    yield (
        "the playbook again, nothing to do, against `slipway apply`",
        ">= 20x",
        f"{_figure(figures['hosts_by_hand_again'])}, {again / figures['no_op']['median']:.1f}x",
    )
    yield (
        "the same against `slipway apply --refresh`",
        "",
        f"{again / figures['no_op_refresh']['median']:.1f}x",
    )
    for number in (1, 10, 50, 100):
        goal = "< 5 s" if number == 100 else ""
        yield f"{number} host(s) read over SSH", goal, _figure(figures[f"probe_{number}"])
    yield "one node read, its own script", "", _figure(figures["probe_node"])


def table(report: Report) -> str:
    """For the terminal."""
    lines = [(name.replace("`", ""), goal, value) for name, goal, value in rows(report)]
    widths = [max(len(line[column]) for line in lines) for column in (0, 1)]
    return "\n".join(f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c}" for a, b, c in lines)


def page(report: Report) -> str:
    """docs/performance.md."""
    return PAGE.format(
        **report["machine"],
        command=report["command"],
        date=report["date"],
        figures=_markdown(("Figure", "Goal", "Measured"), rows(report)),
        phases=_markdown(("Phase", "Slipway", "Plain script"), _phases(report["install"])),
        roles=_markdown(("Role", "Hosts", "Tasks", "Seconds per host"), _roles(report["install"])),
        ratios=_demo(report["demo"]),
        tests=_tests(report.get("tests") or {}),
        pairs=len(report["install"]["plain"]["network"]["values"]),
        starts=len(report["figures"]["no_op"]["values"]),
        repeat=report["repeat"],
        module="welcome",
    )


def _phases(install: Report) -> Iterator[tuple[str, str, str]]:
    mine, its, before = install["slipway"], install["plain"], install["before_plain"]
    yield "(before) programs and packages copied to the nodes", "", _figure(before["copy"])
    yield "(before) images pushed into a registry", "", _figure(before["push"])
    yield "site registry runs and holds the bundle", _figure(mine["mirror"]), ""
    for phase, label in (
        ("prepared", "hosts prepared: packages, containerd, kubelet"),
        ("initialized", "`kubeadm init` done"),
        ("network", "three nodes Ready, flannel complete"),
        ("modules", "all charts healthy (Slipway: and the operator)"),
    ):
        yield label, _figure(mine[phase]), _figure(its[phase])


def _roles(install: Report) -> Iterator[tuple[str, ...]]:
    for role, found in install["roles"].items():
        yield role, str(found["hosts"]), str(found["tasks"]), _figure(found)


def _demo(demo: dict[str, float]) -> str:
    if not demo:
        return "`make demo` had not run in this checkout."
    return _markdown(("`make demo`", "s"), ((name, f"{seconds:.1f}") for name, seconds in demo.items()))


def _tests(tests: dict[str, float]) -> str:
    if not tests:
        return "`make test` had not run in this checkout."
    whole = {"all": sum(tests.values()), **tests}  # side by side they take less than their sum
    return _markdown(
        ("`make test`, warm", "s"), ((name, f"{seconds:.0f}") for name, seconds in whole.items())
    )


def _figure(figure: dict[str, Any]) -> str:
    unit, digits = figure["unit"], 2 if figure["median"] < 10 else 1
    middle, least, most = (f"{figure[name]:.{digits}f}" for name in ("median", "min", "max"))
    return f"{middle} {unit}" if len(figure["values"]) == 1 else f"{middle} {unit} ({least}-{most})"


def _markdown(head: tuple[str, ...], lines: Iterator[tuple[str, ...]]) -> str:
    rule = tuple("---" for _ in head)
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *lines))

"""Check mode says exactly what a run changes; a host that is cut off in the middle is finished by the next run.

The tests of this file build on each other, in the order written. node-1 has the registry, node-2 reboots.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.labs import lab_nodes
from tests.sites import Played, Site, bundle

ONE, TWO = "node-1", "node-2"
HOSTS = ("--tags", "hosts")
#: After these tasks node-2 reboots: it then installs packages, and places containerd's settings.
CUTS = ("node_prepare : Fetch the site's packages", "container_runtime : Fetch the programs")
FIRST: dict[str, Any] = {
    "extraHosts": [{"address": "10.0.0.3", "names": ["harbor.test.internal"]}],
    "limits": {"nofile": 20000},
    "journald": {"maxUse": "200M"},
    "directories": [{"path": "/projects/home", "mode": "0711"}],
}
SECOND: dict[str, Any] = {
    "extraHosts": [],
    "limits": {},
    "journald": {"maxUse": "300M"},
    "directories": [{"path": "/projects/home", "mode": "0755"}],
    "kubelet": {"maxPods": 50},
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with lab_nodes("kubpredict", "10.186.3.0/24", nodes=2, os=("debian-12", "debian-13")) as lab:
        found = Site(lab, tmp_path_factory.mktemp("site"), bundle())
        found.write()
        settings(found, FIRST)
        yield found


@pytest.fixture(scope="module")
def predicted(site: Site) -> dict[str, set[str]]:
    """What check mode says of the bare hosts."""
    return tasks(good(site, "--check", "--tags", "registry,hosts"))


def settings(site: Site, more: dict[str, Any]) -> None:
    """Further settings for all hosts."""
    document = yaml.safe_load(site.file.read_text())
    document["spec"]["hosts"]["defaults"] |= more
    site.file.write_text(yaml.safe_dump(document, sort_keys=False))


def good(site: Site, *options: str) -> Played:
    played = site.play("install.yml", *options)
    assert played.rc == 0, played.output[-3000:]
    return played


def tasks(*runs: Played) -> dict[str, set[str]]:
    """Host -> tasks that changed it in any of these runs."""
    found: dict[str, set[str]] = {ONE: set(), TWO: set()}
    for name, body in (pair for run in runs for pair in parts(run.output)):
        for host in re.findall(r"^changed: \[(node-\d)", body, re.MULTILINE):
            found[host].add(name)
    return found


def parts(output: str) -> list[tuple[str, str]]:
    """Pieces of what Ansible printed: a task's name, and what followed."""
    return re.findall(r"^TASK \[(.+?)\] \*+$(.*?)(?=^TASK \[|\Z)", output, re.MULTILINE | re.DOTALL)


def cut_off(site: Site, task: str) -> Played:
    """A run in which node-2 loses its power as soon as the task is over there."""
    with site.start("install.yml", *HOSTS) as process:
        assert process.stdout
        seen, name = [], ""
        for line in process.stdout:
            seen.append(line)
            found = re.match(r"TASK \[(.+?)\] \*", line)
            name = found[1] if found else name
            if name == task and re.match(rf"(ok|changed): \[{TWO}\]", line):
                site.lab.kill(TWO)
                site.lab.start(TWO)
                break
        return site.played(process, "".join(seen))


def test_the_first_run_changes_what_was_predicted_though_another_host_reboots(
    site: Site, predicted: dict[str, set[str]]
) -> None:
    registry = good(site, "--tags", "registry")
    site.push()
    cut = cut_off(site, CUTS[0])
    assert cut.rc != 0, "node-2 was cut off too late"
    assert tasks(registry, cut)[ONE] == predicted[ONE]
    assert site.play("install.yml", *HOSTS, "--check", "--limit", ONE).changed == {ONE: 0}
    again = cut_off(site, CUTS[1])
    assert again.rc != 0, "node-2 was cut off too late"
    last = good(site, *HOSTS)
    assert last.changed[ONE] == 0
    assert last.changed[TWO] > 0
    assert tasks(cut, again, last)[TWO] <= predicted[TWO]


@pytest.mark.parametrize("options", [(), ("--check",)], ids=["run", "check"])
def test_then_nothing_is_left_to_do(site: Site, options: tuple[str, ...]) -> None:
    assert good(site, *HOSTS, *options).changed == {ONE: 0, TWO: 0}


def test_other_settings_change_what_was_predicted(site: Site) -> None:
    settings(site, SECOND)
    told = tasks(good(site, *HOSTS, "--check"))
    assert tasks(good(site, *HOSTS)) == told
    assert told[ONE] == told[TWO]
    assert {name.partition(" : ")[0] for name in told[ONE]} >= {
        "node_prepare",
        "node_system",
        "node_directories",
        "kubernetes_node",
    }
    assert good(site, *HOSTS).changed == {ONE: 0, TWO: 0}

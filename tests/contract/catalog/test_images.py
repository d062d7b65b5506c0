"""`slipway catalog verify` with the real Helm: the catalog's lists are right, and each kind of fault is found."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway import catalog
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.charts import chart_path
from slipway.bundle.make.sources.chart import pack_chart
from tests import options

SLIPWAY = Path(sys.executable).with_name("slipway")
HERE = Path(__file__).parent
FAULTS = yaml.safe_load((HERE / "faults.yaml").read_text(encoding="utf-8"))
CATALOG = catalog.load()


def verify(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [SLIPWAY, "catalog", "verify", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def faults(answer: "subprocess.CompletedProcess[str]") -> list[dict[str, Any]]:
    assert answer.stdout, answer.stderr
    return [fault for module in json.loads(answer.stdout)["modules"] for fault in module["faults"]]


def module(root: Path, name: str, case: dict[str, Any], *, own_chart: bool = True) -> Path:
    """Write a module over the chart of shapes; the directory that has its folder."""
    folder = root / name
    folder.mkdir(parents=True)
    release = {"name": "shapes", "chart": "shapes", "namespace": "shapes", "values": "values.yaml.j2"}
    described = {
        "name": name,
        "version": "1.0.0",
        "summary": "Whatever its case says.",
        "releases": [release | ({"chartDir": "chart"} if own_chart else {})],
        "images": case.get("images", ["docker.io/library/busybox:1.37"]),
        "runtimeImages": case.get("runtimeImages", []),
        "acknowledgedImages": case.get("acknowledged", []),
    }
    (folder / "module.yaml").write_text(yaml.safe_dump(described))
    (folder / "values.yaml.j2").write_text(yaml.safe_dump(case.get("values", {})))
    if settings := case.get("schema"):
        (folder / "schema.yaml").write_text(yaml.safe_dump({"type": "object", "properties": settings}))
    if own_chart:
        shutil.copytree(HERE / "chart", folder / "chart")
    return root


def test_the_catalog_is_right() -> None:
    """Charts of commits are compared with what was locked of them, where nobody has fetched their repositories."""
    answer = verify("-o", "json")
    assert [fault for fault in faults(answer) if fault["code"] != "no-chart"] == []
    of_commits = {
        name
        for name, one in CATALOG.modules.items()
        if any(release.tree and release.tree.git for release in one.releases)
    }
    assert {fault["module"] for fault in faults(answer)} <= of_commits
    assert answer.returncode == 0
    assert [item["module"] for item in json.loads(answer.stdout)["modules"]] == list(CATALOG.modules)


def test_images_of_kubernetes_are_those_that_its_kubeadm_names() -> None:
    version = CATALOG.versions.kubernetes
    assert sorted(options.images(version)) == sorted(CATALOG.versions.release(version).images)


@pytest.mark.parametrize("name", FAULTS)
def test_each_kind_of_fault_is_found(tmp_path: Path, name: str) -> None:
    case = FAULTS[name]
    answer = verify("--modules-dir", module(tmp_path, name, case), "-o", "json")
    found = faults(answer)
    assert [[item["severity"], item["code"], item["image"]] for item in found] == case["found"]
    assert answer.returncode == (4 if any(item["severity"] == "error" for item in found) else 0)
    if "template" in case:
        place = found[0]["places"][0]
        assert (place["chart"], place["template"]) == ("shapes 1.0.0", case["template"])
        assert place["values"] == case["path"]


def test_what_people_see(tmp_path: Path) -> None:
    answer = verify("--modules-dir", module(tmp_path, "always", FAULTS["always"]))
    expected = (HERE / "screen.txt").read_text(encoding="utf-8")
    assert (answer.stdout, answer.stderr) == (expected, "")


@pytest.mark.parametrize("packed", [True, False])
def test_charts_that_somebody_fetched(tmp_path: Path, packed: bool) -> None:
    """A newer chart of flannel with a container more: the module's list is not right for it."""
    chart = newer_flannel(tmp_path / "work")
    charts = tmp_path / "charts"
    charts.mkdir()
    if packed:
        pack_chart(chart, charts / "flannel-v9.9.9.tgz")
    else:
        shutil.copytree(chart, charts / "flannel")
    answer = verify("flannel", "metrics-server", "welcome", "--charts-dir", charts, "-o", "json")
    by_module: dict[str, list[Any]] = {}
    for fault in faults(answer):
        by_module.setdefault(fault["module"], []).append(fault)
    (fault,) = by_module.pop("flannel")
    assert (fault["code"], fault["image"]) == ("not-declared", "registry.test/more:1")
    assert fault["places"][0]["chart"] == "flannel v9.9.9"
    assert {fault["code"] for found in by_module.values() for fault in found} == {"no-chart"}
    assert set(by_module) == {"metrics-server"}


def newer_flannel(root: Path) -> Path:
    flannel = CATALOG.modules["flannel"]
    packed = chart_path(flannel, flannel.releases[0], CATALOG.versions, Workshop(print))
    shutil.unpack_archive(packed, root, "gztar")
    chart = root / "flannel"
    described = yaml.safe_load((chart / "Chart.yaml").read_text()) | {"version": "v9.9.9"}
    (chart / "Chart.yaml").write_text(yaml.safe_dump(described))
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "more"},
        "spec": {"containers": [{"name": "more", "image": "registry.test/more:1"}]},
    }
    (chart / "templates" / "more.yaml").write_text(yaml.safe_dump(pod))
    return chart


def test_a_site_s_own_values_are_rendered(tmp_path: Path) -> None:
    text = (CATALOG.modules["welcome"].directory.parents[1] / "inventories/demo/cluster.yaml").read_text()
    document = yaml.safe_load(text)
    document["spec"]["modules"]["welcome"] = {"values": {"image": "docker.io/library/nginx:1.31"}}
    file = tmp_path / "cluster.yaml"
    file.write_text(yaml.safe_dump(document))
    answer = verify("welcome", "-f", file, "-o", "json")
    undeclared, unused = faults(answer)
    assert (undeclared["module"], undeclared["code"]) == ("welcome", "not-declared")
    assert undeclared["places"][0]["values"] == ["image"]
    assert (unused["code"], unused["severity"]) == ("unused", "warning")
    assert answer.returncode == 4


@pytest.mark.parametrize("option", ["--modules-dir", "--charts-dir"])
def test_a_directory_with_nothing_in_it_is_refused(tmp_path: Path, option: str) -> None:
    answer = verify(option, tmp_path)
    assert answer.returncode == 3
    assert str(tmp_path) in answer.stderr


def test_a_chart_that_cannot_be_had_is_no_fault_of_the_module(tmp_path: Path) -> None:
    answer = verify("--modules-dir", module(tmp_path, "no-chart", {}, own_chart=False))
    assert answer.returncode == 7
    assert "no chart 'no-chart.shapes' is pinned" in answer.stderr


def test_charts_of_no_module_are_refused(tmp_path: Path) -> None:
    shutil.copytree(HERE / "chart", tmp_path / "shapes")
    answer = verify("--charts-dir", tmp_path)
    assert answer.returncode == 3
    assert "no module has any of these charts" in answer.stderr

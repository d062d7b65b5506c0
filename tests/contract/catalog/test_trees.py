"""Modules whose charts are packed of trees: a commit of a git repository, a Go module; never taken on trust."""

import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway import catalog
from slipway.bundle.form.writer import Writer
from slipway.bundle.ground.disk import private_directory
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.locks.downloading import Ways
from slipway.bundle.make.builder import Builder
from slipway.bundle.make.sources import source_directory
from slipway.bundle.make.trees.charts import ChartPlace, chart_entries
from slipway.bundle.make.trees.packing import packed_tree
from slipway.bundle.registry.upstream import Upstreams
from slipway.bundle.registry.web import Web
from slipway.catalog.folder.skeleton import write_skeleton
from slipway.cluster.lifecycle.helm import Helm
from slipway.cluster.lifecycle.rendered import objects
from slipway.engine.enquiry.images import built_charts, checked_modules
from slipway.engine.enquiry.linted import linted_modules
from slipway.engine.errands.locking import ModuleLocker, write_lock
from slipway.errors import BundleError
from tests.binaries import binary

SERVER = "https://git.example.org/team/page.git"
#: What a template of Helm would take for its own.
MARKS = "{{ .Values.page }} {{{- x }}}"
TREE: Mapping[str, Any] = {
    "base/kustomization.yaml": {"resources": ["page.yaml", "namespace.yaml", "definition.yaml"]},
    "base/page.yaml": {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "page", "annotations": {"text": MARKS}},
        "spec": {"containers": [{"name": "page", "image": "busybox:1.37", "imagePullPolicy": "Always"}]},
    },
    "base/namespace.yaml": {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "page"}},
    "base/definition.yaml": {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "pages.example.org"},
        "spec": {"versions": [{"schema": {"description": MARKS}}]},
    },
    "install/kustomization.yaml": {"namespace": "page", "resources": ["../base"]},
    "remote/kustomization.yaml": {"resources": ["https://git.example.org/team/other"]},
    "plain/page.yaml": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "plain"}},
    "plain/README.md": "for people\n",
    "charts/page/Chart.yaml": {
        "apiVersion": "v2",
        "name": "page",
        "version": "0.0.0",
        "dependencies": [
            {
                "name": "side",
                "alias": "one",
                "version": "0.1.0",
                "repository": "file://../side",
                "condition": "one.on",
            },
            {"name": "side", "alias": "two", "version": "0.1.0", "repository": "file://../side"},
        ],
    },
    "charts/page/values.yaml": {"one": {"on": False}},
    "other/far/Chart.yaml": {
        "apiVersion": "v2",
        "name": "far",
        "version": "0.0.1",
        "dependencies": [
            {"name": "side", "version": "0.1.0", "repository": "https://charts.example.org"},
            {"name": "database", "version": "1", "condition": "database.on"},
        ],
    },
    "charts/side/Chart.yaml": {"apiVersion": "v2", "name": "side", "version": "0.1.0"},
    "charts/side/templates/map.yaml": "kind: ConfigMap\napiVersion: v1\nmetadata: {name: {{ .Chart.Name }}}\n",
}
OVERLAY = {
    "apiVersion": "kustomize.config.k8s.io/v1alpha1",
    "kind": "Component",
    "commonAnnotations": {"whose": "ours"},
}


def git(repository: Path, *words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    command = ["git", "-C", str(repository), *who, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is at the server's address lies here, as git's own setting has it."""
    root = tmp_path / "served" / "page"
    for path, content in TREE.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "first")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.file://{root}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", SERVER)
    return root


@pytest.fixture
def modules(tmp_path: Path, server: Path) -> Path:
    """One module with the tree, of which nobody has locked anything yet."""
    root = tmp_path / "modules"
    root.mkdir()
    write_skeleton(root, "page")
    (root / "page" / "overlay").mkdir()
    (root / "page" / "overlay" / "kustomization.yaml").write_text(yaml.safe_dump(OVERLAY))
    edit(root, git=SERVER, commit=git(server, "rev-parse", "HEAD"), path="install", overlay="overlay")
    return root


def edit(modules: Path, **tree: Any) -> None:
    """Say this of the tree."""
    file = modules / "page" / "module.yaml"
    module = yaml.safe_load(file.read_text())
    (release,) = module["releases"]
    release.pop("chartDir", None)
    said = {**release.get("tree", {}), **tree}
    release |= {"version": "1.2.3", "tree": {key: text for key, text in said.items() if text}}
    file.write_text(yaml.safe_dump(module | {"requires": []}))


@pytest.fixture(scope="module")
def tools() -> Workshop:
    """With the programs of this machine's cache."""
    return Workshop(lambda _text: None)


@pytest.fixture(scope="module")
def helm(tools: Workshop) -> Helm:
    return built_charts(catalog.load(), tools)[1]


@pytest.fixture
def workshop(tmp_path: Path, tools: Workshop, helm: Helm) -> Workshop:
    """A cache of its own, but for the programs."""
    del helm
    source_directory("kustomize", catalog.load().versions, tools)
    own = private_directory(private_directory(tmp_path / "cache") / "artifacts")
    (own / "go").symlink_to(tools.root / "artifacts" / "go")
    return Workshop(lambda _text: None, tmp_path / "cache")


def locked(modules: Path, workshop: Workshop, helm: Helm, *, accept: bool = False) -> dict[str, Any]:
    found = catalog.load([modules])
    ways = Ways(Web(accounts={}), Upstreams(accounts={}))
    locker = ModuleLocker(found, helm, ways, workshop, "2026-11-30", lambda _tally: None)
    path = write_lock(found.modules["page"], locker.locked(found.modules["page"], accept=accept))
    data: dict[str, Any] = yaml.safe_load(path.read_text())
    return data


def built(modules: Path, workshop: Workshop, out: Path) -> bytes:
    """The chart as a bundle has it."""
    found = catalog.load([modules])
    (made,) = Builder(found.versions, found, Writer(out), workshop).charts(["page"])
    assert (made.name, made.version) == ("page.page", "1.2.3")
    assert made.origin == f"{SERVER}@{found.modules['page'].releases[0].tree.commit}"  # type: ignore[union-attr]
    return (out / made.path).read_bytes()


def test_a_kustomization_from_a_commit_into_a_bundle(
    tmp_path: Path, modules: Path, workshop: Workshop, helm: Helm, server: Path
) -> None:
    """The chart gives what kustomize gave, whatever it says, and has the same bytes on another machine."""
    (finding,) = linted_modules(catalog.load([modules]), ())["page"]
    assert (finding.path, finding.hint) == ("module.yaml: releases[0]", "slipway catalog lock page")
    with pytest.raises(BundleError, match="taken on trust alone"):
        built(modules, workshop, tmp_path / "trusting")
    lock = locked(modules, workshop, helm)
    (tree,) = lock["trees"]
    assert tree["sum"] == git(server, "rev-parse", "HEAD")
    assert lock["images"] == ["docker.io/library/busybox:1.37"]
    assert lock["crds"] == ["pages.example.org"]
    found = catalog.load([modules])
    assert linted_modules(found, ()) == {"page": []}
    (checked,) = checked_modules(found, built_charts(found, workshop)[0], helm)
    assert [fault.code for fault in checked.faults] == []

    chart = packed_tree(found.modules["page"], found.modules["page"].releases[0], found.versions, workshop)
    text = helm.template("page", chart.path, {}, "page", kubernetes="v1.35.4", upgrade=False)
    definition, pod = sorted(objects(text, where="page"), key=lambda item: str(item["kind"]))
    assert definition["spec"]["versions"] == TREE["base/definition.yaml"]["spec"]["versions"]
    assert pod["metadata"]["annotations"] == {"text": MARKS, "whose": "ours"}
    container = {"name": "page", "image": "docker.io/library/busybox:1.37", "imagePullPolicy": "IfNotPresent"}
    assert pod["spec"]["containers"] == [container]

    once = built(modules, workshop, tmp_path / "one")
    shutil.rmtree(workshop.root / "artifacts" / "tree")
    shutil.rmtree(workshop.root / "trees")
    assert built(modules, workshop, tmp_path / "two") == once


def test_without_the_server_a_fetched_repository_does(
    tmp_path: Path,
    modules: Path,
    workshop: Workshop,
    helm: Helm,
    server: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://elsewhere.example.org")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "2")
    monkeypatch.setenv("GIT_CONFIG_KEY_1", f"url.file://{tmp_path}/nowhere.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_1", SERVER)
    with pytest.raises(BundleError, match="cannot be fetched") as refusal:
        locked(modules, workshop, helm)
    assert refusal.value.where == SERVER
    assert "--trees-dir" in refusal.value.hint
    assert locked(modules, replace(workshop, trees=server.parent), helm)["trees"][0]["name"] == "page"


def test_what_was_locked_is_what_is_packed(
    tmp_path: Path, modules: Path, workshop: Workshop, helm: Helm, server: Path
) -> None:
    """Another overlay, or another commit, is another chart until it is locked."""
    first = locked(modules, workshop, helm)
    overlay = modules / "page" / "overlay" / "kustomization.yaml"
    overlay.write_text(yaml.safe_dump(OVERLAY | {"commonAnnotations": {"whose": "theirs"}}))
    with pytest.raises(BundleError, match="another one than was locked") as refusal:
        built(modules, workshop, tmp_path / "bundle")
    assert first["trees"][0]["digest"] in refusal.value.why
    assert refusal.value.hint.endswith("slipway catalog lock page")
    assert locked(modules, workshop, helm)["trees"][0]["digest"] != first["trees"][0]["digest"]
    built(modules, workshop, tmp_path / "bundle")

    (server / "plain/page.yaml").write_text("kind: Other\n")
    git(server, "commit", "--quiet", "-am", "second")
    edit(modules, commit=git(server, "rev-parse", "HEAD"))
    (finding,) = linted_modules(catalog.load([modules]), ())["page"]
    assert "lock.yaml has no page 1.2.3 of this tree" in finding.problem


def test_what_upstreams_release_fills_in_is_in_the_lock(
    modules: Path, workshop: Workshop, helm: Helm, server: Path
) -> None:
    """A tree names a staging registry and a branch; the overlay says what the release does, and lint who forgot."""
    page = server / "base" / "page.yaml"
    page.write_text(page.read_text().replace("busybox:1.37", "gcr.io/k8s-staging-page/page:main"))
    git(server, "commit", "--quiet", "-am", "before a release")
    edit(modules, commit=git(server, "rev-parse", "HEAD"))
    assert locked(modules, workshop, helm)["images"] == ["gcr.io/k8s-staging-page/page:main"]
    (finding,) = linted_modules(catalog.load([modules]), ())["page"]
    assert (finding.path, finding.code) == ("lock.yaml: images[0]", "bad-value")
    assert "is of a staging registry" in finding.problem
    assert "the overlay (`images`)" in finding.hint

    stamp = {"name": "gcr.io/k8s-staging-page/page", "newName": "registry.k8s.io/page", "newTag": "v1.2.3"}
    overlay = modules / "page" / "overlay" / "kustomization.yaml"
    overlay.write_text(yaml.safe_dump(OVERLAY | {"images": [stamp]}))
    assert locked(modules, workshop, helm)["images"] == ["registry.k8s.io/page:v1.2.3"]
    assert linted_modules(catalog.load([modules]), ()) == {"page": []}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"path": "remote"}, "resources[0]: https://git.example.org/team/other is at a server"),
        ({"path": "gone"}, "the tree has no gone"),
        ({"path": "charts/side", "overlay": ""}, "is called side"),
        ({"path": "charts/page"}, "an overlay is for manifests"),
        ({"path": "charts"}, "neither a kustomization nor a chart nor manifests"),
        ({"commit": "0" * 40}, "commit 0000000000000000000000000000000000000000 cannot be fetched"),
    ],
)
def test_what_cannot_be_packed_is_told(
    modules: Path, workshop: Workshop, helm: Helm, change: dict[str, str], told: str
) -> None:
    edit(modules, **change)
    with pytest.raises(BundleError) as refusal:
        locked(modules, workshop, helm)
    assert told in str(refusal.value)
    assert not (modules / "page" / "lock.yaml").exists()


def test_plain_manifests_and_a_chart_with_charts_beside_it(
    modules: Path, workshop: Workshop, helm: Helm
) -> None:
    edit(modules, path="plain", overlay="")
    assert [item["metadata"]["name"] for item in _rendered(modules, workshop, helm)] == ["plain"]
    edit(modules, path="charts/page", overlay="")
    (tree,) = locked(modules, workshop, helm)["trees"]
    assert (tree["kustomize"], [item["alias"] for item in tree["subcharts"]]) == ("", ["one", "two"])
    assert [item["metadata"]["name"] for item in _rendered(modules, workshop, helm)] == ["two"]
    names = {item["metadata"]["name"] for item in _rendered(modules, workshop, helm, one={"on": True})}
    assert names == {"one", "two"}


def test_a_packed_chart_and_charts_of_another_tree(
    tmp_path: Path, modules: Path, workshop: Workshop, helm: Helm, server: Path
) -> None:
    """Without their servers, once both have been fetched; and what is not there is no fault of the module."""
    (server / "packed").mkdir()
    with tarfile.open(server / "packed" / "far-0.0.1.tgz", "w:gz") as archive:
        archive.add(server / "other" / "far", "far")
    git(server, "add", "packed")
    git(server, "commit", "--quiet", "-m", "packed")
    side = {"git": SERVER, "commit": git(server, "rev-parse", "HEAD~1"), "path": "charts/side"}
    edit(modules, commit=git(server, "rev-parse", "HEAD"), path="packed/far-0.0.1.tgz", overlay="")
    edit(modules, charts={"side": side}, without=["database"])
    file = modules / "page" / "module.yaml"
    file.write_text(file.read_text().replace("chart: page", "chart: far"))
    lock = locked(modules, workshop, helm)
    (tree,) = lock["trees"]
    assert tree["charts"] == [{"name": "side", "origin": f"{SERVER}@{side['commit']}", "path": "charts/side"}]
    assert [item["name"] for item in tree["subcharts"]] == ["side"]
    assert [item["metadata"]["name"] for item in _rendered(modules, workshop, helm)] == ["side"]

    found = catalog.load([modules])
    assert linted_modules(found, ()) == {"page": []}
    shutil.rmtree(workshop.root / "artifacts" / "tree")
    shutil.rmtree(workshop.root / "trees")
    (checked,) = checked_modules(found, built_charts(found, workshop)[0], helm)
    assert [fault.code for fault in checked.faults][-1] == "no-chart"
    (checked,) = checked_modules(found, built_charts(found, replace(workshop, trees=server.parent))[0], helm)
    assert "no-chart" not in [fault.code for fault in checked.faults]


RULES = """\
# what people keep beside a chart
*.md
/kept.txt
docs/
notes/*.txt
deep/er/*.yaml
[ab].tmp
x?.log
"""
FILES = (
    "README.md",
    "kept.txt",
    "sub/kept.txt",
    "docs/a.yaml",
    "sub/docs/b.yaml",
    "docs",
    "notes/a.txt",
    "notes/deep/b.txt",
    "sub/notes/c.txt",
    "deep/er/a.yaml",
    "deep/er/still/a.yaml",
    "a.tmp",
    "c.tmp",
    "x1.log",
    "x12.log",
    "templates/.hidden.yaml",
    "templates/map.yaml",
    "templates/sub/.hidden.yaml",
    "crds/kustomization.yaml",
    "crds/page.yaml",
)


@pytest.mark.parametrize("rules", ["", *RULES.splitlines(), RULES])
def test_what_is_packed_is_what_helm_packs(tmp_path: Path, rules: str) -> None:
    """By the real one, rule by rule: Helm heeds a .helmignore in a directory, and in an archive no more."""
    chart = tmp_path / "page"
    for path in FILES:
        if path != "docs":
            (chart / path).parent.mkdir(parents=True, exist_ok=True)
            (chart / path).write_text("kind: A\n")
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: page\nversion: 1.0.0\n")
    (chart / "values.yaml").write_text("{}\n")
    (chart / ".helmignore").write_text(rules)
    made = {entry.path for entry in chart_entries(ChartPlace(chart, tmp_path), "page", "1.0.0")[0]}
    command = [binary("helm"), "package", str(chart), "-d", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    with tarfile.open(tmp_path / "page-1.0.0.tgz") as archive:
        names = {name for name in archive.getnames() if name != "page/.helmignore"}
    assert made - {"page/.helmignore"} == names


def _rendered(modules: Path, workshop: Workshop, helm: Helm, **values: Any) -> list[dict[str, Any]]:
    found = catalog.load([modules])
    module = found.modules["page"]
    chart = packed_tree(module, module.releases[0], found.versions, workshop).path
    return objects(
        helm.template("page", chart, values, "page", kubernetes="v1.35.4", upgrade=False), where="page"
    )


def test_katib_out_of_its_go_module_is_as_it_was_locked(tools: Workshop, helm: Helm) -> None:
    """The real one, which Go's checksum database vouches for: clean, complete, and the bytes of another machine."""
    whole = catalog.load()
    found = replace(whole, modules={"katib": whole.modules["katib"]})
    assert linted_modules(found, ()) == {"katib": []}
    (checked,) = checked_modules(found, built_charts(found, tools)[0], helm)
    assert checked.faults == ()
    assert len(checked.pulled) == len(found.modules["katib"].images)
    assert found.modules["katib"].lock is not None
    assert (checked.images, checked.crds) == (
        found.modules["katib"].lock.images,
        found.modules["katib"].lock.crds,
    )

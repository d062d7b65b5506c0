"""Charts of trees: what of rendered manifests goes where, and what no tree may lack or lead to."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.bundle.make.trees.bases import check_bases
from slipway.bundle.make.trees.charts import ChartPlace, chart_entries
from slipway.bundle.make.trees.objects import chart_files, escaped
from slipway.catalog.folder.treefile import SubChart
from slipway.errors import BundleError

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "page"}}


def manifest(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "page"}, **more}


def pod(image: str, policy: str) -> dict[str, Any]:
    container = {"name": "a", "image": image, "imagePullPolicy": policy}
    spec = {"initContainers": [container], "containers": [{"name": "b", "image": "a.io/b:1"}]}
    return manifest("Deployment", "page", spec={"template": {"spec": spec}})


def files(*manifests: dict[str, Any], **labels: str) -> dict[str, str]:
    return chart_files(manifests, ["page"], labels)


def test_definitions_are_parted_and_the_namespace_is_the_release_s() -> None:
    definition = {"kind": "CustomResourceDefinition", "metadata": {"name": "pages.example.org"}}
    made = files(NAMESPACE, definition, manifest("ConfigMap", "page"))
    assert list(made) == ["crds/pages.example.org.yaml", "templates/configmap-page.yaml"]


def test_what_has_one_name_has_a_file_each() -> None:
    made = files(manifest("Role", "a:b"), manifest("Role", "a-b"), manifest("Role", "a b"))
    assert list(made) == [f"templates/role-a-b{end}.yaml" for end in ("", "-2", "-3")]


@pytest.mark.parametrize(
    ("image", "full"),
    [
        ("busybox:1", "docker.io/library/busybox:1"),
        ("some/page", "docker.io/some/page"),
        (f"page@sha256:{'1' * 64}", f"docker.io/library/page@sha256:{'1' * 64}"),
        (f"page:1@sha256:{'1' * 64}", f"docker.io/library/page:1@sha256:{'1' * 64}"),
        ("localhost:5000/page:1", "localhost:5000/page:1"),
    ],
)
def test_containers_have_full_names_and_are_pulled_once(image: str, full: str) -> None:
    (text,) = files(pod(image, "Always")).values()
    spec = yaml.safe_load(text)["spec"]["template"]["spec"]
    assert spec["initContainers"] == [{"name": "a", "image": full, "imagePullPolicy": "IfNotPresent"}]
    assert spec["containers"] == [{"name": "b", "image": "a.io/b:1"}]
    (text,) = files(pod(image, "Never")).values()
    assert yaml.safe_load(text)["spec"]["template"]["spec"]["initContainers"][0]["imagePullPolicy"] == "Never"


@pytest.mark.parametrize("text", ["{{ .Values.x }}", "{{{ a }}}", "a {{`b`}} {{- c -}}", "}} {", "{{{{"])
def test_marks_of_templates_are_text(text: str) -> None:
    """Go gives a string literal back as it is: what is left of the action is the two braces."""
    assert escaped(text).replace('{{ "{{" }}', "\0").replace("{{", "wrong").replace("\0", "{{") == text


@pytest.mark.parametrize(
    ("item", "told"),
    [
        (manifest("Role", "a") | {"metadata": {"name": "a", "namespace": "other"}}, "is for namespace other"),
        (
            NAMESPACE | {"metadata": {"name": "page", "labels": {"istio": "on", "name": "page"}}},
            "has the label istio=on",
        ),
    ],
)
def test_what_does_not_fit_the_release_is_refused(item: dict[str, Any], told: str) -> None:
    with pytest.raises(BundleError, match="do not fit") as refusal:
        files(item)
    (finding,) = refusal.value.findings
    assert told in finding.problem


def test_what_fits_by_a_label_or_is_of_every_cluster() -> None:
    labelled = NAMESPACE | {"metadata": {"name": "page", "labels": {"istio": "on"}}}
    everywhere = manifest("RoleBinding", "a") | {"metadata": {"name": "a", "namespace": "kube-system"}}
    assert list(files(labelled, everywhere, istio="on")) == ["templates/rolebinding-a.yaml"]


def write(root: Path, path: str, content: Any) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(content if isinstance(content, str) else yaml.safe_dump(content))


@pytest.mark.parametrize(
    ("field", "entry", "told"),
    [
        ("resources", ["https://example.org/all.yaml"], "is at a server"),
        ("resources", ["github.com/some/page//config?ref=v1"], "is at a server"),
        ("components", ["git@github.com:some/page.git"], "is at a server"),
        ("bases", ["../gone"], "is not in the tree"),
        ("patches", [{"path": "https://example.org/patch.yaml"}], "is at a server"),
        ("openapi", {"path": "https://example.org/schema.json"}, "is at a server"),
        (
            "configMapGenerator",
            [{"name": "a", "files": ["key=../../../../etc/passwd"]}],
            "leads out of the tree",
        ),
        ("helmCharts", [{"name": "page", "repo": "https://example.org"}], "which would be fetched"),
    ],
)
def test_what_would_be_fetched_is_refused_wherever_it_stands(
    tmp_path: Path, field: str, entry: Any, told: str
) -> None:
    write(tmp_path, "passwd", "x")
    write(tmp_path, "tree/top/kustomization.yaml", {"resources": ["../base"]})
    write(tmp_path, "tree/base/kustomization.yml", {"resources": ["a.yaml"], field: entry})
    write(tmp_path, "tree/base/a.yaml", "")
    if field == "configMapGenerator":
        entry[0]["files"] = ["key=../../passwd"]
        write(tmp_path, "tree/base/kustomization.yml", {field: entry})
    with pytest.raises(BundleError, match="not whole") as refusal:
        check_bases(tmp_path / "tree" / "top", tmp_path / "tree")
    found = [finding for finding in refusal.value.findings if told in finding.problem]
    assert [finding.path.startswith(f"base/kustomization.yml: {field}") for finding in found] == [True]


def test_a_tree_that_is_whole(tmp_path: Path) -> None:
    """Circles end, and what is no name of a file is none."""
    top = {"resources": ["../base/", "."], "patchesStrategicMerge": ["kind: Role\nmetadata: {name: a}\n"]}
    write(tmp_path, "top/kustomization.yaml", top)
    write(
        tmp_path, "base/Kustomization", {"patches": [{"patch": "- op: remove\n"}], "components": ["../top"]}
    )
    check_bases(tmp_path / "top", tmp_path)


def chart(root: Path, path: str, *dependencies: dict[str, str]) -> None:
    name = path.rpartition("/")[2]
    data = {"apiVersion": "v2", "name": name, "version": "0.0.0", "dependencies": list(dependencies)}
    write(root, f"{path}/Chart.yaml", data)
    write(root, f"{path}/templates/a.yaml", "kind: A\n")
    write(root, f"{path}/ci/values.yaml", "")


def test_charts_below_a_chart_are_put_in_place(tmp_path: Path) -> None:
    """Beside it by file://, below it already, one for two aliases; each as often as it is named, in the lock."""
    beside = {"name": "beside", "version": "0", "repository": "file://../beside", "condition": "beside.on"}
    chart(tmp_path, "charts/page", beside, beside | {"alias": "again"}, {"name": "below", "version": "1"})
    chart(tmp_path, "charts/page/charts/below")
    chart(tmp_path, "charts/beside", {"name": "deep", "version": "0", "repository": "file://../deep"})
    chart(tmp_path, "charts/deep")
    entries, below = chart_entries(ChartPlace(tmp_path / "charts/page", tmp_path), "page", "1.2.3")
    paths = {entry.path for entry in entries}
    assert paths == {
        f"page/{place}{file}"
        for place in ("", "charts/below/", "charts/beside/", "charts/beside/charts/deep/")
        for file in ("Chart.yaml", "templates/a.yaml")
    }
    stamped = next(entry for entry in entries if entry.path == "page/Chart.yaml")
    assert yaml.safe_load(stamped.data or b"")["version"] == "1.2.3"
    assert below == (
        SubChart(name="beside", version="0", condition="beside.on", repository="file://../beside"),
        SubChart(
            name="beside", version="0", condition="beside.on", repository="file://../beside", alias="again"
        ),
        SubChart(name="below", version="1"),
    )


@pytest.mark.parametrize(
    "repository", ["https://charts.example.org", "file://../gone", "file://../../outside", ""]
)
def test_a_chart_that_is_not_there_is_named(tmp_path: Path, repository: str) -> None:
    chart(tmp_path, "outside")
    needs = {"name": "outside", "version": "4", "repository": repository, "condition": "off"}
    chart(tmp_path, "tree/page", needs)
    with pytest.raises(BundleError, match="chart page and the charts that it depends on") as refusal:
        chart_entries(ChartPlace(tmp_path / "tree/page", tmp_path / "tree"), "page", "1")
    (finding,) = refusal.value.findings
    assert finding.path == "page/Chart.yaml: dependencies[0]"
    assert "outside 4" in finding.problem


def test_a_chart_takes_no_file_from_outside_and_has_its_own_name(tmp_path: Path) -> None:
    chart(tmp_path, "tree/page")
    with pytest.raises(BundleError, match="is called page, and the release says other"):
        chart_entries(ChartPlace(tmp_path / "tree/page", tmp_path / "tree"), "other", "1")
    write(tmp_path, "secret", "x")
    (tmp_path / "tree/page/templates/link.yaml").symlink_to(tmp_path / "secret")
    with pytest.raises(BundleError, match="leads out of the tree"):
        chart_entries(ChartPlace(tmp_path / "tree/page", tmp_path / "tree"), "page", "1")


def elsewhere(root: Path, name: str, version: str, *dependencies: dict[str, str]) -> ChartPlace:
    """A chart of another tree."""
    chart(root, f"other/{name}", *dependencies)
    data = {"apiVersion": "v2", "name": name, "version": version, "dependencies": list(dependencies)}
    write(root, f"other/{name}/Chart.yaml", data)
    return ChartPlace(root / "other" / name, root / "other")


def test_charts_of_elsewhere_are_put_below_in_exactly_their_version(tmp_path: Path) -> None:
    """At whatever depth; Helm passes over one in silence whose version is out of the range that is written there."""
    at = "https://charts.example.org"
    chart(tmp_path, "tree/page", {"name": "side", "version": "1.*", "repository": at, "condition": "side.on"})
    write(tmp_path, "tree/page/Chart.lock", {"dependencies": [{"name": "side", "version": "1.2.3"}]})
    common = {"name": "common", "version": "~2.0", "repository": at}
    given = {
        "side": elsewhere(tmp_path, "side", "1.2.3", common),
        "common": elsewhere(tmp_path, "common", "2.9.0"),
    }
    place = ChartPlace(tmp_path / "tree/page", tmp_path / "tree")
    entries, below = chart_entries(place, "page", "1", given)
    files = {entry.path: entry for entry in entries}
    assert "page/charts/side/charts/common/templates/a.yaml" in files
    inner = yaml.safe_load(files["page/charts/side/Chart.yaml"].data or b"")
    assert inner["dependencies"] == [common | {"version": "2.9.0"}]
    assert below == (SubChart(name="side", version="1.2.3", condition="side.on", repository=at),)


@pytest.mark.parametrize("inside", [False, True])
def test_what_is_off_is_left_out(tmp_path: Path, *, inside: bool) -> None:
    """Its files too, where the tree has them: Helm takes what lies there for a part of the chart."""
    chart(tmp_path, "tree/page", {"name": "database", "version": "1", "condition": "database.on"})
    if inside:
        chart(tmp_path, "tree/page/charts/database")
    entries, below = chart_entries(
        ChartPlace(tmp_path / "tree/page", tmp_path), "page", "0.0.0", without=["database"]
    )
    (changed,) = [entry for entry in entries if entry.data]
    assert yaml.safe_load(changed.data or b"")["dependencies"] == []
    assert {entry.path for entry in entries} == {"page/Chart.yaml", "page/templates/a.yaml"}
    assert below == ()


@pytest.mark.parametrize(
    ("dependency", "given", "without", "told"),
    [
        ({"name": "side"}, "1.0.0", (), "side is 1.0.0 at side, and upstream has it with 1.2.3"),
        ({"name": "side"}, "", ("side",), "side is on always, so it cannot be left out"),
        ({"name": "inside"}, "1.2.3", (), "no chart depends on side"),
        ({"name": "inside"}, "", ("none",), "no chart depends on none"),
        ({"name": "side", "condition": "a"}, "", (), "side is not in the tree"),
    ],
)
def test_charts_that_do_not_fit_are_named(
    tmp_path: Path, dependency: dict[str, str], given: str, without: tuple[str, ...], told: str
) -> None:
    chart(tmp_path, "tree/page", dependency)
    chart(tmp_path, "tree/page/charts/inside")
    write(tmp_path, "tree/page/Chart.lock", {"dependencies": [{"name": "side", "version": "1.2.3"}]})
    charts = {"side": elsewhere(tmp_path, "side", given)} if given else {}
    with pytest.raises(BundleError, match="do not fit") as refusal:
        chart_entries(ChartPlace(tmp_path / "tree/page", tmp_path / "tree"), "page", "1", charts, without)
    assert [finding.problem for finding in refusal.value.findings] == [told]


def test_a_chart_that_is_in_the_tree_is_not_taken_from_elsewhere(tmp_path: Path) -> None:
    chart(tmp_path, "tree/page", {"name": "side"})
    chart(tmp_path, "tree/page/charts/side")
    charts = {"side": elsewhere(tmp_path, "side", "1")}
    with pytest.raises(BundleError) as refusal:
        chart_entries(ChartPlace(tmp_path / "tree/page", tmp_path / "tree"), "page", "1", charts)
    assert refusal.value.findings[0].problem == "side is in the tree already"

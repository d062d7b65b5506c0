"""Where manifests name images, how names are read, which values give them, and charts read as files."""

import io
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway import catalog
from slipway.bundle.make import charts
from slipway.catalog import Module, Release, Stage, rendering
from slipway.catalog.images.names import parse, values_behind, values_beside
from slipway.catalog.images.references import Manifest, Use, references
from slipway.cluster.lifecycle.rendered import manifests
from slipway.errors import ConfigurationError, StepError

HEX = "0" * 64


def found(content: dict[str, Any]) -> list[tuple[str, Use, str, str]]:
    made = references([Manifest("templates/x.yaml", {"metadata": {"name": "x"}, **content})])
    return [(item.image, item.use, item.field, item.policy) for item in made]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            {"kind": "Pod", "spec": {"containers": [{"image": "a:1", "imagePullPolicy": "Always"}]}},
            [("a:1", Use.CONTAINER, "spec.containers[0].image", "Always")],
        ),
        (
            {"kind": "Pod", "spec": {"ephemeralContainers": [{"image": ""}]}},
            [("", Use.CONTAINER, "spec.ephemeralContainers[0].image", "")],
        ),
        (
            {"kind": "Pod", "spec": {"volumes": [{"image": {"reference": "a:1", "pullPolicy": "Never"}}]}},
            [("a:1", Use.VOLUME, "spec.volumes[0].image.reference", "Never")],
        ),
        ({"kind": "CustomResourceDefinition", "spec": {"x": {"containers": [{"image": "a:1"}]}}}, []),
        (
            {"kind": "ConfigMap", "apiVersion": "v1", "data": {"image": "name", "images": "many"}},
            [("name", Use.TEXT, "data.image", ""), ("many", Use.TEXT, "data.images", "")],
        ),
        ({"kind": "Pod", "metadata": {"labels": {"image": "name"}}}, []),
        ({"kind": "Secret", "data": {"x": "image: ghcr.io/a/b:1"}}, []),
        (
            {"kind": "Widget", "apiVersion": "test.io/v1", "spec": {"image": "disk"}},
            [("disk", Use.TEXT, "spec.image", "")],
        ),
        (
            {"kind": "Widget", "apiVersion": "test.io/v1", "spec": {"image": "a/b"}},
            [("a/b", Use.FIELD, "spec.image", "")],
        ),
        (
            {"kind": "Secret", "stringData": {"x": "- image: 'b:1'\n  image: ghcr.io/a/b:1 \n"}},
            [(i, Use.TEXT, "stringData.x", "") for i in ("ghcr.io/a/b:1", "b:1")],
        ),
        (
            {"kind": "ConfigMap", "data": {"x": "It runs ghcr.io/a/b:v1."}},
            [("ghcr.io/a/b:v1", Use.TEXT, "data.x", "")],
        ),
        (
            {"kind": "Pod", "spec": {"x": ["--image=localhost:5000/a/b@sha256:" + HEX]}},
            [(f"localhost:5000/a/b@sha256:{HEX}", Use.TEXT, "spec.x[0]", "")],
        ),
    ],
)
def test_places(content: dict[str, Any], expected: list[Any]) -> None:
    assert found(content) == expected


@pytest.mark.parametrize(
    "text",
    [
        "https://ghcr.io/a/b:1",
        "see quay.io/a/b for more",
        "user@host.example/a:1",
        "api.example/v1:namespace/x",
        "image: $(IMAGE)",
        "kubernetes.io/os",
    ],
)
def test_text_that_is_no_image(text: str) -> None:
    assert found({"kind": "ConfigMap", "data": {"x": text}}) == []


@pytest.mark.parametrize(
    ("reference", "name", "tag", "floating", "full"),
    [
        ("busybox", "docker.io/library/busybox", "", True, False),
        ("a/b:latest", "docker.io/a/b", "latest", True, False),
        ("localhost/a:1", "localhost/a", "1", False, True),
        ("host:5000/a", "host:5000/a", "", True, True),
        (f"quay.io/a/b:1@sha256:{HEX}", "quay.io/a/b", "1", False, True),
        (f"quay.io/a/b@sha256:{HEX}", "quay.io/a/b", "", False, True),
    ],
)
def test_names(reference: str, name: str, tag: str, floating: bool, full: bool) -> None:
    parsed = parse(reference)
    assert (parsed.name, parsed.tag, parsed.floating, parsed.full) == (name, tag, floating, full)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"a": {"image": "quay.io/x/y:1"}, "b": "quay.io/x/y"}, ("a.image",)),
        (
            {"a": {"repository": "quay.io/x/y", "tag": "1"}, "b": {"repository": "quay.io/x/y"}},
            ("a.repository", "a.tag"),
        ),
        ({"a": {"registry": "quay.io", "repository": "x/y", "tag": 1}}, ("a.repository", "a.tag")),
        ({"global": {"imageRegistry": "quay.io"}, "a": {"repository": "x/y"}}, ("a.repository",)),
        ({"args": ["--image=quay.io/x/y:1"]}, ("args[0]",)),
        ({"list": [{"image": "quay.io/x/y:1"}]}, ("list[0].image",)),
        ({"name": "y", "a": {"repository": "x/y"}}, ()),
    ],
)
def test_values_behind_an_image(values: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert values_behind(values, "quay.io/x/y:1") == expected


def test_values_behind_a_pull_policy() -> None:
    """What stands beside the image, else whatever says the same."""
    values = {"policy": "Always", "a": {"repository": "x", "pullPolicy": "Always"}}
    assert values_beside(values, ("a.repository",), "Always") == ("a.pullPolicy",)
    assert values_beside(values, (), "Always") == ("policy", "a.pullPolicy")
    assert values_beside(values, (), "Never") == ()


def test_objects_know_their_templates() -> None:
    text = (
        "---\n# Source: page/crds/a.yaml\nkind: A\n---\nkind: B\n"
        "---\n# Source: page/charts/sub/templates/l.yaml\nkind: List\nitems: [{kind: C}]\n---\n# only words\n"
    )
    made = [(item.template, item.content["kind"]) for item in manifests(text)]
    sub = "charts/sub/templates/l.yaml"
    assert made == [("crds/a.yaml", "A"), ("crds/a.yaml", "B"), (sub, "C")]


def test_what_is_no_yaml_names_its_template() -> None:
    with pytest.raises(StepError, match=r"templates/a\.yaml"):
        manifests("---\n# Source: page/templates/a.yaml\na: [\n")


def packed(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def test_values_of_charts_in_a_chart(tmp_path: Path) -> None:
    """Below the name by which the chart calls them; what the chart says itself wins."""
    inner = packed({"inner/Chart.yaml": b"{name: inner, version: '1'}", "inner/values.yaml": b"{x: 1, z: 1}"})
    outer = {
        "outer/Chart.yaml": b"{name: outer, version: '2', dependencies: [{name: inner, alias: other}]}",
        "outer/values.yaml": b"{other: {x: 2}}",
        "outer/charts/inner-1.tgz": inner,
        "outer/templates/charts/values.yaml": b"{no: 1}",
    }
    (tmp_path / "outer-2.tgz").write_bytes(packed(outer))
    chart = charts.charts_in(tmp_path)["outer"]
    assert (chart.label, chart.values) == ("outer 2", {"other": {"x": 2, "z": 1}})


def test_two_charts_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.tgz", "b.tgz"):
        (tmp_path / name).write_bytes(packed({"page/Chart.yaml": b"{name: page, version: '1'}"}))
    with pytest.raises(ConfigurationError, match="two charts are named page"):
        charts.charts_in(tmp_path)


@pytest.mark.parametrize("data", [b"", b"\x1f\x8bnonsense", packed({"page/values.yaml": b"{}"})])
def test_what_is_no_chart_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "page.tgz").write_bytes(data)
    with pytest.raises(ConfigurationError, match=r"page\.tgz is no chart"):
        charts.read_chart(tmp_path / "page.tgz")


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "CHART_LIMIT", 1000)
    (tmp_path / "page.tgz").write_bytes(packed({"page/Chart.yaml": b"{}", "page/x": b"0" * 2000}))
    with pytest.raises(ConfigurationError, match="larger than"):
        charts.read_chart(tmp_path / "page.tgz")


def test_an_image_with_several_tags_is_asked_for_with_its_tag() -> None:
    tags = ("registry.test/kafka:1", "registry.test/kafka:2")
    module = Module("x", "1", "", Stage.PLATFORM, Path(), "", images=tags)
    release = Release("x", "x", "x", template='a: {{ image("registry.test/kafka:2").tag }}')
    assert rendering.render(module, release, {}, {}, bool) == {"a": "2"}
    loose = replace(release, template='a: {{ image("registry.test/kafka").tag }}')
    with pytest.raises(ConfigurationError, match="cannot be rendered") as caught:
        rendering.render(module, loose, {}, {}, bool)
    assert (
        "declared several times: write one of registry.test/kafka:1, registry.test/kafka:2"
        in caught.value.why
    )


def test_run_time_images_are_carried_like_others() -> None:
    module = catalog.load().modules["local-path-provisioner"]
    assert set(module.runtime_images) < set(module.images)

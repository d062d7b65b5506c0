"""Values that a chart knows: what is told of those that it does not, and what is left open."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.bundle.make.charts import chart_values
from slipway.catalog.chartvalues.findings import value_findings
from slipway.catalog.chartvalues.known import KnownValues, known_values, unknown_values
from slipway.catalog.folder.lock import LockedValues
from slipway.catalog.modules import Module, Release, Stage
from slipway.errors import ConfigurationError
from slipway.model.configuration import Configuration, Spec
from tests.fileservers import packed

VALUES = """\
replicas: 1
image: {repository: a/b, tag: "1"}
# existingSecret: name
service:
  port: 80
  ## @param service.nodePort where it is
labels: {app: x}
nodeSelector: {kubernetes.io/os: linux}
config: {level: info}
ports: {web: {port: 80}}
extra: {}
nothing:
grafana.ini: {paths: {data: /x}}
"""
TEMPLATE = """\
{{- if .Values.hidden }}{{ end }}
replicas: {{ .Values.replicas }}
image: {{ .Values.image.repository }}:{{ .Values.image.tag | default .Values.image.sha }}
port: {{ .Values.service.port }}
labels: {{- toYaml .Values.labels | nindent 2 }}
{{- with .Values.config }}
config:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $ports := .Values.ports }}
{{- range $name, $port := $ports }}{{ $port.port }}{{ end }}
"""


def chart(values: str = VALUES, template: str = TEMPLATE, **more: str) -> KnownValues:
    files = {"Chart.yaml": "name: page", "values.yaml": values, "templates/a.yaml": template, **more}
    return known_values({path: text.encode() for path, text in files.items()})


def unknown(known: KnownValues, text: str) -> list[tuple[str, str]]:
    return [(".".join(one.path), one.nearest) for one in unknown_values(known, yaml.safe_load(text))]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("replica: 1", [("replica", "replicas")]),
        ("image: {repositry: x}", [("image.repositry", "image.repository")]),
        ("{service: {prt: 1}, labels: {any: x}}", [("service.prt", "service.port")]),
        ("repository: x", [("repository", "image.repository")]),
        ("zzz: {y: 1}", [("zzz", "")]),
    ],
)
def test_what_no_file_of_the_chart_has_is_told(given: str, expected: list[tuple[str, str]]) -> None:
    assert unknown(chart(), given) == expected


@pytest.mark.parametrize(
    "given",
    [
        "hidden: true",  # a template has it
        "existingSecret: x",  # a comment has it
        "service: {nodePort: 1}",  # so has this one
        "image: {sha: x}",  # a template, as a further part
        "labels: {any: x}",  # taken as a whole
        "config: {any: x}",  # by another name
        "ports: {any: {y: 1}}",  # gone through
        "nodeSelector: {any: x}",  # keys that are nobody's fields
        "extra: {any: {y: 1}}",  # empty
        "nothing: {any: 1}",  # null
        "replicas: {any: 1}",  # a chart may take other types
        "grafana.ini: {any: 1}",
        "global: {any: 1}",
        "fullnameOverride: x",
        "zzz: null",  # takes away what may be there
    ],
)
def test_what_may_be_known_is_let_be(given: str) -> None:
    assert unknown(chart(), given) == []


def test_a_schema_has_words_too() -> None:
    schema = '{"properties": {"image": {"properties": {"mirror": {}}}}}'
    assert unknown(chart(**{"values.schema.json": schema}), "image: {mirror: x, miror: y}") == [
        ("image.miror", "")
    ]


@pytest.mark.parametrize(
    "template",
    ["{{ toYaml .Values }}", '{{ $x := omit .Values "a" }}', "{{ range $k, $v := .Values }}{{ end }}"],
)
def test_a_chart_that_takes_all_values_knows_any(template: str) -> None:
    assert unknown(chart(template=template), "zzz: 1") == []


SUB = {
    "Chart.yaml": "name: outer\ndependencies: [{name: inner, alias: other, condition: switch.on}, {name: absent}]",
    "values.yaml": "other: {a: {b: 1}}\nabsent: {x: 1}\nplain: {x: 1}\n",
    "charts/inner/Chart.yaml": "name: inner",
    "charts/inner/values.yaml": "a: {c: 1}\nd: 1\n",
    "charts/inner/templates/a.yaml": "{{ .Values.a.c }}{{ .Values.e }}",
}


def test_charts_in_a_chart() -> None:
    """Both know what is below the name by which one calls the other; of one that is not there nothing is known."""
    known = known_values({path: text.encode() for path, text in SUB.items()})
    right = "{other: {a: {b: 1, c: 1}, d: 1, e: 1}, absent: {any: 1}, switch: {on: true}, plain: {x: 1}}"
    assert unknown(known, right) == []
    wrong = "{other: {a: {zzz: 1}, dd: 1}, plain: {y: 1}}"
    assert unknown(known, wrong) == [("other.a.zzz", ""), ("other.dd", "other.d"), ("plain.y", "")]


def test_a_chart_within_that_takes_all_values_is_left_open() -> None:
    files = {**SUB, "charts/inner/templates/a.yaml": "{{ toYaml .Values }}"}
    known = known_values({path: text.encode() for path, text in files.items()})
    assert unknown(known, "{other: {zzz: 1}, zzz: 1}") == [("zzz", "")]


def test_what_a_lock_keeps_says_the_same() -> None:
    known = chart()
    locked = LockedValues.of("page", known)
    assert LockedValues.model_validate(yaml.safe_load(yaml.safe_dump(locked.model_dump()))).known() == known
    assert locked.maps["image"] == "repository tag"


def test_archives_and_directories_say_the_same(tmp_path: Path) -> None:
    for path, text in SUB.items():
        file = tmp_path / "outer" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    inner = packed(
        {
            f"inner/{path.removeprefix('charts/inner/')}": text.encode()
            for path, text in SUB.items()
            if path.startswith("charts/")
        }
    )
    outer = {f"outer/{path}": text.encode() for path, text in SUB.items() if not path.startswith("charts/")}
    (tmp_path / "outer.tgz").write_bytes(packed({**outer, "outer/charts/inner-1.tgz": inner}))
    known = known_values({path: text.encode() for path, text in SUB.items()})
    assert chart_values(tmp_path / "outer") == chart_values(tmp_path / "outer.tgz") == known


@pytest.mark.parametrize("data", [b"", b"nonsense"])
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.tgz").write_bytes(data)
    with pytest.raises(ConfigurationError, match=r"x\.tgz is no chart"):
        chart_values(tmp_path / "x.tgz")


def found(releases: list[str], values: dict[str, Any], on: set[str]) -> list[tuple[str, str]]:
    known = chart()
    parts = tuple(Release(name, "page", "x", known=known) for name in releases)
    modules = {"x": Module("x", "1", "", Stage.PLATFORM, Path(), "", releases=parts)}
    spec = Spec.model_validate({"modules": {"x": {"values": values}, "gone": {"values": {"a": 1}}}})
    site = Configuration(name="a", namespace="b", spec=spec)
    return [
        (one.path, one.hint)
        for one in value_findings(modules, site, on, lambda _module, release: release.known)
    ]


def test_a_site_is_told_where_its_values_are_misspelt() -> None:
    wrong = {"image": {"repositry": "x"}}
    place = "spec.modules.x.values"
    assert found(["a"], wrong, {"x"}) == [(f"{place}.image.repositry", "did you mean image.repository?")]
    assert found(["a", "b"], {"b": wrong, "a": {"replicas": 1}}, {"x"}) == [
        (f"{place}.b.image.repositry", "did you mean image.repository?")
    ]
    assert found(["a"], wrong, set()) == []
    assert found(["a"], {"zzz": 1}, {"x"}) == [(f"{place}.zzz", "Helm passes over it: take it out")]

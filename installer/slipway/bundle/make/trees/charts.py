"""A chart that lies in a tree, with the charts below it put in place: from beside it, or from where the release says.

Aliases and conditions stay in its Chart.yaml, where Helm reads them: one copy of a chart serves all its aliases.
"""

import io
import tarfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from slipway import yamltext
from slipway.bundle.ground.archive import ArchiveEntry
from slipway.bundle.make.trees.ignored import Ignored
from slipway.catalog.folder.treefile import SubChart
from slipway.errors import BundleError, Finding
from slipway.findings import FindingCode
from slipway.smallfiles import bytes_of

_FILE: Final = "file://"
_CHART: Final = "Chart.yaml"
#: What Helm resolved the charts below to, when upstream packed it.
_RESOLVED: Final = "Chart.lock"


@dataclass(frozen=True, slots=True)
class ChartPlace:
    """A chart's directory, and what nothing of it may lead out of."""

    directory: Path
    root: Path

    @property
    def label(self) -> str:
        """Its path in the tree."""
        return self.directory.resolve().relative_to(self.root.resolve()).as_posix()


@dataclass(frozen=True, slots=True)
class _Below:
    """What a release says of the charts below its own, and what of it a chart has asked for."""

    charts: Mapping[str, ChartPlace]
    without: Collection[str]
    findings: list[Finding] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)

    def missing(self, path: str, text: str) -> None:
        self.findings.append(Finding(path, text, code=FindingCode.MISSING))

    def wrong(self, path: str, text: str) -> None:
        self.findings.append(Finding(path, text, code=FindingCode.BAD_VALUE))


def chart_entries(
    place: ChartPlace,
    name: str,
    version: str,
    charts: Mapping[str, ChartPlace] | None = None,
    without: Collection[str] = (),
) -> tuple[list[ArchiveEntry], tuple[SubChart, ...]]:
    """The chart's files below its name, stamped with the release's version, and the charts in it.

    `charts` are put below whichever chart depends on them, in exactly their version; `without` are left out.

    Raises:
        BundleError: it has another name, or a chart below it is not there, is on always, or is another one than
            upstream resolved; each is named.
    """
    chart = _chart(place.directory)
    if chart.get("name") != name:
        what = f"the tree's chart is called {chart.get('name')}, and the release says {name}"
        raise BundleError(what, where=place.label)
    below = _Below(charts or {}, without)
    entries = dict(_entries(place, name, below, (), version))
    for one in sorted({*below.charts, *below.without} - below.asked):
        below.wrong(f"tree: {one}", f"no chart depends on {one}")
    if below.findings:
        hint = (
            "name where they are under the tree's `charts`, those that stay off under `without`; or take the chart at "
            "its repository (`repository`), where it has them packed"
        )
        what = f"chart {name} and the charts that it depends on do not fit"
        raise BundleError(what, where=place.label, findings=tuple(dict.fromkeys(below.findings)), hint=hint)
    if f"{name}/{_CHART}" not in entries:
        raise BundleError(f"chart {name} leaves itself out", where=f"{place.label}/.helmignore")
    kept = yamltext.load(_content_of(entries[f"{name}/{_CHART}"]), strict=False)
    return list(entries.values()), tuple(subcharts_of(kept))


def _content_of(entry: ArchiveEntry) -> bytes:
    """What a file of an archive will hold."""
    return entry.data if entry.data is not None else bytes_of(entry.source or Path())


def subcharts_of(chart: dict[str, Any]) -> Iterator[SubChart]:
    """What a Chart.yaml says of the charts below it."""
    for item in chart.get("dependencies") or ():
        known = {field: str(item[field]) for field in SubChart.model_fields if item.get(field)}
        yield SubChart(**known)


def _entries(
    place: ChartPlace, prefix: str, below: _Below, above: tuple[Path, ...], version: str = ""
) -> Iterator[tuple[str, ArchiveEntry]]:
    """By path in the archive; a Chart.yaml that is otherwise than the tree has it comes last."""
    directory, chart, here = place.directory, _chart(place.directory), place.directory.resolve()
    if here in above:
        raise BundleError(f"chart {chart.get('name')} is below itself", where=str(directory))
    ignored = Ignored(directory)
    for file in sorted(directory.rglob("*")):
        path = file.relative_to(directory).as_posix()
        if not file.is_file() or path in ignored or _left(path) or _is_below(path, below.without):
            continue
        if not file.resolve().is_relative_to(place.root.resolve()):
            raise BundleError(
                f"{path} of chart {chart.get('name')} leads out of the tree", where=str(directory)
            )
        yield f"{prefix}/{path}", ArchiveEntry(f"{prefix}/{path}", mode=0o644, source=file.resolve())
    stamped = dict(chart)
    if chart.get("dependencies"):
        places, stamped["dependencies"] = _dependencies(place, prefix, chart["dependencies"], below)
        for name, found in places.items():
            yield from _entries(found, f"{prefix}/charts/{name}", below, (*above, here))
    if version and str(chart.get("version")) != version:
        stamped["version"] = version
    if stamped != chart:
        path = f"{prefix}/{_CHART}"
        yield path, ArchiveEntry(path, mode=0o644, data=yamltext.dump(stamped).encode())


def _dependencies(
    place: ChartPlace, prefix: str, given: Sequence[Mapping[str, Any]], below: _Below
) -> tuple[dict[str, ChartPlace], list[dict[str, Any]]]:
    """The charts that are put below this one, by name; and what its Chart.yaml will say of all below."""
    places: dict[str, ChartPlace] = {}
    said: list[dict[str, Any]] = []
    for index, item in enumerate(given):
        name, where = str(item.get("name", "")), f"{prefix}/{_CHART}: dependencies[{index}]"
        if name in below.without:
            below.asked.add(name)
            if not (item.get("condition") or item.get("tags")):
                below.wrong(where, f"{name} is on always, so it cannot be left out")
            continue
        found, pinned = _place_below(place, item, below, where)
        if found:
            places[name] = found
        said.append({**item, "version": pinned} if pinned else dict(item))
    return places, said


def _place_below(
    place: ChartPlace, item: Mapping[str, Any], below: _Below, where: str
) -> tuple[ChartPlace | None, str]:
    """Where a chart that this one depends on is taken from, if not in its own folder; and the version if pinned."""
    directory, name = place.directory, str(item.get("name", ""))
    inside = (directory / "charts" / name / _CHART).is_file() or _packed(directory / "charts", name)
    if name in below.charts:
        below.asked.add(name)
        if inside:
            below.wrong(where, f"{name} is in the tree already")
            return None, ""
        given = below.charts[name]
        version, resolved = str(_chart(given.directory).get("version")), _resolved(directory, name)
        if resolved and version != resolved:
            below.wrong(where, f"{name} is {version} at {given.label}, and upstream has it with {resolved}")
        return given, version
    if inside:
        return None, ""
    repository = str(item.get("repository") or "")
    beside = ChartPlace(directory / repository.removeprefix(_FILE), place.root)
    inside = beside.directory.resolve().is_relative_to(place.root.resolve())
    if repository.startswith(_FILE) and inside and (beside.directory / _CHART).is_file():
        return beside, ""
    version = f" {item['version']}" if item.get("version") else ""
    of = f" of {repository}" if repository else ""
    below.missing(where, f"{name}{version}{of} is not in the tree")
    return None, ""


def _resolved(directory: Path, name: str) -> str:
    """The version of it with which upstream packs the chart; empty: nobody says."""
    if not (directory / _RESOLVED).is_file():
        return ""
    data = yamltext.load(bytes_of(directory / _RESOLVED), strict=False)
    entries = data.get("dependencies") or () if isinstance(data, dict) else ()
    return next((str(one.get("version", "")) for one in entries if one.get("name") == name), "")


def _left(path: str) -> bool:
    """What Helm does not need and people keep beside a chart."""
    return path.endswith((".pyc", "OWNERS")) or path.startswith("ci/") or "/ci/" in path


def _is_below(path: str, names: Collection[str]) -> bool:
    """Whether a file is of a chart of such a name in the chart's own folder of charts."""
    return any(path.startswith(f"charts/{name}/") for name in names)


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

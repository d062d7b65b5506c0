"""Charts as files, packed or not: what they are called, the values they have by themselves, and finding them by name.

Only what is asked for is read, into memory: nothing of an archive reaches the disk.
"""

import io
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway import yamltext
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.locks.downloading import cached_place
from slipway.bundle.locks.downloads import Download, DownloadKind
from slipway.bundle.make.trees.charts import subcharts_of
from slipway.catalog import Module, Release
from slipway.catalog.chartvalues.known import KnownValues, known_values
from slipway.catalog.folder.lock import LockedChart
from slipway.catalog.folder.treefile import SubChart
from slipway.catalog.rendering import merge
from slipway.catalog.versions import Versions
from slipway.errors import BundleError, ConfigurationError
from slipway.model.bundle import chart_name
from slipway.smallfiles import bytes_of

#: Bytes. Helm itself takes no chart whose files are larger (5 MiB), nor as a whole (100 MiB).
FILE_LIMIT, CHART_LIMIT = 5 << 20, 100 << 20

CHART, VALUES, SCHEMA = "Chart.yaml", "values.yaml", "values.schema.json"

#: Of a path in a chart: is it asked for?
Wanted = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class ChartFile:
    """A chart: its name and version, and its values, which have those of the charts in it below their names."""

    path: Path
    name: str
    version: str
    values: Mapping[str, Any]
    subcharts: tuple[SubChart, ...] = ()

    @property
    def label(self) -> str:
        """Name and version, for people."""
        return f"{self.name} {self.version}"


def read_chart(path: Path) -> ChartFile:
    """A chart's directory or archive.

    Raises:
        ConfigurationError: it is none.
    """
    try:
        files = _files(path, _wanted)
        chart = _parsed(files[CHART])
        below = tuple(subcharts_of(chart))
        return ChartFile(path, str(chart["name"]), str(chart["version"]), _values(files), below)
    except (OSError, KeyError, TypeError, ValueError, EOFError, tarfile.TarError) as exc:
        raise _no_chart(path, exc) from exc


def chart_values(path: Path) -> KnownValues:
    """The values that a chart at a directory or archive knows, with those of the charts in it.

    Raises:
        ConfigurationError: it is none.
    """
    try:
        return known_values(_files(path, _speaks))
    except (OSError, TypeError, ValueError, EOFError, tarfile.TarError) as exc:
        raise _no_chart(path, exc) from exc


def _no_chart(path: Path, exc: Exception) -> ConfigurationError:
    why = f"{type(exc).__name__}: {exc}"
    return ConfigurationError(f"{path.name} is no chart that can be read", where=str(path), why=why)


def charts_in(directory: Path) -> dict[str, ChartFile]:
    """The charts of a directory by name: archives (.tgz), and directories that have a Chart.yaml.

    Raises:
        ConfigurationError: there is none, one cannot be read, or two have the same name.
    """
    found: dict[str, ChartFile] = {}
    for path in sorted(directory.iterdir()) if directory.is_dir() else ():
        if path.name.endswith((".tgz", ".tar.gz")) or (path / CHART).is_file():
            chart = read_chart(path)
            if chart.name in found:
                raise ConfigurationError(
                    f"two charts are named {chart.name}",
                    where=str(directory),
                    why=f"{found[chart.name].path.name} and {path.name}",
                    hint="leave one of them there",
                )
            found[chart.name] = chart
    if not found:
        raise ConfigurationError(
            "there is no chart here", where=str(directory), hint="put .tgz files or charts' directories there"
        )
    return found


def chart_download(module: str, release: Release) -> Download:
    """Of a release whose chart is at a repository.

    Raises:
        BundleError: nobody has read its digest there.
    """
    one = release.locked
    if one is None:
        what = f"chart {release.chart} {release.version} of module {module} would be taken on trust alone"
        why = "the module's lock.yaml does not have it"
        hint = f"read its digest once, look at it, and keep it: slipway catalog lock {module}"
        raise BundleError(what, where=release.repository, why=why, hint=hint)
    return locked_download(one, module)


def locked_download(one: LockedChart, module: str) -> Download:
    """A chart of a module's lock, as an entry of a bundle's."""
    named = (DownloadKind.CHART, one.name, one.version)
    return Download(*named, one.url, one.sha256, one.source, module=module, read=one.read)


def chart_path(module: Module, release: Release, versions: Versions, workshop: Workshop) -> Path | None:
    """The chart of a release as the bundle has it: the module's own, or upstream's.

    Out of a Go module it is made now if it was not; None: it would have to be fetched, at its repository or from a git
    server.
    """
    from slipway.bundle.make import sources
    from slipway.bundle.make.sources.chart import PACKED
    from slipway.bundle.make.trees.packing import is_at_hand, locked_tree

    if release.chart_dir:
        return release.chart_dir
    if release.repository:
        return cached_place(chart_download(module.name, release), workshop.root)
    if release.tree:
        here = is_at_hand(module, release, versions, workshop)
        return locked_tree(module, release, versions, workshop).path if here else None
    pinned = versions.chart(chart_name(module.name, release.chart))
    return sources.source_directory(pinned.source, versions, workshop) / PACKED


def _files(path: Path, wanted: Wanted) -> dict[str, bytes]:
    """What is asked for of a chart's directory or archive, by its path in the chart."""
    return dict(
        _of_directory(path, wanted) if path.is_dir() else _of_archive(bytes_of(path, CHART_LIMIT), wanted)
    )


def _of_directory(root: Path, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    for file in sorted(root.rglob("*")):
        path = file.relative_to(root).as_posix()
        if file.is_file() and wanted(path) and file.stat().st_size <= FILE_LIMIT:
            yield from _opened(path, file.read_bytes(), wanted)


def _of_archive(data: bytes, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    """Below the one directory that a packed chart is in."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        total = 0
        for member in archive:
            total += member.size
            if total > CHART_LIMIT:
                raise ValueError(f"it is larger than {CHART_LIMIT >> 20} MiB")
            path = member.name.removeprefix("./").partition("/")[2]
            handle = archive.extractfile(member) if member.isfile() and wanted(path) else None
            if handle and member.size <= FILE_LIMIT:
                yield from _opened(path, handle.read(), wanted)


def _wanted(path: str) -> bool:
    """What says something of names and values, here or in a chart below."""
    *parents, name = path.split("/")
    inside = all(part == "charts" for part in parents[::2]) and len(parents) % 2 == 0
    packed = name.endswith(".tgz") and parents[-1:] == ["charts"]
    return packed or (inside and name in {CHART, VALUES})


def _speaks(path: str) -> bool:
    """What says something of the values that a chart knows, besides: its templates, and its own schema."""
    parts = path.split("/")
    while parts[0] == "charts" and len(parts) > 2:  # noqa: PLR2004 - charts, a chart, what is in it
        parts = parts[2:]
    return _wanted(path) or parts[0] == "templates" or parts == [SCHEMA]


def _opened(path: str, data: bytes, wanted: Wanted) -> Iterator[tuple[str, bytes]]:
    """A file; a packed chart as the files in it."""
    if not path.endswith(".tgz"):
        yield path, data
        return
    place = path.removesuffix(".tgz")
    yield from ((f"{place}/{name}", content) for name, content in _of_archive(data, wanted))


def _values(files: Mapping[str, bytes], root: str = "") -> dict[str, Any]:
    """A chart's values over those of the charts below it, which are called there as the chart calls them."""
    below = f"{root}charts/"
    folders = sorted({path[len(below) :].partition("/")[0] for path in files if path.startswith(below)})
    chart = _parsed(files.get(f"{root}{CHART}", b""))
    aliases = [item for item in chart.get("dependencies") or () if item.get("alias")]
    inner: dict[str, Any] = {}
    for folder in folders:
        name = _parsed(files.get(f"{below}{folder}/{CHART}", b"")).get("name", folder)
        called = [item["alias"] for item in aliases if item.get("name") == name] or [name]
        inner |= dict.fromkeys(called, _values(files, f"{below}{folder}/"))
    return merge(inner, _parsed(files.get(f"{root}{VALUES}", b"")))


def _parsed(text: bytes) -> dict[str, Any]:
    data = yamltext.load(text, strict=False)
    return data if isinstance(data, dict) else {}

"""The releases of a module.yaml: as the catalog has them, and what is wrong with where their charts are."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from slipway.catalog.folder.infolder import template_of
from slipway.catalog.folder.lock import LockFile
from slipway.catalog.folder.modulefile import ReleaseEntry
from slipway.catalog.modules import Release, Wait
from slipway.errors import Finding
from slipway.findings import FindingCode

_BAD: Final = FindingCode.BAD_VALUE
_TWICE: Final = FindingCode.DUPLICATE
_LACKING: Final = FindingCode.MISSING_FIELD


def release_of(entry: ReleaseEntry, lock: LockFile, directory: Path) -> Release:
    """With what lock.yaml knows of its chart."""
    tree = entry.tree.tree() if entry.tree else None
    return Release(
        name=entry.name,
        chart=entry.chart,
        namespace=entry.namespace,
        create_namespace=entry.create_namespace,
        template=template_of(directory / entry.values) if entry.values else "",
        chart_dir=directory / entry.chart_dir if entry.chart_dir else None,
        labels=entry.labels,
        repository=entry.repository,
        version=entry.version,
        locked=lock.chart(entry.repository, entry.chart, entry.version),
        known=lock.known(entry.chart),
        wait=Wait(entry.wait),
        tree=tree,
        locked_tree=lock.tree(tree, entry.chart, entry.version) if tree else None,
    )


def release_mistakes(entries: Sequence[ReleaseEntry], directory: Path) -> Iterator[Finding]:
    """What their fields mean together, and with the folder."""
    first: dict[str, ReleaseEntry] = {}
    for index, entry in enumerate(entries):
        path = f"releases[{index}]"
        yield from _files(path, entry, directory)
        yield from _origins(path, entry)
        if _origin(first.setdefault(entry.chart, entry)) != _origin(entry):
            text = f"release {first[entry.chart].name} has another chart {entry.chart}"
            yield Finding(f"{path}.chart", text, code=_TWICE)
    if entries and entries[-1].wait:
        text = "is said of the last release: no other comes after it"
        yield Finding(f"releases[{len(entries) - 1}].wait", text, code=_BAD)


def _files(path: str, entry: ReleaseEntry, directory: Path) -> Iterator[Finding]:
    overlay = entry.tree.overlay if entry.tree else ""
    for field, given, file in (
        ("values", entry.values, directory / entry.values),
        ("chartDir", entry.chart_dir, directory / entry.chart_dir / "Chart.yaml"),
        ("tree.overlay", overlay, directory / overlay / "kustomization.yaml"),
    ):
        if given and not file.is_file():
            text = f"there is no file {file.relative_to(directory)}"
            yield Finding(f"{path}.{field}", text, code=_BAD)


def _origins(path: str, entry: ReleaseEntry) -> Iterator[Finding]:
    """One, and with what belongs to it."""
    if entry.repository and entry.chart_dir:
        yield Finding(f"{path}.repository", "has a chartDir beside it", code=_TWICE)
    if entry.tree and (entry.repository or entry.chart_dir):
        beside = "repository" if entry.repository else "chartDir"
        yield Finding(f"{path}.tree", f"has a {beside} beside it", code=_TWICE)
    if (entry.repository or entry.tree) and not entry.version:
        of = "at a repository has both" if entry.repository else "out of a tree is packed under one"
        yield Finding(f"{path}.version", f"is missing: a chart {of}", code=_LACKING)
    if entry.version and not (entry.repository or entry.tree):
        yield Finding(f"{path}.repository", "is missing: a chart at a repository has both", code=_LACKING)


def _origin(entry: ReleaseEntry) -> tuple[object, ...]:
    """Where its chart is: what has one name within a module is one chart."""
    return entry.chart_dir, entry.repository, entry.version, entry.tree

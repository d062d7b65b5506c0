"""A release's chart out of a tree: the same bytes for the same tree, overlay and kustomize, wherever it is packed."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from slipway import yamltext
from slipway.bundle.ground.archive import ArchiveEntry, write_tgz
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.licences.files import in_directory
from slipway.bundle.make.charts import CHART
from slipway.bundle.make.programs import output_of
from slipway.bundle.make.sources import source_directory
from slipway.bundle.make.sources.chart import chart_licence
from slipway.bundle.make.trees.bases import check_bases, kustomization_of
from slipway.bundle.make.trees.charts import ChartPlace, chart_entries
from slipway.bundle.make.trees.fetched import has_commit
from slipway.bundle.make.trees.objects import chart_files
from slipway.bundle.make.trees.places import trees
from slipway.catalog import Module, Release, shipped
from slipway.catalog.folder.treefile import ChartOrigin, LockedTree, SubChart
from slipway.catalog.modules import Tree
from slipway.catalog.versions import Versions
from slipway.errors import BundleError

#: Changes whenever the same tree would be packed as other bytes.
FORM: Final = 2
_MANIFESTS: Final = frozenset({".yaml", ".yml", ".json"})
PACKED, FACTS = "chart.tgz", "chart.json"
KUSTOMIZE: Final = "kustomize"
#: A discarded port: whatever a program would fetch, it gets nothing.
_NOWHERE: Final = "http://127.0.0.1:9"
_ALONE: Final = {
    "PATH": "",
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), _NOWHERE),
    "NO_PROXY": "",
    "no_proxy": "",
}


@dataclass(frozen=True, slots=True)
class PackedTree:
    """A chart's file, what lock.yaml keeps of it, and its licence (SPDX; empty: not known)."""

    path: Path
    locked: LockedTree
    licence: str = ""


def locked_tree(module: Module, release: Release, versions: Versions, workshop: Workshop) -> PackedTree:
    """The chart as lock.yaml knows it.

    Raises:
        BundleError: nobody has locked it, or what is packed now is another one.
    """
    known = release.locked_tree
    if known is None:
        what = (
            f"chart {release.chart} {release.version} of module {module.name} would be taken on trust alone"
        )
        hint = f"pack it once, look at it, and keep its digest: slipway catalog lock {module.name}"
        why = "the module's lock.yaml does not have it"
        raise BundleError(what, where=_tree(release).origin, why=why, hint=hint)
    made = packed_tree(module, release, versions, workshop)
    for name, now, then in (
        ("tree", made.locked.sum, known.sum),
        ("chart", made.locked.digest, known.digest),
    ):
        if now != then:
            programs = f", by kustomize {known.kustomize} then and {made.locked.kustomize} now"
            why = f"its {name} has {now}, locked is {then}{programs if known.kustomize else ''}"
            hint = f"find out what is different, then lock it anew: slipway catalog lock {module.name}"
            what = f"chart {release.chart} of module {module.name} is another one than was locked"
            raise BundleError(what, where=_tree(release).origin, why=why, hint=hint)
    return made


def packed_tree(module: Module, release: Release, versions: Versions, workshop: Workshop) -> PackedTree:
    """The chart as it is packed now, or was before.

    Raises:
        BundleError: the tree is not there or not whole, or does not fit the release.
    """
    tree = _tree(release)
    version = versions.source(KUSTOMIZE).version
    namespaces = _namespaces(module)

    def build(dest: Path) -> None:
        with trees(versions, workshop) as found:
            place, fetched = found.place(tree), found.of(tree)
            subcharts: tuple[SubChart, ...] = ()
            program = ""
            if (place.directory / CHART).is_file():
                if tree.overlay:
                    hint = "set its values in the module's values template"
                    raise BundleError("an overlay is for manifests, and the tree has a chart", hint=hint)
                below = found.charts(tree)
                entries, subcharts = chart_entries(place, release.chart, release.version, below, tree.without)
            else:
                if tree.charts or tree.without:
                    hint = "take a path that has a Chart.yaml, or leave them out of module.yaml"
                    raise BundleError("charts are for a chart, and the tree has manifests", hint=hint)
                program = version
                text = _rendered(fetched.root, module, release, versions, workshop)
                entries = _entries(release, text, namespaces)
            digest = str(write_tgz(dest / PACKED, entries)["inner"])
            kept = LockedTree(
                name=release.chart,
                version=release.version,
                origin=tree.origin,
                path=tree.path,
                sum=fetched.sum,
                digest=digest,
                kustomize=program,
                charts=tuple(ChartOrigin(name=name, origin=of, path=at) for name, of, at in tree.places),
                without=tree.without,
                subcharts=subcharts,
            )
            licence = _licence(place, fetched.root)
            facts = {"locked": kept.model_dump(mode="json"), "licence": licence}
            (dest / FACTS).write_text(json.dumps(facts), encoding="utf-8")

    made = workshop.make(*_recipe(module, release, versions), build)
    facts = json.loads((made / FACTS).read_text(encoding="utf-8"))
    return PackedTree(made / PACKED, LockedTree.model_validate(facts["locked"]), facts["licence"])


def is_at_hand(module: Module, release: Release, versions: Versions, workshop: Workshop) -> bool:
    """Whether its chart can be packed, or is packed, without asking a git server."""
    tree = _tree(release)
    needed = (tree, *(one for _, one in tree.charts))
    return workshop.place(*_recipe(module, release, versions)).is_dir() or all(
        one.go_module or has_commit(one, workshop) for one in needed
    )


def _recipe(module: Module, release: Release, versions: Versions) -> tuple[str, str, str, object]:
    """Kind, name and version of what is packed, and all that its bytes depend on."""
    tree = _tree(release)
    overlay = [shipped.digest_of_files([module.directory / tree.overlay])] if tree.overlay else []
    named = [release.chart, release.version, release.namespace, dict(release.labels), _namespaces(module)]
    recipe = [FORM, asdict(tree), overlay, named, versions.source(KUSTOMIZE).version]
    return "tree", f"{module.name}.{release.chart}", release.version, recipe


def _namespaces(module: Module) -> list[str]:
    return sorted({one.namespace for one in module.releases})


def _licence(place: ChartPlace, root: Path) -> str:
    """What a chart says of itself; else of its folder, or of the whole tree."""
    own = chart_licence(place.directory) if (place.directory / CHART).is_file() else ""
    return own or in_directory(place.directory) or in_directory(root)


def _tree(release: Release) -> Tree:
    if release.tree is None:
        raise BundleError(f"release {release.name} is not of a tree")
    return release.tree


def _rendered(root: Path, module: Module, release: Release, versions: Versions, workshop: Workshop) -> str:
    """What kustomize makes of the tree and the module's overlay."""
    tree = _tree(release)
    program = source_directory(KUSTOMIZE, versions, workshop) / KUSTOMIZE
    with _laid_out(root / tree.path, tree.path) as (work, below):
        lines: dict[str, Any] = {"resources": [below]}
        if below == ".":
            lines = {"resources": sorted(file.name for file in work.iterdir())}
        if tree.overlay:
            shutil.copytree(module.directory / tree.overlay, work / "overlay")
            check_bases(work / "overlay", work)
            lines["components"] = ["overlay"]
        if below != ".":
            (work / "tree").symlink_to(root.resolve())
            check_bases(root / tree.path, root)
        (work / "kustomization.yaml").write_text(yamltext.dump(lines), encoding="utf-8")
        return output_of([str(program), "build", str(work)], cwd=work, env=_ALONE | {"HOME": str(work)})


@contextmanager
def _laid_out(place: Path, path: str) -> Iterator[tuple[Path, str]]:
    """A folder to render in, and where the tree's kustomization is below it; plain manifests are copied there."""
    with tempfile.TemporaryDirectory() as work:
        if place.is_dir() and kustomization_of(place):
            yield Path(work), f"tree/{path}"
            return
        files = sorted(place.iterdir()) if place.is_dir() else [place]
        manifests = [file for file in files if file.suffix in _MANIFESTS and file.is_file()]
        manifests = [file for file in manifests if not file.is_symlink()]
        if not manifests:
            raise BundleError(f"{path} has neither a kustomization nor a chart nor manifests")
        for file in manifests:
            shutil.copyfile(file, Path(work) / file.name)
        yield Path(work), "."


def _entries(release: Release, text: str, namespaces: list[str]) -> list[ArchiveEntry]:
    """A chart that has no values: what could be set, the overlay has set."""
    manifests = [item for item in yamltext.load_all(text, strict=False) if item]
    files = chart_files(manifests, namespaces, release.labels)
    chart = {"apiVersion": "v2", "name": release.chart, "version": release.version, "type": "application"}
    chart["description"] = f"{_tree(release).path} of {_tree(release).origin}"
    texts = {"Chart.yaml": yamltext.dump(chart), **files}
    return [
        ArchiveEntry(f"{release.chart}/{path}", mode=0o644, data=content.encode())
        for path, content in texts.items()
    ]

"""A Helm chart out of the Go module that is compiled anyway: packed by us, checked by a digest that is pinned."""

from pathlib import Path

from slipway import yamltext
from slipway.bundle.ground.archive import ArchiveEntry, tree_entries, write_tgz
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.licences.expression import spdx_expression
from slipway.bundle.licences.files import in_directory
from slipway.bundle.make.sources.go import GoSource
from slipway.bundle.sbom.parts import Component
from slipway.catalog import pins, shipped
from slipway.catalog.versions import Versions
from slipway.errors import BundleError
from slipway.model.platforms import Platform

PACKED = "chart.tgz"
#: The annotation that Artifact Hub reads.
LICENCE = "artifacthub.io/license"


class ChartSource:
    """Packs a directory of a module."""

    kind = "chart"

    def __init__(self, versions: Versions, workshop: Workshop, platform: Platform) -> None:
        self.go = GoSource(versions, workshop, platform)

    def recipe(self, spec: pins.ChartPin) -> object:
        """The pinned digest is in the specification."""
        return spec.model_dump(mode="json")

    def fetch(self, spec: pins.ChartPin, dest: Path) -> None:
        """dest/chart.tgz."""
        directory = Path(self.go.download(spec.module, spec.version)["Dir"]) / spec.directory
        found = pack_chart(directory, dest / PACKED)
        if found != spec.digest:
            raise BundleError(
                f"chart of {spec.module} {spec.version} is not the one that is pinned",
                where=spec.directory,
                why=f"its digest is {found}, pinned is {spec.digest}",
                hint="read what changed in it, then pin the new digest in images/versions.yaml",
            )

    def licences(self, spec: pins.ChartPin, place: Path) -> dict[str, str]:
        """Of the packed chart: what it says itself, else the licence of its module."""
        del place
        module = self.go.directory(spec.module, spec.version)
        return {PACKED: chart_licence(module / spec.directory) or in_directory(module)}

    def parts(self, spec: pins.ChartPin, place: Path) -> dict[str, list[Component]]:
        """None: it is one."""
        del spec, place
        return {}


def chart_licence(chart: Path) -> str:
    """What a chart's Chart.yaml says; empty where it says nothing that SPDX knows."""
    stated = yamltext.load((chart / "Chart.yaml").read_bytes(), strict=False).get("annotations") or {}
    return spdx_expression(str(stated.get(LICENCE, "")))


def pack_chart(directory: Path, target: Path) -> str:
    """Pack a chart's directory under the chart's name, as Helm expects; the digest of the tar inside."""
    entries = [_plain(entry) for entry in tree_entries(directory, _name(directory)) if _belongs(entry)]
    return str(write_tgz(target, entries)["inner"])


def pack_own_chart(directory: Path, target: Path) -> None:
    """The same of a module's own chart: what of it is shipped."""
    name = _name(directory)
    paths = {file: f"{name}/{file.relative_to(directory).as_posix()}" for file in shipped.files(directory)}
    write_tgz(target, [ArchiveEntry(path, mode=0o644, source=file) for file, path in paths.items()])


def _name(directory: Path) -> str:
    return str(yamltext.load((directory / "Chart.yaml").read_bytes(), strict=False)["name"])


def _belongs(entry: ArchiveEntry) -> bool:
    return not entry.path.endswith((".pyc", "/OWNERS")) and "/ci/" not in f"{entry.path}/"


def _plain(entry: ArchiveEntry) -> ArchiveEntry:
    """The module cache is read-only and says nothing of modes: the same for all."""
    is_file = entry.source is not None
    return ArchiveEntry(entry.path, mode=0o644 if is_file else 0o755, source=entry.source, link=entry.link)

"""A module's build.yaml: how its images are assembled and where its charts come from, beside those of the core.

Names of sources, layers and charts are the module's own: within it they come before the core's, and no other module
sees them. Images have the names under which the whole world knows them, so no two modules may describe one.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

from slipway.catalog import shipped
from slipway.catalog.pins import Chart, Image, Layer, Pinned, SourcePin
from slipway.catalog.versions import Versions
from slipway.errors import Finding
from slipway.findings import FindingCode
from slipway.model.bundle import chart_name

#: Between a module and a name of its own; no module has one in its name.
_OF: Final = "."


class Build(Pinned):
    """The file."""

    format: Literal[1] = 1
    sources: tuple[SourcePin, ...] = ()
    layers: tuple[Layer, ...] = ()
    images: tuple[Image, ...] = ()
    charts: tuple[Chart, ...] = ()


def with_build(versions: Versions, directory: Path, build: Build) -> Versions:
    """The core's pins and those of a module's folder, which are called MODULE.NAME from here on."""
    module = directory.name
    own = {source.name for source in build.sources}
    layers = {layer.name for layer in build.layers}

    def of(name: str, names: Iterable[str]) -> str:
        return f"{module}{_OF}{name}" if name in names else name

    def file(path: str) -> str:
        source, slash, rest = path.partition("/")
        return f"{of(source, own)}{slash}{rest}"

    def files(paths: Mapping[str, str]) -> dict[str, str]:
        return {target: file(path) for target, path in paths.items()}

    def called(source: SourcePin) -> SourcePin:
        base = {"base": of(source.base, own)} if source.type == "python" else {}
        return source.model_copy(update={"name": of(source.name, own), **base})

    return versions.model_copy(
        update={
            "sources": (*versions.sources, *map(called, build.sources)),
            "folders": {**versions.folders, **{of(name, own): directory for name in own}},
            "layers": (
                *versions.layers,
                *(
                    layer.model_copy(
                        update={
                            "name": of(layer.name, layers),
                            "files": files(layer.files),
                            "tree": file(layer.tree) if layer.tree else "",
                        }
                    )
                    for layer in build.layers
                ),
            ),
            "images": (
                *versions.images,
                *(
                    image.model_copy(
                        update={
                            "layers": tuple(of(name, layers) for name in image.layers),
                            "files": files(image.files),
                        }
                    )
                    for image in build.images
                ),
            ),
            "charts": (
                *versions.charts,
                *(
                    chart.model_copy(
                        update={
                            "name": chart_name(module, chart.name),
                            "source": of(chart.source, own),
                        }
                    )
                    for chart in build.charts
                ),
            ),
        }
    )


def build_mistakes(versions: Versions, directory: Path, build: Build) -> Iterator[Finding]:
    """What of a module's build.yaml contradicts itself, its folder or what is pinned already."""
    module = directory.name
    yield from twice_findings("sources", [source.name for source in build.sources])
    yield from twice_findings("layers", [layer.name for layer in build.layers])
    yield from twice_findings("images", [image.reference for image in build.images])
    yield from twice_findings("charts", [chart.name for chart in build.charts])
    known = {image.reference for image in versions.images}
    for index, image in enumerate(build.images):
        if image.reference in known:
            text = f"{image.reference} is pinned already, by the core or by another module"
            yield Finding(f"images[{index}]", text, code=FindingCode.DUPLICATE)
    shipped_files = {file.relative_to(directory).as_posix() for file in shipped.files(directory)}
    for index, source in enumerate(build.sources):
        for name in sorted({*source.needs} - shipped_files):
            text = f"{name} is no file of the module's folder that is shipped"
            yield Finding(f"sources[{index}]", text, code=FindingCode.MISSING)
    merged = with_build(versions, directory, build)
    for text in merged.dangling():
        yield Finding("", text.replace(f"{module}{_OF}", ""), code=FindingCode.MISSING)


def twice_findings(field: str, names: Iterable[str], what: str = "") -> Iterator[Finding]:
    """Names that a list has more than once; `what` they are, where the field does not say it."""
    for name, count in Counter(names).items():
        if count > 1:
            label = f"{what} {name}" if what else name
            yield Finding(field, f"{label} is there {count} times", code=FindingCode.DUPLICATE)

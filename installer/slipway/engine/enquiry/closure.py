"""Is a bundle complete for one ClusterConfiguration? Its charts tell, rendered by its own Helm with this site's values.

`slipway bundle verify -f` asks this after every byte was checked, and the signature where the site trusts keys:
Helm is a program out of the bundle.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from slipway.bundle.make.charts import read_chart
from slipway.bundle.site.source import ArtifactSource
from slipway.catalog import Catalog
from slipway.catalog.images.acknowledged import acknowledgements
from slipway.catalog.images.found import Found, Rendering, found_in
from slipway.catalog.images.names import parse
from slipway.catalog.images.references import Use
from slipway.cluster.lifecycle.helm import Helm
from slipway.engine.artifacts import this_machine
from slipway.engine.enquiry.images import PARALLEL, rendering
from slipway.errors import WARNING, BundleError, Finding, SlipwayError
from slipway.findings import FindingCode
from slipway.model.bundle import ArtifactKind, BundleManifest
from slipway.model.configuration import Configuration
from slipway.planning.modules import request_of
from slipway.planning.plan import required_images
from slipway.planning.together.ground import Ground, ground_of

_REBUILD = "build the bundle again: slipway bundle build -f cluster.yaml -o DIR"
_DECLARE = "slipway catalog verify -f cluster.yaml says how to put the module right"


@dataclass(frozen=True, slots=True)
class Closure:
    """Images that this site needs by their references, whose they are, and what is wrong."""

    images: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = field(default=())


def closure(configuration: Configuration, catalog: Catalog, source: ArtifactSource) -> Closure:
    """Everything that Kubernetes and the enabled modules need, against what the bundle has."""
    manifest = source.manifest()
    if manifest.catalog != catalog.core:
        text = "was made by another release of Slipway, or with other roles"
        return Closure(
            findings=(
                Finding("bundle", text, expected=catalog.core, hint=_REBUILD, code=FindingCode.OTHER_RELEASE),
            )
        )
    bundle = catalog.bundle_for(configuration, manifest)
    helm = bundle.find(ArtifactKind.BINARY, "helm", platform=this_machine())
    if helm is None:
        text = f"is not in the bundle for this machine, {this_machine().name}"
        return Closure(findings=(Finding("binary/helm", text, hint=_REBUILD, code=FindingCode.MISSING),))
    ground = ground_of(configuration, catalog, manifest)
    modules = tuple(name for name, it in ground.selection.items() if it.enabled)
    look = partial(_found, ground, source, Helm(source.path(helm), None))
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="helm") as pool:
        results = list(pool.map(look, modules))
    failed = [result for result in results if isinstance(result, Finding)]
    found = [item for result in results if isinstance(result, list) for item in result]
    needed = {**required_images(configuration, catalog), **_upgrades(manifest, catalog)}
    images = {parse(item.reference.image).reference for item in found if item.reference.use is not Use.TEXT}
    wrong = (*failed, *_missing(manifest, needed, found), *_programs(configuration, manifest, catalog))
    own = dict.fromkeys(who for who in needed.values() if not who.startswith("module "))
    return Closure(tuple(sorted(images | set(needed))), (*own, *modules), wrong)


def _found(ground: Ground, source: ArtifactSource, helm: Helm, name: str) -> list[Found] | Finding:
    """What a module's charts refer to, or why that cannot be told."""
    try:
        known = acknowledgements(ground.catalog.modules[name])
        found = found_in(_renderings(ground, source, helm, name))
        return [item for item in found if not known.cover(item.reference)]
    except SlipwayError as error:
        why = f": {error.why}" if error.why else ""
        where = error.where or f"module/{name}"
        code = FindingCode.MISSING if isinstance(error, BundleError) else FindingCode.NOT_RENDERED
        return Finding(where, f"{error.what}{why}", hint=error.hint, code=code)


def _renderings(ground: Ground, source: ArtifactSource, helm: Helm, name: str) -> Iterator[Rendering]:
    """A module's charts, rendered as an apply would have them."""
    manifest = source.manifest()
    for release in request_of(ground, name, ground.rendered(name).values).releases:
        artifact = manifest.chart(name, release.chart.name)
        if artifact:
            chart, place = read_chart(source.path(artifact)), (release.name, release.namespace)
            for version in _versions(ground.configuration, manifest) or ("",):
                yield rendering(*place, chart, release.values, helm, version)


def _versions(configuration: Configuration, manifest: BundleManifest) -> tuple[str, ...]:
    """Kubernetes as the site has it, and as upgrades will have it for which the bundle was built."""
    kubernetes = configuration.spec.kubernetes
    return tuple(dict.fromkeys([kubernetes.version, *manifest.kubernetes])) if kubernetes else ()


def _upgrades(manifest: BundleManifest, catalog: Catalog) -> dict[str, str]:
    """Reference -> the version that needs it, of every version that the bundle is for."""
    return {
        reference: f"kubernetes {version}"
        for version in manifest.kubernetes
        for reference in catalog.versions.release(version).images
    }


def _programs(configuration: Configuration, manifest: BundleManifest, catalog: Catalog) -> Iterator[Finding]:
    """Programs of every version that are not there for some platform of hosts."""
    programs = [a for a in manifest.artifacts if a.kind is ArtifactKind.BINARY]
    for platform in configuration.platforms:
        carried = {(a.name, a.version) for a in programs if a.serves(platform)}
        for version in _versions(configuration, manifest):
            for name, wanted in catalog.versions.release(version).binaries.items():
                if (name, wanted) not in carried:
                    text = f"is not in the bundle for {platform.name}; kubernetes {version} needs it"
                    yield Finding(f"binary/{name}:{wanted}", text, hint=_REBUILD, code=FindingCode.MISSING)


def _missing(manifest: BundleManifest, needed: dict[str, str], found: list[Found]) -> Iterator[Finding]:
    """Images that are not there, each once, with who needs them: certain references say most, text least."""
    carried = {a.reference: a.digest for a in manifest.artifacts if a.kind is ArtifactKind.IMAGE}
    told: set[str] = set()
    for item in sorted(found, key=lambda item: item.reference.use is Use.TEXT):
        image = parse(item.reference.image)
        certain = item.reference.use is not Use.TEXT
        if image.reference in told:
            continue
        if image.reference not in carried:
            told.add(image.reference)
            yield _absent(image.reference, item, declared=image.reference in needed)
        elif certain and image.tag and image.digest not in {"", carried[image.reference]}:
            told.add(image.reference)
            text = f"{_place(item)} wants another one than the bundle has"
            yield Finding(
                f"image/{image.reference}",
                text,
                expected=image.digest,
                hint=_REBUILD,
                code=FindingCode.OTHER_IMAGE,
            )
    for reference, who in needed.items():
        if reference not in carried and reference not in told:
            yield Finding(
                f"image/{reference}",
                f"is not in the bundle; {who} needs it",
                hint=_REBUILD,
                code=FindingCode.MISSING_IMAGE,
            )


def _absent(reference: str, item: Found, *, declared: bool) -> Finding:
    """A module's own list is what a bundle is built from: what is not in it comes by no other build."""
    hint = _REBUILD if declared else _DECLARE
    if item.reference.use is Use.TEXT and not declared:
        text = f"is not in the bundle; text in {_place(item)} names it"
        return Finding(
            f"image/{reference}", text, hint=hint, code=FindingCode.MENTIONED_IMAGE, severity=WARNING
        )
    text = f"is not in the bundle; {_place(item)} refers to it"
    return Finding(f"image/{reference}", text, hint=hint, code=FindingCode.MISSING_IMAGE)


def _place(item: Found) -> str:
    place = item.place
    values = f" (values: {', '.join(place.values)})" if place.values else ""
    return f"{place.object} of chart {place.chart}, {place.template}, {place.field}{values},"

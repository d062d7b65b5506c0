"""`slipway catalog show`: one module, and in a site why it is on or off."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli.cataloging.facts import level_of, module_facts
from slipway.cli.views.output import Format, Output, aligned, colour, emit

if TYPE_CHECKING:
    from slipway.catalog import Catalog, Module, Release
    from slipway.catalog.relations.selecting import Selected
    from slipway.model.amounts import PodRequests

SiteFile = Annotated[
    Path | None,
    typer.Option(
        "--file", "-f", help="A ClusterConfiguration: is it on there, and why? With its site's modules."
    ),
]
#: Names that one line has; of more, how many.
_SHOWN = 8


def show(
    name: Annotated[str, typer.Argument(help="A module.")],
    file: SiteFile = None,
    output: Output = Format.TEXT,
) -> None:
    """Show a module: what it is, needs, asks for and leaves behind; with -f also why it is on or off there."""
    catalog, selected = looked_at(file)
    module = catalog.named(name)
    decision = selected.get(name)
    if output is Format.JSON:
        on = {"enabled": decision.enabled, "why": decision.why} if decision else {}
        emit(module_facts(module) | on)
        return
    print(f"{colour(f'{module.name} {module.version}', 'bold')}  {module.group}")
    print(f"{module.summary}\n")
    for line in aligned(list(_rows(catalog, module, decision))):
        print(line)


def looked_at(file: Path | None) -> "tuple[Catalog, dict[str, Selected]]":
    """The catalog, and what is decided for its modules in a site, if one is named."""
    from slipway import catalog as catalogs
    from slipway.api import read
    from slipway.engine.supply.offered import catalog_of_site

    if file is None:
        return catalogs.load(), {}
    catalog = catalog_of_site(file)
    return catalog, catalog.selection(read.load(file))


def _rows(catalog: "Catalog", module: "Module", decision: "Selected | None") -> Iterator[tuple[str, str]]:
    from slipway.catalog.relations.related import dependents_of, relations_of

    if decision:
        yield "on" if decision.enabled else "off", decision.why
    yield "level", level_of(module)
    yield "kubernetes", module.kubernetes.text or "all of this release"
    if module.provides:
        names = (f"{one.name} (one in a cluster)" if one.exclusive else one.name for one in module.provides)
        yield "provides", ", ".join(names)
    for link in relations_of(catalog.modules, module):
        others = ", ".join(one for one in link.providers if one != link.name)
        of = f": {others}" if others else "" if link.providers else ": no module of this catalog"
        yield str(link.kind), f"{link.name}{of}{f', {link.condition}' if link.condition else ''}"
    if dependents := dependents_of(catalog.modules, module.name):
        yield "needed by", _few(dependents)
    for release in module.releases:
        yield "release", f"{release.name} in {release.namespace}: {_origin(release)}"
    yield "asks for", " + ".join(map(_asked, module.resources)) or "nothing that is known"
    yield "images", _few(module.images) if module.images else "none"
    if module.images:
        yield "digests", _digests(catalog, module)
    for secret in module.secrets:
        yield "secret", f"{secret.name}: {secret.purpose}"
    removal = module.removal
    yield "removed", f"definitions: {removal.crds}, data: {removal.data}, namespace: {removal.namespace}"
    if settings := tuple(module.schema.get("properties", {})):
        yield "settings", _few(settings)


def _digests(catalog: "Catalog", module: "Module") -> str:
    """How it comes that a bundle has the right contents under the names of its images."""
    recipes = {image.full_reference for image in catalog.versions.images}
    pulled = [image for image in module.images if image not in recipes]
    unread = tuple(image for image in pulled if image in module.unread)
    built, read = len(module.images) - len(pulled), len(pulled) - len(unread)
    parts = [f"{read} read at their registries"] if read else []
    parts += [f"{built} built from source"] if built else []
    parts += [f"{len(unread)} unread, of which a bundle reads the digests: {_few(unread)}"] if unread else []
    return "; ".join(parts)


def _few(names: tuple[str, ...]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f", and {more} more (-o json)" if more > 0 else "")


def _origin(release: "Release") -> str:
    """Where its chart is from."""
    if release.chart_dir:
        return "a chart of its own"
    if release.tree:
        return f"chart {release.chart} {release.version} of {release.tree.origin}"
    if release.repository:
        return f"chart {release.chart} {release.version} of {release.repository}"
    return f"chart {release.chart} out of the source of its program"


def _asked(one: "PodRequests") -> str:
    per = " on each node" if one.per_node else ""
    return f"{one.amount}{per}{f' x {one.times}' if one.times else ''}"

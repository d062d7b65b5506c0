"""`slipway catalog graph`: what modules need and use, as a tree for people or as a graph for programs."""

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli.cataloging.show import SiteFile, looked_at
from slipway.cli.views.output import colour, emit

if TYPE_CHECKING:
    from slipway.catalog import Catalog
    from slipway.catalog.relations.related import Relation
    from slipway.catalog.relations.selecting import Selected


class GraphFormat(StrEnum):
    """Of a graph; `dot` is for Graphviz."""

    TEXT = "text"
    DOT = "dot"
    JSON = "json"


def graph(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Modules, with all that they need; none: all."),
    ] = None,
    file: SiteFile = None,
    output: Annotated[
        GraphFormat, typer.Option("--output", "-o", help="text, dot (Graphviz) or json.")
    ] = GraphFormat.TEXT,
) -> None:
    """Show what modules require, use and cannot be beside; with -f those that are on there."""
    catalog, selected = looked_at(file)
    roots = [catalog.named(name).name for name in names or ()]
    roots = roots or [name for name in catalog.modules if not selected or selected[name].enabled]
    links = dict(_reached(catalog, roots))
    if output is GraphFormat.TEXT:
        for root in roots:
            _print_tree(links, root, selected)
    elif output is GraphFormat.DOT:
        print("\n".join(_dot(links, selected)))
    else:
        emit(
            {
                "modules": [
                    {"name": name, "group": str(catalog.modules[name].group), "links": list(found)}
                    | ({"enabled": selected[name].enabled} if selected else {})
                    for name, found in links.items()
                ]
            }
        )


def _reached(catalog: "Catalog", roots: list[str]) -> "Iterator[tuple[str, tuple[Relation, ...]]]":
    """The modules and all that they may require, each once."""
    from slipway.catalog.relations.related import RelationKind, relations_of

    queue = list(dict.fromkeys(roots))
    for name in queue:  # grows while it is walked
        links = relations_of(catalog.modules, catalog.modules[name])
        yield name, links
        required = (one for link in links if link.kind is RelationKind.REQUIRES for one in link.providers)
        queue += [one for one in dict.fromkeys(required) if one not in queue]


def _print_tree(links: "dict[str, tuple[Relation, ...]]", root: str, selected: "dict[str, Selected]") -> None:
    why = f"  {selected[root].why}" if selected else ""
    print(f"{colour(root, 'bold')}{why}")
    for line in _branches(links, root, (root,), selected):
        print(line)


def _branches(
    links: "dict[str, tuple[Relation, ...]]",
    name: str,
    above: tuple[str, ...],
    selected: "dict[str, Selected]",
) -> Iterator[str]:
    """One line for each link, those of what is required below it; of several providers those that are on, or all."""
    from slipway.catalog.relations.related import RelationKind

    found = links.get(name, ())
    for number, link in enumerate(found):
        last = number == len(found) - 1
        on = [one for one in link.providers if selected and selected[one].enabled]
        others = on or list(link.providers)
        told = " or ".join(others) or "no module of this catalog"
        of = "" if others == [link.name] else f": {told}"
        when = f", {link.condition}" if link.condition else ""
        yield f"{'└─' if last else '├─'} {link.kind} {link.name}{of}{when}"
        if link.kind is RelationKind.REQUIRES and len(others) == 1 and others[0] not in above:
            for line in _branches(links, others[0], (*above, others[0]), selected):
                yield f"{'   ' if last else '│  '}{line}"


def _dot(links: "dict[str, tuple[Relation, ...]]", selected: "dict[str, Selected]") -> Iterator[str]:
    """In Graphviz' words: solid what is required, dashed what is used, red what cannot be side by side."""
    style = {"requires": "solid", "uses": "dashed", "conflicts": "dotted"}
    yield "digraph modules {"
    yield "  rankdir=LR; node [shape=box];"
    for name, found in links.items():
        if selected and selected[name].enabled:
            yield f'  "{name}" [style=filled];'
        for link in found:
            colours = ", color=red, dir=both, constraint=false" if link.kind == "conflicts" else ""
            label = "" if link.providers == (link.name,) else f', label="{link.name}"'
            for other in link.providers:
                yield f'  "{name}" -> "{other}" [style={style[link.kind]}{label}{colours}];'
    yield "}"

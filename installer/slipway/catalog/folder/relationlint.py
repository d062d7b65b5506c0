"""What is wrong with what a module says of others: found in the folders alone, before anybody enables two of them."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING

from slipway.catalog.modules import Module
from slipway.catalog.relations.asking import asking_findings
from slipway.catalog.relations.ordering import order_of
from slipway.errors import ConfigurationError, Finding
from slipway.findings import FindingCode

if TYPE_CHECKING:
    from slipway.catalog.catalog import Catalog


def relation_findings(catalog: "Catalog", module: Module) -> Iterator[Finding]:
    """Findings by field of module.yaml."""
    yield from _twice(module)
    yield from _unknown(catalog, module)
    yield from _exclusive(catalog, module)
    yield from asking_findings(module)
    yield from _circle(catalog, module)


def _twice(module: Module) -> Iterator[Finding]:
    """A name stands in one list, once; what a module has itself it neither requires nor uses.

    What is required with certain settings alone may be used with the others.
    """
    seen: dict[str, str] = {}
    always = {one.name for one in module.requires if not one.when}
    for field, names in _named(module).items():
        for index, name in enumerate(names):
            path, first = f"{field}[{index}]", seen.setdefault(name, field)
            if name in module.names and field != "conflicts":
                yield Finding(path, f"{name} is what the module has itself", code=FindingCode.BAD_VALUE)
                continue
            sometimes = field == "uses" and first == "requires" and name not in always
            if (first != field and not sometimes) or (names.index(name) < index and field != "requires"):
                yield Finding(path, f"{name} is in {first} already", code=FindingCode.DUPLICATE)


def _named(module: Module) -> dict[str, list[str]]:
    return {
        "requires": [one.name for one in module.requires],
        "uses": [one.name for one in module.uses],
        "conflicts": [one.name for one in module.conflicts],
    }


def _unknown(catalog: "Catalog", module: Module) -> Iterator[Finding]:
    """A name that nothing has may be that of a module to come; one that is nearly another is misspelt."""
    known = sorted(
        {name for other in catalog.modules.values() for name in other.names} | catalog.broken.keys()
    )
    for field, names in _named(module).items():
        for index, name in enumerate(names):
            close = get_close_matches(name, known, n=1, cutoff=0.8)
            if close and name not in known:
                hint = f"did you mean {close[0]!r}?"
                text = f"nothing is called {name!r}"
                yield Finding(f"{field}[{index}]", text, hint=hint, code=FindingCode.MISSING)


def _exclusive(catalog: "Catalog", module: Module) -> Iterator[Finding]:
    """All who provide a capability say the same of it."""
    for index, own in enumerate(module.provides):
        for other in catalog.modules.values():
            if not own.exclusive and any(one.name == own.name and one.exclusive for one in other.provides):
                text = f"{own.name} is exclusive, as {other.name} says"
                expected = f"{{name: {own.name}, exclusive: true}}"
                yield Finding(f"provides[{index}]", text, expected=expected, code=FindingCode.BAD_VALUE)
                break


def _circle(catalog: "Catalog", module: Module) -> Iterator[Finding]:
    """With all that are called so on at once, the module still has a place in the order."""
    called: dict[str, list[str]] = {}
    for other in catalog.modules.values():
        for name in other.names:
            called.setdefault(name, []).append(other.name)
    before = {
        one.name: {
            other
            for wanted in (*(its.name for its in one.requires), *(use.name for use in one.uses if use.first))
            for other in called.get(wanted, ())
        }
        - {one.name}
        for one in catalog.modules.values()
    }
    reached = _reached(before, module.name)
    if module.name in reached:
        among = {name: before[name] & reached for name in reached}
        try:
            order_of({name: catalog.modules[name] for name in reached}, among)
        except ConfigurationError as exc:
            yield Finding("uses", f"{exc.what}: {exc.why}", hint=exc.hint, code=FindingCode.BAD_VALUE)


def _reached(before: dict[str, set[str]], start: str) -> set[str]:
    """All that a module waits for, and what these wait for."""
    found: set[str] = set()
    waiting = [*before[start]]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += before[name]
    return found

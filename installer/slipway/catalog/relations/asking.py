"""`has('monitoring')` in values templates: whether something that the module uses is on."""

from collections.abc import Callable, Collection, Iterator

from slipway.catalog.modules import Module
from slipway.errors import Finding
from slipway.findings import FindingCode


def has_of(module: Module, on: Collection[str], asked: dict[str, bool]) -> Callable[[str], bool]:
    """What answers; names under `uses` alone may be asked. What was asked is put into `asked`."""
    known = {use.name for use in module.uses}

    def has(name: str) -> bool:
        if name not in known:
            raise LookupError(f"has({name!r}): {name} is not among the module's uses")
        asked[name] = name in on
        return asked[name]

    return has


def answers(module: Module) -> list[tuple[str, ...]]:
    """What may be on when it is looked at beforehand: nothing that it uses, and all of it."""
    uses = tuple(use.name for use in module.uses)
    return [(), uses] if uses else [()]


def asking_findings(module: Module) -> Iterator[Finding]:
    """Questions in templates that can have no answer, also in branches which no settings of the tests reach."""
    known = sorted(use.name for use in module.uses)
    for index, release in enumerate(module.releases):
        for name in _questions(release.template):
            if name in known:
                continue
            text = f"asks has({name!r})" if name else "asks has() for what it works out"
            expected = (
                f"a name under uses: {', '.join(known)}" if known else "a name under uses, which has none"
            )
            yield Finding(f"releases[{index}].values", text, expected=expected, code=FindingCode.BAD_VALUE)


def _questions(template: str) -> Iterator[str]:
    """The name in each question; empty for one that is no text."""
    from jinja2 import Environment, TemplateSyntaxError, nodes

    try:
        tree = Environment(autoescape=True).parse(template)
    except TemplateSyntaxError:
        return  # told where it is rendered
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name == "has":
            first = call.args[0] if len(call.args) == 1 and not call.kwargs else None
            yield first.value if isinstance(first, nodes.Const) and isinstance(first.value, str) else ""

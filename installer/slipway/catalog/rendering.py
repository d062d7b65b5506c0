"""From settings to Helm values: Jinja2 makes YAML, raw values go over it; maps merge, lists replace."""

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from slipway import yamltext
from slipway.catalog.modules import Module, Release
from slipway.catalog.relations.asking import has_of
from slipway.catalog.relations.succession import UpgradeStep
from slipway.catalog.secrets import secret_names
from slipway.errors import ConfigurationError
from slipway.yamltext import YamlTextError

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.sandbox import SandboxedEnvironment


_Made = TypeVar("_Made")


class Rendered(NamedTuple):
    """Values of each release, and what the templates asked of other modules with the answers."""

    values: dict[str, dict[str, Any]]
    asked: dict[str, bool]


#: A template is a program of its author: what it adds, divides, counts or includes can fail as any program's does.
_OF_TEMPLATES: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def values(
    module: Module,
    settings: Mapping[str, Any],
    overrides: Mapping[str, Any],
    facts: Mapping[str, Any],
    on: Collection[str] = (),
) -> Rendered:
    """Values of each release. With several releases, raw values are given per release name.

    `on`: of the module's `uses` those that something has which is on.
    """
    several, asked = len(module.releases) > 1, dict[str, bool]()
    made = {
        release.name: merge(
            render(module, release, settings, facts, has_of(module, on, asked)),
            overrides.get(release.name, {}) if several else overrides,
        )
        for release in module.releases
    }
    return Rendered(made, dict(sorted(asked.items())))


def render(
    module: Module,
    release: Release,
    settings: Mapping[str, Any],
    facts: Mapping[str, Any],
    has: Callable[[str], bool],
) -> dict[str, Any]:
    """A release's values as its template makes them."""
    names = {"settings": settings, "facts": facts, "has": has}
    what = f"the values of release {release.name}"

    def data(text: str) -> dict[str, Any]:
        return _map(yamltext.load(text))

    return _made(module, what, release.template, names, data, kind="values template")


def step_objects(
    module: Module, step: UpgradeStep, settings: Mapping[str, Any], facts: Mapping[str, Any]
) -> tuple[dict[str, Any], ...]:
    """The objects of a step of an upgrade. Other modules are not asked for: a step runs once, whoever comes later.

    Raises:
        ConfigurationError: its template cannot be rendered, or makes no objects.
    """

    def objects(text: str) -> tuple[dict[str, Any], ...]:
        return tuple(_object(one) for one in yamltext.load_all(text) if one is not None)

    names = {"settings": settings, "facts": facts}
    what = f"step {step.name} of an upgrade"
    return _made(module, what, step.template, names, objects, kind="template")


def _made(
    module: Module,
    what: str,
    template: str,
    names: Mapping[str, Any],
    read: Callable[[str], _Made],
    *,
    kind: str,
) -> _Made:
    """What is read of a template's text; `names` are known in it besides the module's images and secrets.

    `what` it makes, and which `kind` of template it is, for people.
    """
    import jinja2

    try:
        known = {"image": _images(module), "secret": secret_names(module, names["settings"])}
        return read(_template(template).render(**known, **names))
    except (jinja2.TemplateError, YamlTextError, *_OF_TEMPLATES) as exc:
        raise ConfigurationError(
            f"module {module.name}: {what} cannot be rendered",
            where=f"spec.modules.{module.name}",
            why=str(exc),
            hint=f"this is a defect of the module's {kind}",
        ) from exc


def _object(data: Any) -> dict[str, Any]:
    found = _map(data)
    if not (found.get("apiVersion") and found.get("kind") and _map(found.get("metadata")).get("name")):
        raise LookupError("an object has no apiVersion, kind or name")
    return found


def _map(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict | None):
        raise LookupError("they are no map")  # noqa: TRY004 - of a text, not of a type
    return data or {}


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid over `base`: maps merge, all else (lists, null) replaces."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(below, value) if both else value  # type: ignore[arg-type]
    return merged


def _images(module: Module) -> Callable[[str], dict[str, str]]:
    """`image('ghcr.io/x/y')` in a template: {name, tag, reference} of an image that the module declares.

    One that is declared with several tags is asked for with its tag.
    """
    declared: dict[str, list[str]] = {}
    for reference in module.images:
        declared.setdefault(reference.rpartition(":")[0], []).append(reference)
        declared[reference] = [reference]

    def image(name: str) -> dict[str, str]:
        found = declared.get(name, [])
        if not found:
            raise LookupError(f"image {name} is not in the module's list of images")
        if len(found) > 1:
            raise LookupError(f"image {name} is declared several times: write one of {', '.join(found)}")
        given, _, tag = found[0].rpartition(":")
        return {"name": given, "tag": tag, "reference": found[0]}

    return image


@cache
def _template(text: str) -> "Template":
    """Compiled once: the same templates are rendered for every plan."""
    return _environment().from_string(text)


@cache
def _environment() -> "SandboxedEnvironment":
    """Sandboxed, since a team may bring modules of its own; an unknown name is an error, never empty text."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    return SandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_as_json
    )


def _as_json(value: Any) -> Any:
    """What an expression gives stays one value of the YAML; what is marked safe, as by `tojson`, is text already."""
    from jinja2 import Undefined
    from jinja2.utils import htmlsafe_json_dumps
    from markupsafe import Markup

    return value if isinstance(value, Markup | Undefined) else htmlsafe_json_dumps(value)

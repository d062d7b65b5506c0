"""Who wins: the user's file against what others set on the live ClusterConfiguration.

A field that the file does not mention and somebody else set stays, and counts; one that the file sets otherwise
than somebody else did is a conflict, until it is forced.
"""

from collections.abc import Mapping
from typing import Any

from slipway.api import read
from slipway.engine.context import Context
from slipway.errors import ConflictError, Finding
from slipway.model.configuration import Configuration
from slipway.model.observed import LiveConfiguration, Observed

_ABSENT = object()


def effective(context: Context, observed: Observed) -> Configuration:
    """The configuration as the cluster will hold it after this apply.

    Raises:
        ConflictError: naming each field, its manager and both values.
    """
    document, mine = context.document, context.configuration
    live = next(
        (c for c in observed.cluster.configurations if (c.namespace, c.name) == (mine.namespace, mine.name)),
        None,
    )
    if document is None or live is None or not live.managers:
        return mine
    spec = dict(document.get("spec") or {})
    conflicts = [] if context.force_conflicts else list(_conflicts(spec, live))
    if conflicts:
        raise ConflictError(
            "fields were changed in the cluster by somebody else",
            where=f"clusterconfiguration/{live.name}",
            hint="take their values into your file, or run it again with --force-conflicts",
            findings=tuple(conflicts),
        )
    for path in sorted(live.managers):
        value = _at(live.spec, path)
        if _at(spec, path) is _ABSENT and value is not _ABSENT:
            spec = _with(spec, path.split("."), value)
    return read.parse_spec(spec, name=mine.name, namespace=mine.namespace, generation=live.generation)


def _conflicts(spec: Mapping[str, Any], live: LiveConfiguration) -> list[Finding]:
    found = []
    for path, manager in sorted(live.managers.items()):
        here, there = _at(spec, path), _at(live.spec, path)
        if here is not _ABSENT and there is not _ABSENT and here != there:
            text = f"is {there!r} in the cluster, set by {manager}"
            found.append(Finding(f"spec.{path}", text, repr(here), "", "conflict"))
    return found


def _at(tree: Any, path: str) -> Any:
    for key in path.split("."):
        if not isinstance(tree, Mapping) or key not in tree:
            return _ABSENT
        tree = tree[key]
    return tree


def _with(tree: Mapping[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    head, *rest = path
    below = tree.get(head)
    return {**tree, head: _with(below if isinstance(below, Mapping) else {}, rest, value) if rest else value}

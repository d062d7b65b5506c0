"""Who wins: the user's file against what others set on the live ClusterConfiguration.

A field that the file does not mention and somebody else set stays, and counts; one that the file sets otherwise
than somebody else did is a conflict, until it is forced. A command that edits the file knows what it said before: a
field that the cluster has like that is not a conflict. Nor is the one field that the command was told to set.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from slipway.api import read
from slipway.api.paths import ABSENT, adopted, clash, text, value_at
from slipway.api.schema import is_field
from slipway.engine.context import Context, Edit
from slipway.errors import ConflictError, Finding
from slipway.findings import FindingCode
from slipway.model.configuration import Configuration
from slipway.model.observed import LiveConfiguration, Observed
from slipway.model.paths import FieldPath


def effective_configuration(context: Context, observed: Observed) -> Configuration:
    """The configuration as the cluster will hold it after this apply.

    Raises:
        ConflictError: naming each field, its manager and both values.
    """
    mine, live = context.configuration, context.live(observed)
    if context.document is None or live is None or not live.managers:
        return mine
    spec = effective_spec(context, live)
    return read.parse_spec(spec, name=mine.name, namespace=mine.namespace, generation=live.generation)


def effective_spec(context: Context, live: LiveConfiguration | None) -> Mapping[str, Any]:
    """The same as users write it. Of who has no file it is what the cluster holds."""
    if context.document is None:
        return live.spec if live else {}
    spec: Mapping[str, Any] = context.document.get("spec") or {}
    if live is None or not live.managers:
        return spec
    theirs = [path for path in sorted(live.managers, key=text) if _stays(spec, live, path)]
    clashes = _clashes(spec, live, theirs, context.edit)
    if clashes and not context.force_conflicts:
        raise ConflictError(
            "fields were changed in the cluster by somebody else",
            where=f"clusterconfiguration/{live.name}",
            hint="take their values into your file, or overrule them: slipway apply --force-conflicts",
            findings=tuple(_conflict(spec, live, path, manager) for path, manager in clashes.items()),
        )
    for path in theirs:
        if clash(spec, live.spec, path) is None:
            spec = adopted(spec, live.spec, path)
    return spec


def _stays(spec: Mapping[str, Any], live: LiveConfiguration, path: FieldPath) -> bool:
    """Whether what is around it is in the file or held by somebody else: a host that nobody wants takes all with it."""
    around = (path[:depth] for depth in range(1, len(path)))
    return all(
        above in live.held or is_field(above) or value_at(spec, above) is not ABSENT for above in around
    )


def _clashes(
    spec: Mapping[str, Any], live: LiveConfiguration, theirs: Iterable[FieldPath], edit: Edit | None
) -> dict[FieldPath, str]:
    """Where the file says something else than somebody else does in the cluster, and who that is.

    Where the cluster agrees with the file as it was before the edit, that was made with what they set in view. The
    field that a command was told to set is nobody else's.
    """
    former = (edit.before.get("spec") if edit else None) or {}
    found = {clash(spec, live.spec, path): live.managers[path] for path in theirs}
    return {
        path: manager
        for path, manager in found.items()
        if path is not None
        and value_at(former, path) != value_at(live.spec, path)
        and not (edit and path == edit.field)
    }


def _conflict(spec: Mapping[str, Any], live: LiveConfiguration, path: FieldPath, manager: str) -> Finding:
    here, there = value_at(spec, path), value_at(live.spec, path)
    problem = f"is {there!r} in the cluster, set by {manager}"
    return Finding(text(("spec", *path)), problem, expected=repr(here), code=FindingCode.CONFLICT)

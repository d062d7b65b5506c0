"""What a module asked of others and was answered: a part of its digest, and the reason for a step by itself."""

from collections.abc import Mapping
from typing import Any, Final

from slipway.catalog import Catalog
from slipway.model.plan import Because, Reason
from slipway.planning.digests import PART_DIGITS, digest

#: The part of a module's digest in which answers are, by the name that was asked for.
ANSWERS: Final = "has"


def as_facts(asked: Mapping[str, bool]) -> dict[str, Any]:
    """As a step counts them: nothing for a module that asks nothing, whose digest is what it was."""
    return {ANSWERS: dict(asked)} if asked else {}


def answer_reason(module: str, name: str, known: Mapping[str, str], wanted: Mapping[str, str]) -> Reason:
    """Why a module has a step for something that it uses, by the parts that it had and will have."""
    part = f"{ANSWERS}.{name}"
    if part not in known or part not in wanted:
        asks = "asks" if part in wanted else "asks no more"
        return Reason(Because.USED, f"{module} {asks} whether {name} is on")
    yes = digest(True, {}).removeprefix("sha256:")[:PART_DIGITS]
    now = "is on now" if wanted[part] == yes else "is on no more"
    return Reason(Because.USED, f"{name}, which {module} uses, {now}")


def uses(catalog: Catalog, module: str, other: str) -> bool:
    """Whether a module may have something of another one's kinds; of what the catalog has no more, nobody knows."""
    if module == other or not {module, other} <= catalog.modules.keys():
        return False
    return any(use.name in catalog.modules[other].names for use in catalog.modules[module].uses)

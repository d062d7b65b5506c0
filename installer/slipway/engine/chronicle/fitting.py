"""What an Operation has no room for is left out, the least telling first. Pure."""

import json
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any, Final

from slipway.model.operation import Outcome
from slipway.planning.planform import brief_step

Told = dict[str, Any]

#: Bytes of a spec and of a status: both, and what the API server keeps about them, are below 256 KiB.
SPEC_LIMIT: Final = 104 * 1024
STATUS_LIMIT: Final = 120 * 1024


def fitting_status(status: dict[str, Any]) -> dict[str, Any]:
    """The status as far as there is room: steps that did not succeed, the first of them whole, then the others."""
    steps = status.get("steps") or []
    if _size(status) <= STATUS_LIMIT:
        return status
    bare = status | {"steps": [], "waiting": [], "message": str(status.get("message", ""))[:1000]}
    bad = [step for step in steps if step.get("outcome") != Outcome.SUCCEEDED]
    good = [step for step in steps if step.get("outcome") == Outcome.SUCCEEDED]
    told: list[Told] = []
    for some in (bad, good):
        whole, brief = _fitting(some, _ended_step, STATUS_LIMIT - _size(bare | {"steps": told}))
        told += whole + brief
    return bare | {"steps": told}


def fitting_spec(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec as far as there is room: all steps, the first of them with all that is said of them.

    `brief` counts those of which little is said, `omitted` those that are not there.
    """
    steps = spec.get("steps") or []
    if _size(spec) <= SPEC_LIMIT:
        return spec
    bare = spec | {"steps": [], "brief": len(steps), "omitted": len(steps)}
    whole, brief = _fitting(steps, brief_step, SPEC_LIMIT - _size(bare))
    counted = {"brief": len(brief), "omitted": len(steps) - len(whole) - len(brief)}
    return spec | {"steps": whole + brief} | {name: number for name, number in counted.items() if number}


def _fitting(steps: list[Told], shorter: Callable[[Told], Told], room: int) -> tuple[list[Told], list[Told]]:
    """As many as there is room for, and of these the first as they are; then the others, shorter."""
    short = [shorter(step) for step in steps]
    kept = _first(map(_size, short), room)
    room -= sum(map(_size, short[:kept]))
    more = (_size(step) - _size(brief) for step, brief in zip(steps[:kept], short, strict=False))
    whole = _first(more, room)
    return steps[:whole], short[whole:kept]


def _ended_step(told: Told) -> Told:
    return {name: told[name] for name in ("step", "outcome")}


def _first(sizes: Iterable[int], room: int) -> int:
    """How many of the first of these have room."""
    return sum(1 for used in accumulate(sizes) if used <= room)


def _size(value: object) -> int:
    """Bytes of a value among others."""
    return len(json.dumps(value)) + 2

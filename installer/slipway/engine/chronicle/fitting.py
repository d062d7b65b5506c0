"""What an Operation has no room for is left out, the least telling first. Pure."""

import json
from collections.abc import Iterable
from itertools import accumulate
from typing import Any, Final

from slipway.planning.planform import brief_step

#: Bytes of a spec and of a status: both, and what the API server keeps about them, are below 256 KiB.
SPEC_LIMIT: Final = 104 * 1024
STATUS_LIMIT: Final = 120 * 1024


def fitting_status(status: dict[str, Any]) -> dict[str, Any]:
    """The status, without its successful steps, then without what messages say once more, then without all steps."""
    steps = status.get("steps") or []
    bad = [step for step in steps if step.get("outcome") != "succeeded"]
    brief = [{key: value for key, value in step.items() if key != "failure"} for step in bad]
    for shorter in (steps, bad, brief, brief[:100], []):
        candidate = status | {"steps": shorter}
        if len(json.dumps(candidate)) <= STATUS_LIMIT:
            return candidate
    return status | {"steps": [], "message": str(status.get("message", ""))[:1000]}


def fitting_spec(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec as far as there is room: all steps, the first of them with all that is said of them.

    `brief` counts those of which little is said, `omitted` those that are not there.
    """
    steps = spec.get("steps") or []
    if _size(spec) <= SPEC_LIMIT:
        return spec
    room = SPEC_LIMIT - _size(spec | {"steps": [], "brief": len(steps), "omitted": len(steps)})
    short = [brief_step(step) for step in steps]
    kept = _first(map(_size, short), room)
    room -= sum(map(_size, short[:kept]))
    whole = _first(
        (_size(step) - _size(brief) for step, brief in zip(steps[:kept], short, strict=False)), room
    )
    counted = {"brief": kept - whole, "omitted": len(steps) - kept}
    return spec | {"steps": steps[:whole] + short[whole:kept]} | {k: n for k, n in counted.items() if n}


def _first(sizes: Iterable[int], room: int) -> int:
    """How many of the first of these have room."""
    return sum(1 for used in accumulate(sizes) if used <= room)


def _size(value: object) -> int:
    """Bytes of a value among others."""
    return len(json.dumps(value)) + 2

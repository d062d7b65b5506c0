"""Conditions by the rules of kstatus.

Type, status, reason, message, and a transition time that moves only with the status.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from slipway.harmless import shortened
from slipway.model.status import ConditionType

Condition = dict[str, Any]


def condition(kind: ConditionType, status: bool | None, reason: str, message: str = "") -> Condition:
    """One condition without its times; None is Unknown."""
    word = "Unknown" if status is None else str(status)
    return {"type": kind, "status": word, "reason": reason, "message": shortened(message)}


def merged_conditions(
    previous: Iterable[Mapping[str, Any]], new: Iterable[Condition], *, generation: int, now: str
) -> list[Condition]:
    """`new` over `previous`: other types stay, and so do transition times where the status did not change."""
    merged = {item["type"]: dict(item) for item in previous}
    for item in new:
        before = merged.get(item["type"], {})
        same = before.get("status") == item["status"]
        since = before.get("lastTransitionTime", now) if same else now
        merged[item["type"]] = item | {"observedGeneration": generation, "lastTransitionTime": since}
    return list(merged.values())


def find(status: Mapping[str, Any], kind: ConditionType) -> Condition:
    """The condition of that type, or an empty one."""
    return next((dict(item) for item in status.get("conditions") or () if item.get("type") == kind), {})

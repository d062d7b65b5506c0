"""Conditions by the rules of kstatus.

Type, status, reason, message, and a transition time that moves only with the status.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from slipway.harmless import plain
from slipway.model.status import ConditionType

#: metav1.Condition allows 32768; a status is read by people, and all conditions share one object.
MESSAGE_LIMIT: Final = 4096

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


def shortened(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """At most `limit` characters, with a mark where something is missing; hosts and pods had a word in it."""
    text = plain(text)
    return text if len(text) <= limit else text[: limit - 1] + "…"

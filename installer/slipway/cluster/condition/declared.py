"""Is a custom resource well? By kstatus, by what is declared of its kind, and by whether anybody has acted on it.

kstatus calls an object without a status current, as a ConfigMap is. A custom resource whose kind has a place for a
status is somebody's to act on: as long as nobody has written there, nobody is known to have.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from slipway.cluster.condition.health import (
    CURRENT,
    KStatus,
    Object,
    Status,
    condition_of,
    generation_seen,
    status,
)
from slipway.model.apigroups import api_group, is_custom
from slipway.model.fieldnames import value_of
from slipway.model.modulehealth import Demand, KindRule

#: Time of a condition that stands there as the default of a schema: no controller has ever written it (Gateway API).
_NEVER: Final = "1970-01-01T00:00:00Z"
#: Conditions in which operators say what is wrong, and the status that is bad.
_COMPLAINTS: Final = (
    ("Ready", "False"),
    ("Available", "False"),
    ("Error", "True"),
    ("Failed", "True"),
    ("Degraded", "True"),
    ("Reconciled", "False"),
    ("Accepted", "False"),
)
_SHOWN: Final = 100


def full_status(obj: Object, declared: KindRule | None, *, has_place: bool) -> Status:
    """Status of any object that is there. `has_place`: its kind has a status that controllers write apart."""
    found = status(obj)
    if not found.current or not is_custom(api_group(obj.get("apiVersion", ""))):
        return found
    if declared and declared.status == "none":
        return found
    if (has_place or declared) and not _acted_on(obj):
        return Status(KStatus.IN_PROGRESS, "it has no status: nobody has acted on it")
    return demand_status(obj, declared) if declared else found


def demand_status(obj: Object, demand: Demand) -> Status:
    """Whether an object says what it has to say; if not, what it says instead."""
    lacking = [*_conditions(obj, demand), *_fields(obj, demand)]
    return Status(KStatus.IN_PROGRESS, "; ".join(lacking)) if lacking else CURRENT


def _acted_on(obj: Object) -> bool:
    """Whether some controller has written a status; what a schema fills in by itself is none."""
    found = obj.get("status")
    if not isinstance(found, Mapping):
        return bool(found)
    conditions = found.get("conditions")
    if not isinstance(conditions, list):
        return bool(found)
    written = any(
        not isinstance(one, Mapping) or one.get("lastTransitionTime") != _NEVER for one in conditions
    )
    return written or any(value for key, value in found.items() if key != "conditions")


def _conditions(obj: Object, demand: Demand) -> Iterator[str]:
    for name, wanted in demand.conditions.items():
        condition = condition_of(obj, name)
        if not condition:
            yield f"it has no condition {name} yet, which has to be {wanted}"
        elif not generation_seen(obj, condition):
            yield f"{name} is not yet about its last change"
        elif condition.get("status") != wanted:
            words = condition.get("message") or condition.get("reason") or ""
            yield f"{name} is {condition.get('status')}, not {wanted}" + (f": {words}" if words else "")


def _fields(obj: Object, demand: Demand) -> Iterator[str]:
    """The last one with what the object itself says is wrong."""
    lacking = []
    for name, wanted in demand.fields.items():
        value, accepted = value_of(obj, name), wanted if isinstance(wanted, tuple) else (wanted,)
        if not any(_same(value, one) for one in accepted):
            words = " or ".join(map(str, accepted))
            lacking.append(f"it has no {name} yet, which has to be {words}" if value is None else "")
            lacking[-1] = lacking[-1] or f"{name} is {_shown(value)}, not {words}"
    if lacking and (said := complaint(obj)):
        lacking[-1] += f": {said}"
    yield from lacking


def complaint(obj: Object) -> str:
    """What an object itself says is wrong with it; empty where it says nothing."""
    for name, bad in _COMPLAINTS:
        condition = condition_of(obj, name)
        if condition.get("status") == bad and (words := condition.get("message") or condition.get("reason")):
            return str(words)
    words = value_of(obj, "status.message")
    return words if isinstance(words, str) else ""


def _same(value: Any, wanted: Any) -> bool:
    """Equal as YAML has it: true is no 1."""
    return isinstance(value, bool) == isinstance(wanted, bool) and value == wanted


def _shown(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"

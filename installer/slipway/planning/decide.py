"""One step: does it have to run, and why? Desired inputs against the record, open intents and drift."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from slipway.model.observed import Drift
from slipway.model.plan import Because, Change, Reason, Step, StepId, StepKind
from slipway.model.record import Intent, StepRecord
from slipway.planning.digests import digest, parts
from slipway.planning.fields import field_of

#: The part that stands for the role's or module's own content.
CONTENT = "content"
#: Stands for the part that changed when the record does not name its parts.
UNNAMED = "inputs"


def _harmless(_drift: Drift) -> bool:
    """No drift stops workloads when it is mended."""
    return False


@dataclass(frozen=True, slots=True)
class Desired:
    """A step as it would be if nothing were there yet."""

    kind: StepKind
    target: str
    action: str
    inputs: Mapping[str, Any]
    content: str = ""
    needs: tuple[str, ...] = ()
    rolling: bool = False
    disruptive: frozenset[str] = field(default_factory=frozenset)
    """Inputs whose change on a live target needs somebody's consent."""
    destructive: frozenset[str] = field(default_factory=frozenset)
    """Inputs that, changed to something, delete data."""
    disruptive_drift: Callable[[Drift], bool] = field(default=_harmless)
    """Whether mending what differs from the record stops workloads as well."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Of others: they count as inputs do, and whoever carries the step out has no need of them."""

    @property
    def id(self) -> str:
        """`kind/target/action`."""
        return str(StepId(self.kind, self.target, self.action))


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of the step's target."""

    record: StepRecord | None = None
    intents: tuple[Intent, ...] = ()
    drift: tuple[Drift, ...] = ()


def decide(desired: Desired, seen: Seen, secrets: Mapping[str, str]) -> Step | None:
    """The step with its reasons, or None when record and target agree with what is desired."""
    inputs = {**desired.inputs, **desired.facts, CONTENT: desired.content}
    wanted, own_parts = digest(inputs, secrets), parts(inputs, secrets)
    reasons = tuple(dict.fromkeys(_reasons(desired, seen, wanted, own_parts)))
    if not reasons:
        return None
    touched = _touched(desired, seen, own_parts)
    return Step(
        id=desired.id,
        kind=desired.kind,
        target=desired.target,
        action=desired.action,
        change=_change(seen, reasons),
        digest=wanted,
        needs=desired.needs,
        reasons=reasons,
        inputs=dict(desired.inputs),
        parts=own_parts,
        rolling=desired.rolling and seen.record is not None,
        disruptive=bool(seen.record) and _stops_workloads(desired, seen, touched),
        destructive=any(desired.inputs.get(name) for name in desired.destructive & touched),
    )


def _touched(desired: Desired, seen: Seen, own_parts: Mapping[str, str]) -> frozenset[str]:
    """Parts that are not, or may not be, as they are wanted: by the record, and by intents that were left open."""
    if seen.record is None:
        return frozenset()
    touched = set(_changed(seen.record.parts, own_parts))
    for intent in _own(desired, seen):
        # One that does not say what it was for may have changed anything.
        touched |= (
            {*_changed(intent.parts, own_parts)} if intent.parts else desired.disruptive | desired.destructive
        )
    return frozenset(touched)


def _stops_workloads(desired: Desired, seen: Seen, touched: frozenset[str]) -> bool:
    """Whether the step does, whatever its cause: an edit, an intent left open or drift."""
    there = {part for known in (seen.record, *_own(desired, seen)) if known for part in known.parts}
    return any(_stops(desired, there, part) for part in touched) or any(
        map(desired.disruptive_drift, seen.drift)
    )


def _stops(desired: Desired, there: Collection[str], part: str) -> bool:
    """Whether a part's change stops workloads: of a nested input, a key that is new stops nothing."""
    name = part.partition(".")[0]
    return part in desired.disruptive or (name in desired.disruptive and part in there)


def _own(desired: Desired, seen: Seen) -> tuple[Intent, ...]:
    return tuple(intent for intent in seen.intents if intent.step == desired.id)


def _changed(known: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    names = sorted({*known, *wanted})
    return [name for name in names if known.get(name) != wanted.get(name)]


def _reasons(desired: Desired, seen: Seen, wanted: str, own_parts: Mapping[str, str]) -> Iterable[Reason]:
    intents = _own(desired, seen)
    for intent in intents:
        yield Reason(Because.INTENT, f"operation {intent.operation} began it and has not finished")
    if seen.record is None:
        if not intents:
            yield Reason(Because.ABSENT, "not done yet")
        return
    if seen.record.digest != wanted:
        changed = _changed(seen.record.parts, own_parts) or [UNNAMED]
        # Of what is to be there no more, all else is gone for that reason alone.
        state = f"{desired.action}_state"
        for part in [state] if state in changed else changed:
            yield _changed_part(desired, seen.record, part)
    for drift in seen.drift:
        text = f"{drift.what}: {drift.found or 'differs from the record'}"
        yield Reason(Because.DRIFT, text, drift.what, drift.diff)


def _changed_part(desired: Desired, record: StepRecord, part: str) -> Reason:
    if part == CONTENT:
        since = f" since slipway {record.version}" if record.version else ""
        return Reason(Because.CONTENT, f"{desired.action} itself changed{since}")
    path = field_of(part, desired.target)
    return Reason(Because.FIELD, f"{path} changed", path)


def _change(seen: Seen, reasons: tuple[Reason, ...]) -> Change:
    causes = {reason.cause for reason in reasons}
    if "intent" in causes:
        return Change.CONTINUE
    if seen.record is None:
        return Change.CREATE
    return Change.REPAIR if causes == {"drift"} else Change.UPDATE

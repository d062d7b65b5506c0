"""What is no longer as a step left it, in words: each thing of a record against what the host says of it now. Pure."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from slipway.digests import canonical_json
from slipway.model.observed import Drift
from slipway.model.record import Made, MadeKind, StepRecord
from slipway.model.things import PathState, Things, UnitState

#: The list by which a host's shell knows what to look at.
LIST: Final = "/var/lib/slipway/recorded/made"

_DIRECTORIES: Final = frozenset({MadeKind.DIRECTORY, MadeKind.PLACE})
_SHAPES: Final = {"f": "a file", "d": "a directory"}
#: What systemd says of a unit that it was told to run and that does not.
_ENDED: Final = frozenset({"inactive", "failed", "deactivating"})
_RUNNING: Final = frozenset({"active", "activating", "reloading"})


def host_drift(host: str, records: Mapping[str, StepRecord], now: Things) -> tuple[Drift, ...]:
    """All drift of a host by step and name; several differences of one thing are told in one line.

    A host that has lost the list of what to look at can hide any change, which is drift of every step.
    """
    recorded = {(made.kind, made.name) for record in records.values() for made in record.made}
    lost = now.listed is not None and now.listed < len(recorded)
    return tuple(
        drift
        for role, record in sorted(records.items())
        for drift in sorted(
            _step_drift(f"host/{host}/{role}", record, now, lost=lost), key=lambda one: one.what
        )
    )


def _step_drift(step: str, record: StepRecord, now: Things, *, lost: bool) -> Iterator[Drift]:
    if lost and record.made:
        yield Drift(step, LIST, "other than the record says: what else was changed cannot be told")
        return
    told: dict[str, list[str]] = {}
    for made in record.made:
        told.setdefault(subject(made), []).extend(_differences(made, now))
    for what, words in told.items():
        if words:
            state = now.paths.get(what)
            yield Drift(step, what, ", ".join(dict.fromkeys(words)), state.diff if state else "")


def subject(made: Made) -> str:
    """How drift names a thing."""
    if made.kind in (MadeKind.UNIT, MadeKind.STOPPED):
        return f"unit {made.name}"
    if made.kind in (MadeKind.RULES, MadeKind.PACKAGE, MadeKind.PARAMETER, MadeKind.USER):
        return f"{made.kind} {made.name}"
    return made.name


def _differences(made: Made, now: Things) -> Iterator[str]:
    match made.kind:
        case MadeKind.UNIT:
            yield from _unit(made, now.units.get(made.name, UnitState()))
        case MadeKind.STOPPED:
            yield from _stopped(now.units.get(made.name, UnitState()))
        case MadeKind.RULES | MadeKind.PACKAGE | MadeKind.USER:
            if (made.kind, made.name) not in now.there:
                yield "missing"
        case MadeKind.PARAMETER:
            value = now.parameters.get(made.name)
            if value != made.state:
                yield "missing" if value is None else f"{value} instead of {made.state}"
        case MadeKind.SWAP:
            if made.name in now.swapping:
                yield "a line of swap is in force again"
        case _:
            yield from _path(made, now.paths.get(made.name))


def _unit(made: Made, now: UnitState) -> Iterator[str]:
    enabled, _, active = made.state.partition(" ")
    if now.enabled != enabled:
        yield now.enabled or "missing"
    elif active == "active" and now.active in _ENDED:
        yield now.active


def _stopped(now: UnitState) -> Iterator[str]:
    if now.active in _RUNNING:
        yield "runs again"
    elif now.enabled == "enabled":
        yield "starts at boot again"


def _path(made: Made, now: PathState | None) -> Iterator[str]:
    if now is None:
        yield "missing"
        return
    wanted = "l" if made.target else "d" if made.kind in _DIRECTORIES else "f"
    if (now.type, now.target) != (wanted, made.target):
        yield f"{_shape(now.type, now.target)} instead of {_shape(wanted, made.target)}"
        return
    if made.mode and now.mode != made.mode:
        yield f"its mode is {now.mode} instead of {made.mode}"
    if (made.owner and now.owner != made.owner) or (made.group and now.group != made.group):
        yield f"its owner is {now.owner}:{now.group} instead of {made.owner or '*'}:{made.group or '*'}"
    if wanted == "f":
        yield from _content(made, now)


def _shape(kind: str, target: str) -> str:
    return f"a link to {target}" if kind == "l" else _SHAPES.get(kind, "neither file nor directory")


def _content(made: Made, now: PathState) -> Iterator[str]:
    if made.kind is MadeKind.BLOCK:
        if now.block != made.digest:
            yield "the block of Slipway was changed" if now.block else "the block of Slipway is gone"
    elif made.kind is MadeKind.KEYS:
        yield from _keys(made, now.text)
    elif now.digest != made.digest:
        yield "changed"


def _keys(made: Made, text: str) -> Iterator[str]:
    """Which keys of ours are no more as they were; others' are no matter of ours."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        yield "changed, and is no map in JSON any more"
        return
    for name, digest in sorted(made.keys.items()):
        found, value = _value(document, name)
        if not found:
            yield f"its key {name} is gone"
        elif hashlib.sha256(canonical_json(value).encode(errors="replace")).hexdigest() != digest:
            yield f"its key {name} was changed"


def _value(document: dict[str, Any], name: str) -> tuple[bool, Any]:
    """Whether there is a key, and its value; `outer.inner` is a key of a map."""
    outer, _, inner = name.partition(".")
    held = document.get(outer)
    if not inner:
        return outer in document, held
    return isinstance(held, dict) and inner in held, held.get(inner) if isinstance(held, dict) else None

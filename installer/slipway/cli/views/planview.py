"""A plan as a person reads it: like a diff, with the reason of every line."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from slipway.cli.views.output import colour
from slipway.model.observed import Scope
from slipway.model.operation import Failure
from slipway.model.plan import Because, Change, FieldChange, Hold, Plan, Step, StepKind, WayBack
from slipway.model.standing import Standing
from slipway.planning.standing import said

SIGNS = {
    Change.CREATE: ("+", "green"),
    Change.UPDATE: ("~", "yellow"),
    Change.CONTINUE: (">", "cyan"),
    Change.REPAIR: ("!", "yellow"),
    Change.REMOVE: ("-", "red"),
}
TITLES = {
    StepKind.HOST: "Hosts",
    StepKind.MIRROR: "Images and artifacts",
    StepKind.SETTINGS: "Cluster",
    StepKind.ADMISSION: "Image names",
    StepKind.ENCRYPTION: "Secrets in etcd",
    StepKind.NODE: "Nodes",
    StepKind.MODULE: "Modules",
}


#: Causes, changed fields and targets that one entry shows, and lines of a file's diff; `-o json` shows all. What a step
#: will do besides is shown whole: somebody agrees to it.
REASONS = 4
CHANGES = 8
DIFF = 20
TARGETS = 12


def plan_text(plan: Plan) -> str:
    """All of it, host by host; what several targets have in common is said once."""
    notes = [f"note: {notice}" for notice in (*plan.notices, *filter(None, [plan.sequel]))]
    sick = list(standing_lines(plan.standing))
    if plan.empty:
        return "\n".join([_nothing(plan), *sick, *_deeper(plan), *notes])
    lines = []
    for kind, title in TITLES.items():
        entries = _entries(step for step in plan.steps if step.kind is kind)
        if entries:
            lines += [
                colour(title, "bold"),
                *(line for entry in entries.items() for line in _lines(entry)),
                "",
            ]
    return "\n".join([*lines, *_holds(plan), _summary(plan), *sick, *notes])


def _nothing(plan: Plan) -> str:
    """The head of a plan without a step: that nothing is to be done says nothing of how things are."""
    if plan.standing.well:
        state = "as it should be" if plan.scope is Scope.FULL else "as its records say it should be"
        return f"Nothing to do: {plan.configuration} is {state} (read {plan.read_at})."
    head = f"No step to take, but {plan.configuration} is not well (read {plan.read_at}):"
    return colour(head, "bold", "red")


def _deeper(plan: Plan) -> Iterable[str]:
    """How to see, and mend, what records do not say: who came after them and changed a file or an object."""
    if plan.scope is not Scope.FULL:
        yield "Files and objects were not compared with the records; slipway apply --refresh does, and mends them."


def standing_lines(standing: Standing) -> Iterable[str]:
    """What is sick, in the components' own words, then hints of what may soon be."""
    for ailments, hue in ((standing.sick, "red"), (standing.hints, "yellow")):
        for one in ailments:
            first, *more = said(one).splitlines()
            yield colour("· " + first, hue)
            yield from (f"    {line}" for line in more)


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is done to some targets for the same reasons; `*` stands for the target's name in a reason."""

    change: Change
    actions: tuple[str, ...]
    flags: tuple[str, ...]
    reasons: tuple[tuple[str, str], ...]
    """Each with a file's diff, where there is one."""
    changes: tuple[str, ...]
    """Fields, with what they were and what is wanted."""
    effects: tuple[str, ...]
    hold: str
    back: WayBack | None


def _entries(steps: Iterable[Step]) -> dict[_Entry, list[str]]:
    """Entry -> targets, in the plan's order: first steps of one target together, then targets that are alike."""
    of_target: dict[tuple[str, _Entry], list[str]] = {}
    for step in steps:
        flags = tuple(flag for flag in ("rolling", "disruptive", "destructive") if getattr(step, flag))
        causes = [reason for reason in step.reasons if reason.cause is not Because.EFFECT]
        reasons = tuple((r.text.replace(f"[{step.target}]", "[*]"), r.diff) for r in causes)
        changes = tuple(changed_line(change) for change in step.changes)
        effects = tuple(reason.text for reason in step.reasons if reason.cause is Because.EFFECT)
        hold = step.hold.what if step.hold else ""
        alike = (step.target, _Entry(step.change, (), flags, reasons, changes, effects, hold, step.back))
        of_target.setdefault(alike, []).append(step.action)
    entries: dict[_Entry, list[str]] = {}
    for (target, alone), actions in of_target.items():
        entries.setdefault(replace(alone, actions=tuple(actions)), []).append(target)
    return entries


def _lines(item: tuple[_Entry, list[str]]) -> Iterable[str]:
    entry, targets = item
    sign, hue = SIGNS[entry.change]
    names = ", ".join(targets[:TARGETS]) + (
        f" and {len(targets) - TARGETS} more" if targets[TARGETS:] else ""
    )
    flags = colour(f"  [{', '.join(entry.flags)}]", "red") if entry.flags else ""
    yield colour(f"  {sign} {names}: {', '.join(entry.actions)}", hue) + flags
    alone = targets[0] if len(targets) == 1 else "*"
    for reason, diff in entry.reasons[:REASONS]:
        yield "      " + colour(reason.replace("[*]", f"[{alone}]"), "dim")
        yield from diff_lines(diff, indent=8)
    if entry.reasons[REASONS:]:
        yield f"      and {len(entry.reasons) - REASONS} more reasons (-o json shows all)"
    yield from (f"        {change}" for change in entry.changes[:CHANGES])
    if entry.changes[CHANGES:]:
        yield f"        and {len(entry.changes) - CHANGES} more fields (-o json shows all)"
    yield from ("      " + colour(effect, "red") for effect in entry.effects)
    if entry.back:
        hue = "yellow" if entry.back.obstacles else "dim"
        yield "      " + colour(str(entry.back), "red" if entry.back.bars else hue)
    if entry.hold:
        yield "      " + colour(f"held back: {entry.hold}", "yellow")


def changed_line(change: FieldChange) -> str:
    """`PATH: BEFORE -> AFTER`, as JSON."""
    before, after = (
        "not set" if value is None else json.dumps(value, ensure_ascii=False)
        for value in (change.before, change.after)
    )
    return f"{change.path}: {before} -> {after}"


def diff_lines(diff: str, *, indent: int) -> Iterable[str]:
    """A file's diff: what went in red, what came in green; its two heading lines name nothing and are left out."""
    lines = [line for line in diff.splitlines() if not line.startswith(("--- ", "+++ "))]
    for line in lines[:DIFF]:
        hue = {"+": "green", "-": "red"}.get(line[:1], "dim")
        yield " " * indent + colour(line, hue)
    if lines[DIFF:]:
        yield " " * indent + f"and {len(lines) - DIFF} more lines (-o json shows all)"


def _holds(plan: Plan) -> Iterable[str]:
    """What holds steps back, in the form of every failure."""
    for hold, count in plan.holds.items():
        yield from hold_lines(hold, count)
        yield ""


def hold_lines(hold: Hold | Failure, count: int) -> Iterable[str]:
    """One thing that holds steps back."""
    yield colour(f"· {hold.what}", "yellow") + f": {_count(count, 'step')} held back"
    yield from detail_lines(hold)


def detail_lines(failure: Hold | Failure) -> Iterable[str]:
    """Where, why, what next: what stands below every failure."""
    for name, text in (("where:", failure.where), ("why:", failure.why), ("next:", failure.hint)):
        if text:
            indented = text.replace("\n", "\n           ")
            yield f"    {name:<6} {indented}"


def _summary(plan: Plan) -> str:
    counts = {kind: len({s.target for s in plan.steps if s.kind is kind}) for kind in TITLES}
    touched = [_count(counts[StepKind.HOST], "host"), _count(counts[StepKind.MODULE], "module")]
    where = " and ".join(filter(None, touched))
    steps = _count(len(plan.steps), "step") + (f" on {where}" if where else "")
    return f"{steps}; plan {plan.digest[7:19]}, catalog {plan.catalog[7:19]}, read {plan.read_at}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}" if number else ""

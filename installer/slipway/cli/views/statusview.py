"""Where things stand, as a person reads it: the one word first, then only what says more than that word."""

from collections.abc import Iterable
from datetime import datetime

from slipway.cli.views.output import aligned, colour
from slipway.cli.views.planview import standing_lines
from slipway.engine.enquiry.overview import UNREACHABLE, Operation, Overview, Target
from slipway.model.status import ConditionType, Phase, TargetPhase
from slipway.planning.checks.lasting import RENEWAL

_HUES = {
    **dict.fromkeys((Phase.READY, TargetPhase.HEALTHY, "True", "installed", "succeeded"), "green"),
    **dict.fromkeys(
        (
            "False",
            "failed",
            Phase.FAILED,
            Phase.REFUSED,
            Phase.DEGRADED,
            TargetPhase.NOT_READY,
            TargetPhase.UNHEALTHY,
            UNREACHABLE,
        ),
        "red",
    ),
}
_FIRST = "next: slipway install --bundle DIR, or slipway preflight to check the hosts first"
_BACK = "next: look at kubelet and kube-apiserver on the control planes"
#: Conditions that are fine when False.
_NEGATIVE = {ConditionType.RECONCILING, ConditionType.STALLED}
#: Characters of a message in a table; `-o json` has it whole.
_MESSAGE = 90


def status_text(now: Overview) -> str:
    """The whole screen."""
    blocks = [
        [_headline(now), *_certificates(now)],
        _table(("CONDITION", "STATUS", "REASON", "MESSAGE"), _worth_saying(now.conditions)),
        _table(("NODE", "STATE", "VERSION", "MESSAGE"), now.nodes),
        _table(("MODULE", "PHASE", "VERSION", "MESSAGE"), now.modules),
        list(standing_lines(now.standing)),
        _table(("HOST", "STATE", "", "MESSAGE"), now.hosts),
        [_operation(one) for one in now.operations],
        [_next(now)] if not (now.cluster or any(one.running for one in now.operations)) else [],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _next(now: Overview) -> str:
    return _BACK if now.phase == UNREACHABLE else _FIRST


def _headline(now: Overview) -> str:
    word = colour(now.phase or "Unknown", "bold", _HUES.get(now.phase, "yellow"))
    kubernetes = f", Kubernetes {now.version}" if now.version else ""
    why = f" ({now.why})" if now.why else ""
    return f"{now.name}: {word}{kubernetes}{why}"


def _certificates(now: Overview) -> list[str]:
    """Days that are left of the control plane's, and in which colour that is."""
    if not now.certificates:
        return []
    left = (datetime.fromisoformat(now.certificates) - datetime.fromisoformat(now.read_at)).days
    hue = "red" if left < 0 else "yellow" if left < RENEWAL else ""
    day = now.certificates.partition("T")[0]
    text = f"certificates: {left} days left, until {day}" if left >= 0 else f"certificates: ended on {day}"
    return [colour(text, hue) if hue else text]


def _worth_saying(conditions: Iterable[Target]) -> list[Target]:
    """Conditions that are not as one hopes; that the others are is what the headline says."""
    return [one for one in conditions if one.state != ("False" if one.name in _NEGATIVE else "True")]


def _table(header: tuple[str, str, str, str], rows: Iterable[Target]) -> list[str]:
    lines = [(row.name, row.state, row.version, _short(row.message)) for row in rows]
    if not lines:
        return []
    used = [column for column in range(4) if any(line[column] for line in lines)]
    text = aligned([[line[column] for column in used] for line in (header, *lines)])
    return [
        colour(text[0], "bold"),
        *(_tinted(line, row[1]) for line, row in zip(text[1:], lines, strict=True)),
    ]


def _tinted(line: str, state: str) -> str:
    hue = _HUES.get(state)
    return line.replace(f" {state} ", f" {colour(state, hue)} ", 1) if hue else line


def _short(message: str) -> str:
    first = " ".join(message.split())
    return first if len(first) <= _MESSAGE else first[: _MESSAGE - 1] + "…"


def _operation(one: Operation) -> str:
    by = "by the operator" if one.where == "operator" else "from this machine"
    if one.running:
        doing = f": {one.now}" if one.now else ""
        return f"{colour('running', 'cyan')} {one.id} {by}, {one.percent} %{doing}"
    at = f" at {one.now}" if one.now and one.outcome != "succeeded" else ""
    return f"last {one.id} {by}: {colour(one.outcome, _HUES.get(one.outcome, 'yellow'))}{at}, started {one.started}"

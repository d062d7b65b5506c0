"""A plan for machines: what `slipway plan -o json` prints, and in part what an Operation keeps. Pure."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from slipway.harmless import shortened
from slipway.model.plan import FieldChange, Hold, Plan, Reason, Step, WayBack

#: Characters of one text in an Operation.
TEXT_LIMIT: Final = 512


def plan_data(plan: Plan) -> dict[str, Any]:
    """All of it; inputs are left out: they are long, and the digest stands for them."""
    data = asdict(plan)
    for step, of in zip(data["steps"], plan.steps, strict=True):
        del step["inputs"], step["parts"]
        step["changes"] = [change_data(change) for change in of.changes]
    return {**data, "empty": plan.empty, "needsApproval": plan.needs_approval}


def told_step(step: Step) -> dict[str, Any]:
    """A step as an Operation keeps it: in the same words, each text short, and nothing of what is in hosts' files."""
    return {
        "step": step.id,
        "kind": step.kind.value,
        "target": step.target,
        "action": step.action,
        "change": step.change.value,
        "disruptive": step.disruptive,
        "destructive": step.destructive,
        "reasons": [_reason(reason) for reason in step.reasons],
        "changes": [change_data(change) for change in step.changes],
        **({"back": _back(step.back)} if step.back else {}),
        **({"hold": _hold(step.hold)} if step.hold else {}),
    }


def brief_step(told: Mapping[str, Any]) -> dict[str, Any]:
    """The same where there are too many: which step, and what it does to its target."""
    return {key: told[key] for key in ("step", "change")}


def change_data(change: FieldChange) -> dict[str, Any]:
    """A side on which the field is not set has no key."""
    sides = {"before": change.before, "after": change.after}
    return {"path": change.path, **{name: value for name, value in sides.items() if value is not None}}


def _reason(reason: Reason) -> dict[str, str]:
    return {"cause": reason.cause.value, "text": shortened(reason.text, TEXT_LIMIT), "path": reason.path}


def _back(back: WayBack) -> dict[str, Any]:
    return {
        "version": back.version,
        "obstacles": [shortened(text, TEXT_LIMIT) for text in back.obstacles],
        "bars": back.bars,
        "saved": list(back.saved),
    }


def _hold(hold: Hold) -> dict[str, str]:
    return {name: shortened(text, TEXT_LIMIT) for name, text in asdict(hold).items()}

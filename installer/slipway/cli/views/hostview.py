"""One host as a person reads it: first the one line that says how it is, then what that is made of."""

import json
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from slipway.api.merge import DEFAULTS, GROUP, OWN
from slipway.cli.views.output import aligned, colour
from slipway.cli.views.planview import diff_lines
from slipway.engine.enquiry.hostview import HostView
from slipway.engine.errands.forgetting import Forgotten
from slipway.engine.errands.trusting import Introduction
from slipway.errors import PreflightError
from slipway.holders import name_of
from slipway.model.hostkeys import HostKey
from slipway.model.observed import Drift
from slipway.model.plan import StepId
from slipway.model.record import Intent
from slipway.model.status import TargetPhase

#: Characters of a line; `-o json` has everything whole.
WIDTH = 100
#: Hex digits of a digest that a person compares.
_DIGEST = 12


def host_text(view: HostView) -> str:
    """The whole screen."""
    blocks = [
        [_headline(view)],
        _error(view.error) if view.error else [],
        list(_facts(view)),
        list(_settings(view)),
        _table(("STEP", "RECORDED", "SLIPWAY", "TIME", "MADE"), _steps(view)) if not view.error else [],
        _table(("STEP", "WHAT", "FOUND"), _drift(view)),
        *(_diff(one) for one in view.host.drift if one.diff),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _headline(view: HostView) -> str:
    word, hue = _state(view)
    count = len(view.host.drift)
    drift = f", {count} thing{'s differ' if count > 1 else ' differs'} from the record" if count else ""
    return f"{view.name}: {colour(word, 'bold', hue)}{drift}"


def _state(view: HostView) -> tuple[str, str]:
    if not view.host.reachable:
        return view.host.error_code, "red"
    if view.foreign:
        return f"belongs to another Slipway cluster (site {view.host.cluster})", "red"
    done = sum(step in view.host.records for step in view.steps)
    if done == len(view.steps):
        return "installed", "yellow" if view.host.drift or view.host.intents else "green"
    return f"{done} of {len(view.steps)} steps", "yellow"


def _error(error: PreflightError) -> list[str]:
    parts = (("error: ", error.what), ("why:   ", error.why), ("next:  ", error.hint))
    return [line for label, text in parts if text for line in _wrapped(f"  {label}", text)]


def _facts(view: HostView) -> Iterable[str]:
    host = view.host
    yield from _wrapped("  address   ", view.address)
    yield from _wrapped("  roles     ", ", ".join(view.roles))
    yield from _wrapped("  groups    ", ", ".join(view.groups))
    if host.reachable:
        yield from _wrapped("  system    ", _system(view))
        yield from _wrapped("  lock      ", f"held by {view.holder}" if view.holder else "free")
    for one in host.intents:
        yield from _wrapped("  begun     ", _intent(one))
    yield from _wrapped("  node      ", _node(view))


def _system(view: HostView) -> str:
    facts = view.host.facts
    return (
        f"{facts.os_id} {facts.os_version} ({facts.os_codename}) {facts.architecture}, kernel {facts.kernel}, "
        f"{facts.cpus} CPU, {facts.memory} MiB, Python {facts.python or 'none'}"
    )


def _node(view: HostView) -> str:
    if view.no_cluster:
        return f"not known: {view.no_cluster}"
    if view.node is None:
        return "none in the cluster"
    state = TargetPhase.READY if view.node.ready else TargetPhase.NOT_READY
    message = f": {view.node.message}" if view.node.message else ""
    return f"{state}, {view.node.version or 'no version yet'}{message}"


def _settings(view: HostView) -> Iterable[str]:
    """Layer by layer, in the order in which they lie over one another; each leaf below the one it is from."""
    layers = dict.fromkeys([DEFAULTS, *(f"{GROUP} {name}" for name in view.groups), OWN])
    yield colour("SETTINGS" if view.settings else "SETTINGS: all built in", "bold")
    for layer in layers:
        mine = [one for one in view.settings if one.layer == layer]
        if mine:
            yield f"  {layer}"
        for one in mine:
            yield from _wrapped("    ", f"{one.path}: {_value(one.value)}", breaking=True)


def _value(value: Any) -> str:
    """As somebody would write it; what is more than text and lists of it, as JSON."""
    if isinstance(value, str) and value:
        return value
    if value and isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)


def _steps(view: HostView) -> list[tuple[str, ...]]:
    """Those that it shall have, in order, then what else its record has."""
    rest = [step for step in view.host.records if step not in view.steps]
    rows: list[tuple[str, ...]] = []
    for step in (*view.steps, *rest):
        record = view.host.records.get(step)
        if record is None:
            rows.append((step, "not done", "", "", ""))
            continue
        digest = record.digest.removeprefix("sha256:")[:_DIGEST]
        rows.append((step, digest, record.version, record.time, str(len(record.made))))
    return rows


def _intent(one: Intent) -> str:
    return f"{StepId.parse(one.step).action}, by {name_of(one.holder)} in operation {one.operation} at {one.time}"


def _drift(view: HostView) -> list[tuple[str, str, str]]:
    return [(StepId.parse(one.step).action, one.what, one.found) for one in view.host.drift]


def _diff(one: Drift) -> list[str]:
    return [f"{one.what}, as recorded and as found:", *diff_lines(one.diff, indent=2)]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    first, *lines = aligned([header, *rows])
    return [colour(first, "bold"), *lines]


def _wrapped(label: str, text: str, *, breaking: bool = False) -> list[str]:
    """A labelled line, continued below its text; words such as paths are broken only where that is asked for."""
    return textwrap.wrap(
        " ".join(text.split()),
        WIDTH,
        initial_indent=label,
        subsequent_indent=" " * (len(label) + 2 * breaking),
        break_long_words=breaking,
        break_on_hyphens=False,
    )


def trusted_text(done: Introduction, unheard: str) -> str:
    """Which key is believed now, which one was before, and whether the cluster has it."""
    lines = [f"{done.name} is trusted by its key", f"{done.shown.host} shows {done.shown.shown}"]
    lines += [f"known before: {key.shown}" for key in done.known if key != done.shown]
    if unheard:
        lines += [f"note: the cluster does not have it: {unheard}", "once it answers, run this again"]
    return "\n".join(lines)


def trusted_data(done: Introduction, unheard: str) -> dict[str, Any]:
    """The same for machines."""
    return {
        "host": done.name,
        "key": _key_data(done.shown),
        "before": [_key_data(key) for key in done.known],
        "notInCluster": unheard,
    }


def forgotten_text(done: Forgotten) -> str:
    """What went, what stays, a line each."""
    lines = [f"host key of {key.host} forgotten: {key.shown}" for key in done.keys]
    lines = lines or [f"no host key of {done.name} is known here"]
    if done.configured:
        lines.append(f"{done.name} is in the ClusterConfiguration: only its host key is forgotten")
    else:
        lines.append(f"node {done.name} deleted" if done.node_deleted else "no node was deleted")
    return "\n".join([*lines, *(f"note: {note}" for note in done.notes)])


def forgotten_data(done: Forgotten) -> dict[str, Any]:
    """The same for machines."""
    return {
        "host": done.name,
        "configured": done.configured,
        "keys": [_key_data(key) for key in done.keys],
        "nodeDeleted": done.node_deleted,
        "notes": list(done.notes),
    }


def _key_data(key: HostKey) -> dict[str, str]:
    return {"host": key.host, "kind": key.kind, "fingerprint": key.fingerprint}

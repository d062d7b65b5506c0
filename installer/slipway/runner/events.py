"""ansible-runner's events in Slipway's words: pure, tested against recorded events.

Of the many events of a run only those matter that move a screen, a journal or a record. Results of our own
module `slipway_step` mark a step's begin and end; results with `slipway_module` are a module's progress.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

#: Lines of a program's output that a person gets to see as the reason of a failure.
_WHY_LINES: Final = 6
#: Characters shown of a line: its beginning says what, its end says why; Go's errors are long in between.
_HEAD: Final = 200
_TAIL: Final = 200
#: Characters of each end of a line that are passed on to be looked through for secrets; only then is it cut short:
#: of a secret that is cut in two, neither half is found.
_LONGEST: Final = 1 << 15

#: Of a result of ours, what the engine decides by: never text for people.
_IDS: Final = frozenset({"slipway_step", "slipway_module", "state"})

_STATS: Final = {
    "ok": "ok",
    "changed": "changed",
    "dark": "unreachable",
    "failures": "failed",
    "skipped": "skipped",
    "rescued": "rescued",
}
#: Lines that say nothing about a cause: advice of kubeadm, progress of apt, blank decoration.
_NOISE: Final = re.compile(
    r"^(\s*|To see the stack trace .*|\[preflight\] If you know what you are doing.*|\s*\[WARNING .*"
    r"|Reading (package lists|state information).*|Building dependency tree.*|(Get|Hit|Ign|Fetched):?.*"
    r"|Shared connection to .* closed\.|Warning: Permanently added .*|\s*File \".*|\s*\^+\s*)$"
)
#: Lines that name a cause by themselves: when there are some, only they are shown.
_CAUSE: Final = re.compile(
    r"^(E: |error[: ]|Error[: ]|\[ERROR |fatal: |FATAL|panic: |[a-z]+: error|[EF]\d{4} \d\d:\d\d:)"
)
#: Severity, date, time, thread and line of source: what Kubernetes' programs put before each line.
_KLOG: Final = re.compile(r"^[IWEF]\d{4} \d\d:\d\d:[\d.]+ +\d+ [\w.]+:\d+\] ")

#: What Ansible puts before each message.
_PREFIX: Final = re.compile(r"^(Task failed: |Module failed: )+")


class EventKind(StrEnum):
    """What happened."""

    TASK_STARTED = "task-started"
    STEP_BEGUN = "step-begun"
    STEP_DONE = "step-done"
    STEP_BLOCKED = "step-blocked"
    STEP_SUPERSEDED = "step-superseded"
    MODULE_PROGRESS = "module-progress"
    CHANGED = "changed"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    STATS = "stats"


#: States of slipway_step and slipway_module; `absent` is the end of a step that takes a role away.
_STEP_STATES: Final = {
    "begin": EventKind.STEP_BEGUN,
    "done": EventKind.STEP_DONE,
    "absent": EventKind.STEP_DONE,
    "blocked": EventKind.STEP_BLOCKED,
    "superseded": EventKind.STEP_SUPERSEDED,
}


@dataclass(frozen=True, slots=True)
class RunnerEvent:
    """One event. `text` is the cleaned message, `why` the last lines of output that matter, `path` FILE:LINE.

    `data` is the whole result of slipway_step or slipway_module; of `stats`, {host: {ok, changed, ...}}.
    """

    kind: EventKind
    time: float = 0.0
    play: str = ""
    task: str = ""
    role: str = ""
    host: str = ""
    step: str = ""
    text: str = ""
    why: str = ""
    path: str = ""
    changed: bool = False
    data: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For the pipe between supervisor and caller."""
        return asdict(self)

    def shown(self, redacted: Callable[[Any], Any]) -> "RunnerEvent":
        """The same as people may read it: `redacted` without secrets, then short. Names and states stay as they are."""
        return replace(
            self,
            task=redacted(self.task),
            text=_short(redacted(self.text)),
            why="\n".join(map(_short, redacted(self.why).splitlines())),
            data={key: item if key in _IDS else redacted(item) for key, item in self.data.items()},
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RunnerEvent":
        """The inverse of `as_dict`."""
        return cls(**{**values, "kind": EventKind(values["kind"])})


def translate(event: Mapping[str, Any]) -> RunnerEvent | None:
    """The event in our words; None for one that nobody needs."""
    name, data = event.get("event", ""), event.get("event_data") or {}
    if name == "playbook_on_stats":
        return RunnerEvent(EventKind.STATS, time=_time(event), data=_stats(data))
    if name == "runner_on_start":
        return _event(EventKind.TASK_STARTED, event, data)
    if name == "runner_on_unreachable":
        return _event(EventKind.UNREACHABLE, event, data, text=_message(_result(data)))
    if name in {"runner_on_failed", "runner_on_async_failed"} and not data.get("ignore_errors"):
        return _failed(event, data)
    if name in {"runner_on_ok", "runner_item_on_ok"}:
        return _done(event, data)
    return None


def _event(
    kind: EventKind,
    event: Mapping[str, Any],
    data: Mapping[str, Any],
    *,
    step: str = "",
    text: str = "",
    why: str = "",
    result: Mapping[str, Any] | None = None,
) -> RunnerEvent:
    return RunnerEvent(
        kind=kind,
        time=_time(event),
        play=str(data.get("play") or ""),
        task=str(data.get("task") or ""),
        role=str(data.get("role") or ""),
        host=str(data.get("host") or ""),
        step=step,
        text=text,
        why=why,
        path=str(data.get("task_path") or ""),
        changed=_result(data).get("changed") is True,
        data=dict(result or {}),
    )


def _done(event: Mapping[str, Any], data: Mapping[str, Any]) -> RunnerEvent | None:
    """A task that went well: of interest if it is one of ours, or changed something."""
    result = _result(data)
    if "slipway_step" in result:
        kind = _STEP_STATES.get(str(result.get("state")), EventKind.STEP_BEGUN)
        step, text = str(result["slipway_step"]), str(result.get("reason") or "")
        return _event(kind, event, data, step=step, text=text, result=_own(result))
    if "slipway_module" in result:
        return _event(EventKind.MODULE_PROGRESS, event, data, result=_own(result))
    if result.get("changed") is True and event.get("event") == "runner_on_ok":
        return _event(EventKind.CHANGED, event, data)
    return None


def _failed(event: Mapping[str, Any], data: Mapping[str, Any]) -> RunnerEvent:
    result = _guilty(_result(data))
    own = _own(result) if {"slipway_step", "slipway_module"} & result.keys() else {}
    step = str(result.get("slipway_step", ""))
    return _event(
        EventKind.FAILED, event, data, step=step, text=_message(result), why=_why(result), result=own
    )


def _result(data: Mapping[str, Any]) -> Mapping[str, Any]:
    result = data.get("res")
    return result if isinstance(result, Mapping) else {}


def _own(result: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key != "invocation" and not key.startswith("_")}


def _guilty(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first failed item of a loop, whose own result only says that one failed; else the result itself."""
    items = result.get("results")
    if not isinstance(items, Sequence):
        return result
    failed = (item for item in items if isinstance(item, Mapping) and item.get("failed"))
    return next(failed, result)


def _message(result: Mapping[str, Any]) -> str:
    """What the module said, as one line."""
    if "censored" in result:
        return "failed; its output is hidden because it may hold secrets"
    text = result.get("msg") or result.get("reason") or "failed without a message"
    lines = [line.strip() for line in _lines(text) if not _NOISE.match(line)]
    command = result.get("cmd")
    if lines == ["non-zero return code"] and command:
        words = command.split() if isinstance(command, str) else [str(word) for word in command]
        program = words[0].rpartition("/")[2]
        return f"{' '.join([program, *words[1:4]])} ended with {result.get('rc')}"
    return _PREFIX.sub("", " ".join(lines)) or "failed without a message"


def _why(result: Mapping[str, Any]) -> str:
    """The last lines of output that name a cause, else the last ones that say anything."""
    for key in ("stderr", "module_stderr", "stdout", "module_stdout"):
        lines = [line.strip() for line in _lines(result.get(key)) if not _NOISE.match(line)]
        causes = [line for line in lines if _CAUSE.match(line)]
        if lines:
            return "\n".join((causes or lines)[-_WHY_LINES:])
    return ""


def _short(line: str) -> str:
    return _cut(_KLOG.sub("", line), _HEAD, _TAIL)


def _cut(line: str, head: int, tail: int) -> str:
    return line if len(line) <= head + tail else f"{line[:head]} … {line[-tail:]}"


def _lines(text: object) -> list[str]:
    parts = text if isinstance(text, list) else [text] if text else []
    return [_cut(line, _LONGEST, _LONGEST) for part in parts for line in str(part).splitlines()]


def _stats(data: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    hosts = sorted({host for key in ("processed", *_STATS) for host in data.get(key) or {}})
    return {
        host: {ours: int((data.get(theirs) or {}).get(host, 0)) for theirs, ours in _STATS.items()}
        for host in hosts
    }


def _time(event: Mapping[str, Any]) -> float:
    created = str(event.get("created") or "")
    return datetime.fromisoformat(created).timestamp() if created else 0.0

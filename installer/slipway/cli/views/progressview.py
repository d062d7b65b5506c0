"""A running operation on the screen: a live table on a terminal, a line per event elsewhere. Always on stderr."""

import sys
import time
from collections import Counter
from types import TracebackType
from typing import Any, Protocol, Self

from slipway.cli.views.output import colour
from slipway.cli.views.planview import detail_lines, hold_lines
from slipway.model.operation import OperationResult, Outcome, Progress, ProgressKind, held

#: Seconds between two plain lines about the same target's tasks: a log is read later, not watched.
_MARKS = {"succeeded": ("✓", "green"), "failed": ("✗", "red"), "blocked": ("·", "yellow")}


#: Steps that wait for others and have not begun, of which the screen shows what they wait for.
_OTHERS = 8


class View(Protocol):
    """Something that shows progress between enter and exit."""

    def __enter__(self) -> Self:
        """Start showing."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop showing."""
        ...

    def __call__(self, event: Progress) -> None:
        """Take in one event."""
        ...


def progress_view(*, quiet: bool = False) -> View:
    """The view that fits where stderr goes."""
    if quiet:
        return _Silent()
    return _Live() if sys.stderr.isatty() else _Plain()


class _Silent:
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, event: Progress) -> None:
        pass


class _Plain(_Silent):
    """One line per step's begin and end, with elapsed seconds."""

    def __enter__(self) -> Self:
        self.started = time.monotonic()
        return self

    def __call__(self, event: Progress) -> None:
        line = _line(event)
        if line:
            elapsed = time.monotonic() - self.started
            print(f"{elapsed:7.1f}s  {line}", file=sys.stderr, flush=True)


class _Live(_Silent):
    """What runs now, under what has ended."""

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.live import Live

        self.running: dict[str, tuple[float, str]] = {}
        self.tasks: dict[str, str] = {}
        self.waits: dict[str, str] = {}
        self.live = Live(
            console=Console(stderr=True), get_renderable=self._render, refresh_per_second=4, transient=True
        )
        self.live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.live.__exit__(*error)  # type: ignore[arg-type]

    def __call__(self, event: Progress) -> None:
        if event.kind is ProgressKind.STEP_STARTED:
            self.running[event.step] = (time.monotonic(), event.target)
        elif event.kind is ProgressKind.TASK:
            self.tasks[event.target] = event.text
        elif event.kind is ProgressKind.WAITS:
            self.waits[event.step] = event.text
        elif event.kind is ProgressKind.STEP_FINISHED:
            self.running.pop(event.step, None)
            self.waits.pop(event.step, None)
            self.live.console.print(_line(event), markup=False, highlight=False)
        elif line := _line(event):
            self.live.console.print(line, markup=False, highlight=False)

    def _render(self) -> Any:
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2))
        now = time.monotonic()
        for step, (since, target) in list(self.running.items()):
            text = self.waits.get(step) or self.tasks.get(target, "")
            grid.add_row("[cyan]⠿[/]", step, f"{now - since:.0f}s", Text(text, style="dim"))
        others = [step for step, text in self.waits.items() if text and step not in self.running]
        for step in others[:_OTHERS]:
            grid.add_row("", step, "", Text(self.waits[step], style="dim"))
        return grid


def _line(event: Progress) -> str:
    if event.kind is ProgressKind.STEP_STARTED:
        return f"{event.step} ..."
    if event.kind is ProgressKind.STEP_FINISHED:
        mark, hue = _MARKS.get(event.data.get("outcome", ""), ("·", "yellow"))
        detail = f": {event.text}" if event.text else ""
        seconds = f" ({event.data.get('seconds', 0):.1f}s)"
        return colour(f"{mark} {event.step}", hue, stream=sys.stderr) + seconds + detail
    if event.kind is ProgressKind.NOTE:
        return f"  {event.text}"
    if event.kind is ProgressKind.WAITS and event.text:
        return f"  {event.step}: {event.text}"
    return ""


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def result_text(result: OperationResult) -> str:
    """The last lines of an operation: what failed and what to do, or that all is well, and what it cost."""
    lines = []
    for step in result.steps:
        if step.outcome is Outcome.FAILED and step.failure:
            lines.append(colour(f"✗ {step.step}", "red") + f": {step.failure.what}")
            lines += detail_lines(step.failure)
    holds = Counter(step.failure for step in result.steps if step.failure and held(step))
    for hold, count in holds.items():
        lines += hold_lines(hold, count)
    counts, back = result.counts, sum(holds.values())
    blocked = sum(step.outcome is Outcome.BLOCKED for step in result.steps) - back
    done = sum(step.outcome is Outcome.SUCCEEDED for step in result.steps)
    rest = f", {blocked} waiting for what failed" if blocked else ""
    rest += f", {back} held back" if back else ""
    named = f"; operation {result.operation}" if result.operation else ""
    lines.append(
        f"{result.outcome}: {done} of {counts.planned} steps{rest}, in {result.seconds:.1f}s "
        f"({_count(counts.ansible_runs, 'Ansible run')}, {_count(counts.helm_calls, 'Helm call')}, "
        f"{_count(counts.images_copied, 'image')} copied){named}"
    )
    return "\n".join(lines)

"""Kills `slipway` where it hurts: when its journal says that a step has begun, and a moment later."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from typing import Any

from slipway.errors import ConfigurationError
from tests.e2e.sites import Site

#: Seconds that one step may take to come: a whole install on a slow machine.
PATIENCE = 420.0

#: Environment variable: kill at another moment in each run.
RANDOM = "SLIPWAY_TEST_RANDOM_KILLS"


def kill_at(site: Site, point: str, *argv: str, after: float = 0.0) -> str:
    """Run the command and SIGKILL it `after` seconds past the begin of a step whose id starts with `point`.

    Returns the operation's name. A command that ended by itself before is a mistake of the test.
    """
    known = set(site.operations())
    process = site.start(*argv)
    try:
        operation = _wait_for(site, process, known, point)
        time.sleep(after)
        ended = process.poll()
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.communicate()
    assert ended is None, f"it ended with {ended} before it could be killed at {point}"
    return operation


def _wait_for(site: Site, process: "subprocess.Popen[str]", known: set[str], point: str) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for operation in set(site.operations()) - known:
            if any(step.startswith(point) for step in begun(events(site, operation))):
                return operation
        if process.poll() is not None:
            out, err = process.communicate()
            raise AssertionError(f"ended with {process.returncode} before {point}\n{out}\n{err}")
        time.sleep(0.05)
    raise AssertionError(f"{point} did not begin in {PATIENCE:.0f} s")


def events(site: Site, operation: str) -> list[dict[str, Any]]:
    """An operation's events; none while its file is being made."""
    try:
        return site.journal(operation)
    except ConfigurationError:
        return []


def begun(happened: Iterable[dict[str, Any]]) -> list[str]:
    """Steps that were begun, in order."""
    return [event["step"] for event in happened if event["kind"] == "step-started"]


def done(happened: Iterable[dict[str, Any]]) -> set[str]:
    """Steps whose record was written."""
    ended = (event for event in happened if event["kind"] == "step-finished")
    return {event["step"] for event in ended if event["data"]["outcome"] == "succeeded"}


def repeated(site: Site, operations: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(operation, host step) pairs of steps that an earlier operation had already recorded as done."""
    finished: set[str] = set()
    for operation in operations:
        happened = events(site, operation)
        yield from (
            (operation, step) for step in begun(happened) if step.startswith("host/") and step in finished
        )
        finished |= done(happened)


def some_seconds(upto: float) -> float:
    """A moment inside a step: the same in every run, so that a failure can be repeated; random in `test-faults`."""
    if RANDOM in os.environ:
        return round(random.uniform(0.0, upto), 2)  # noqa: S311 - no secret
    return upto / 2

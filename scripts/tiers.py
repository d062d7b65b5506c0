"""Runs test tiers, several at a time, each with its time, and ends with one line that counts them all.

tiers.py nodes e2e,check + unit,api    # two lanes; whichever has ended its own takes the next of those after the +

Tiers wait much of their time, for nodes to boot and for pods to come, so several lanes cost little more than the
longest of them. What a tier prints is in `.slipway/TIER.log` while it runs, and appears whole when it has ended. The
times are kept in `.slipway/tests.json`, from where bench_page.py takes them.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TIMES = ROOT / ".slipway" / "tests.json"
COUNTS = re.compile(r"(\d+) (passed|failed|skipped|errors?)")
SCREEN = threading.Lock()


@dataclass(frozen=True)
class Outcome:
    """How one tier ended."""

    tier: str
    code: int
    seconds: int
    passed: int = 0
    failed: int = 0
    skipped: int = 0


def main() -> int:
    """Run `make TIER` for each tier of each lane; the exit status is 1 when any failed."""
    own, _, shared = " ".join(sys.argv[1:]).partition("+")
    lanes = [lane.split(",") for lane in own.split()]
    others = deque(shared.strip().split(",") if shared.strip() else ())
    started = time.monotonic()
    TIMES.parent.mkdir(exist_ok=True)
    with ThreadPoolExecutor(max_workers=len(lanes)) as pool:
        outcomes = [
            outcome for lane in pool.map(lambda lane: run_lane(lane, others), lanes) for outcome in lane
        ]
    times = {outcome.tier: outcome.seconds for outcome in outcomes}
    times["all"] = round(time.monotonic() - started)
    TIMES.write_text(json.dumps(times, indent=2) + "\n", encoding="utf-8")
    bad = [outcome.tier for outcome in outcomes if outcome.code]
    how = f"failed: {', '.join(bad)}" if bad else "ok"
    print(f"== all: {how} in {times['all']} s")
    # A tier that failed without a count, as `check`, counts as one.
    failed = sum(outcome.failed or int(bool(outcome.code)) for outcome in outcomes)
    passed, skipped = sum(o.passed for o in outcomes), sum(o.skipped for o in outcomes)
    print(f"tests: {passed} passed, {failed} failed, {skipped} skipped")
    return 1 if bad else 0


def run_lane(tiers: list[str], others: deque[str]) -> list[Outcome]:
    """One tier after another, also after one that failed; then of the others what no lane has taken yet."""
    outcomes = [run(tier) for tier in tiers]
    with suppress(IndexError):
        while True:
            outcomes.append(run(others.popleft()))
    return outcomes


def run(tier: str) -> Outcome:
    """Run one tier; what it printed is shown when it has ended."""
    started = time.monotonic()
    say(f"== {tier}: begun")
    # pytest tidies up what former runs left, and two that do so in one place trip over each other.
    temporary = Path(tempfile.gettempdir(), f"slipway-tests-{tier}")
    temporary.mkdir(mode=0o700, exist_ok=True)
    log = TIMES.with_name(f"{tier}.log")
    with log.open("w", encoding="utf-8") as file:
        done = subprocess.run(
            ["make", "--no-print-directory", tier],
            cwd=ROOT,
            env={**os.environ, "PYTEST_DEBUG_TEMPROOT": str(temporary)},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        )
    text = log.read_text(encoding="utf-8", errors="replace")
    seconds = round(time.monotonic() - started)
    say(f"{text}== {tier}: {'failed' if done.returncode else 'ok'} in {seconds} s")
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    closing = [line for line in text.splitlines() if COUNTS.search(line) and " in " in line]
    for number, what in COUNTS.findall(closing[-1] if closing else ""):
        counts["failed" if what.startswith("error") else what] += int(number)
    return Outcome(tier, done.returncode, seconds, **counts)


def say(text: str) -> None:
    """One tier's words at a time."""
    with SCREEN:
        print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())

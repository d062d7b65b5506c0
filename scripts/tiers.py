"""Runs test tiers one after another, each with its time, and ends with one line that counts them all."""

import re
import subprocess
import sys
import time
from pathlib import Path

COUNTS = re.compile(r"(\d+) (passed|failed|skipped|errors?)")


def main() -> int:
    """Run `make TIER` for each argument; the exit status is 1 when any failed."""
    totals = {"passed": 0, "failed": 0, "skipped": 0}
    failed: list[str] = []
    for tier in sys.argv[1:]:
        started = time.monotonic()
        print(f"== {tier}", flush=True)
        code, last = run(tier)
        for number, what in COUNTS.findall(last):
            totals["failed" if what.startswith("error") else what] += int(number)
        failed += [tier] if code else []
        print(f"== {tier}: {'failed' if code else 'ok'} in {time.monotonic() - started:.0f} s", flush=True)
    if "check" in failed:
        totals["failed"] += 1
    print(f"tests: {totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped")
    return 1 if failed else 0


def run(tier: str) -> tuple[int, str]:
    """Run one tier with its output shown as it comes; returns its status and pytest's closing line."""
    root = Path(__file__).resolve().parents[1]
    last = ""
    process = subprocess.Popen(
        ["make", "--no-print-directory", tier],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    for line in process.stdout:
        print(line, end="", flush=True)
        if COUNTS.search(line) and " in " in line:
            last = line
    return process.wait(), last


if __name__ == "__main__":
    sys.exit(main())

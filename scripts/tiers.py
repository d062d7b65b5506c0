"""Runs test tiers one after another, each with its time, and ends with one line that counts them all.

The times are kept in `.slipway/tests.json`, from where bench_page.py takes them.
"""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TIMES = ROOT / ".slipway" / "tests.json"
COUNTS = re.compile(r"(\d+) (passed|failed|skipped|errors?)")


def main() -> int:
    """Run `make TIER` for each argument; the exit status is 1 when any failed."""
    totals = {"passed": 0, "failed": 0, "skipped": 0}
    failed: list[str] = []
    seconds: dict[str, float] = {}
    for tier in sys.argv[1:]:
        started = time.monotonic()
        print(f"== {tier}", flush=True)
        code, last = run(tier)
        for number, what in COUNTS.findall(last):
            totals["failed" if what.startswith("error") else what] += int(number)
        failed += [tier] if code else []
        seconds[tier] = round(time.monotonic() - started)
        print(f"== {tier}: {'failed' if code else 'ok'} in {seconds[tier]} s", flush=True)
    if "check" in failed:
        totals["failed"] += 1
    print(f"tests: {totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped")
    TIMES.parent.mkdir(exist_ok=True)
    TIMES.write_text(json.dumps(seconds, indent=2) + "\n", encoding="utf-8")
    return 1 if failed else 0


def run(tier: str) -> tuple[int, str]:
    """Run one tier with its output shown as it comes; returns its status and pytest's closing line."""
    last = ""
    process = subprocess.Popen(
        ["make", "--no-print-directory", tier],
        cwd=ROOT,
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

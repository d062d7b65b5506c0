"""Small mistakes, one at a time, in a copy of this checkout: do the unit and contract tests of a room see them?

mutate.py [--sample 12] [--seed 1] [ROOM ...]     # rooms: planning, engine, cluster

cosmic-ray makes the mistakes: another comparison, another number, a condition turned around. Each room has a sample of
its own; the same seed takes the same ones of the same code. What survives is shown as a diff: code that nothing needs,
a mistake that changes nothing, or a test that is missing.
"""

import argparse
import difflib
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).resolve().parents[1]
#: Tests that are for a room. Those of the API and the lab are left out: one mutant would take minutes.
ROOMS = {
    "planning": ("tests/unit/planning", "tests/unit/egress", "tests/contract/api/test_kubeadm.py"),
    "engine": ("tests/unit/engine", "tests/unit/cli/test_screens.py", "tests/contract/bundle/test_copies.py"),
    "cluster": ("tests/unit/cluster", "tests/unit/operator", "tests/contract/hook"),
}
#: Not taken: `|` stands in annotations, `**` before arguments, decorators fail at import; nothing is learned of tests.
LEFT_OUT = ("BitOr", "BitAnd", "BitXor", "Shift", "Pow", "RemoveDecorator", "Variable")
#: Seconds after which a mutant counts as seen: it hangs.
HANGS = 300


@dataclass(frozen=True)
class Mutant:
    """One mistake: the how-manieth place of an operator in a file."""

    file: Path
    operator: str
    occurrence: int


def main() -> int:
    """Print a line per mutant and a table; 0 whatever survives: a score is no gate."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sample", type=int, default=12, help="mutants of each room")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help="all of them unless named")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mutate-") as place:
        copy = Path(place)
        copy_checkout(copy)
        rows = [row_of(copy, room, options.sample, options.seed) for room in options.rooms or ROOMS]
    print("\n| room | places | tried | seen | score | seconds |\n| --- | --- | --- | --- | --- | --- |")
    print("\n".join(rows))
    return 0


def row_of(copy: Path, room: str, sample: int, seed: int) -> str:
    """Try a room's sample; its row of the table."""
    if tested(copy, room, None) != 0:
        sys.exit(f"{room}: its tests fail without a mutant")
    found = list(mutants(copy / "installer" / "slipway" / room))
    chosen = random.Random(seed).sample(found, min(sample, len(found)))  # noqa: S311 - no secret
    started, seen = time.monotonic(), 0
    for mutant in chosen:
        seen += is_seen(copy, room, mutant)
    seconds = round(time.monotonic() - started)
    share = f"{100 * seen // len(chosen)} %"
    return f"| {room} | {len(found)} | {len(chosen)} | {seen} | {share} | {seconds} |"


def copy_checkout(copy: Path) -> None:
    """All that git knows, as it is now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)


def mutants(directory: Path) -> Iterator[Mutant]:
    """Every mistake that can be made in a room."""
    wanted = [name for name in operator_names() if not any(word in name for word in LEFT_OUT)]
    for file in sorted(directory.rglob("*.py")):
        nodes = list(ast_nodes(get_ast(file.read_text(encoding="utf-8"))))
        for name in wanted:
            operator = get_operator(name)
            if operator.arguments():
                continue
            places = sum(1 for node in nodes for _ in operator().mutation_positions(node))
            yield from (Mutant(file, name, occurrence) for occurrence in range(places))


def is_seen(copy: Path, room: str, mutant: Mutant) -> bool:
    """Whether the tests of the room fail over it."""
    text = mutant.file.read_text(encoding="utf-8")
    changed = mutate_code(text, get_operator(mutant.operator)(), mutant.occurrence)
    mutant.file.write_text(changed, encoding="utf-8")
    try:
        seen = tested(copy, room, mutant.file) != 0
    finally:
        mutant.file.write_text(text, encoding="utf-8")
    name = mutant.file.relative_to(copy).as_posix()
    print(f"{'seen    ' if seen else 'SURVIVED'} {name} {mutant.operator} {mutant.occurrence}", flush=True)
    if not seen:
        lines = difflib.unified_diff(text.splitlines(), changed.splitlines(), lineterm="", n=0)
        print("\n".join(line for line in lines if not line.startswith(("---", "+++"))), flush=True)
    return seen


def tested(copy: Path, room: str, file: Path | None) -> int:
    """Exit status of the tests of a changed module, wherever they are, and then of its room."""
    files = [test for folder in ROOMS[room] for test in tests_in(copy / folder)]
    if file:
        files = list(dict.fromkeys([*tests_of(copy, file), *files]))
    environment = {**os.environ, "PYTHONPATH": f"{copy / 'installer'}:{copy}", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-x", *map(str, files)]
    try:
        ended = subprocess.run(
            command, cwd=copy, env=environment, check=False, capture_output=True, timeout=HANGS
        )
    except subprocess.TimeoutExpired:
        return 1
    if file is None and ended.returncode:
        print(ended.stdout.decode()[-2000:], file=sys.stderr)
    return ended.returncode


def tests_of(copy: Path, file: Path) -> Iterator[Path]:
    """Unit and contract tests that import a module by its name."""
    package = ".".join(file.relative_to(copy / "installer").parent.parts)
    name = re.compile(rf"{re.escape(package)}(\.| import .*\b){file.stem}\b")
    for tier in ("unit", "contract"):
        for test in tests_in(copy / "tests" / tier):
            if name.search(test.read_text(encoding="utf-8")):
                yield test


def tests_in(place: Path) -> list[Path]:
    """The test files at or below a path."""
    return [place] if place.is_file() else sorted(place.rglob("test_*.py"))


if __name__ == "__main__":
    sys.exit(main())

"""Runs the scanner (images/scanner): by itself, without a network, with an end to its time and its words."""

import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from slipway.bundle.scan.databases import EXPORT, Ecosystem
from slipway.errors import BundleError
from slipway.harmless import plain

SCANNER: Final = "scanner"
#: Seconds; all of Debian's records take one minute of one core.
PATIENCE: Final = 1800.0
#: Bytes that it may write: thousands of vulnerabilities have some megabytes.
WORDS: Final = 64 << 20
#: Lines of its messages that an error tells.
TAIL: Final = 15
#: Where it looks for databases below the directory that it is told.
_BELOW: Final = "osv-scalibr"
#: Ways to a network of its own, which has nothing: root's, and everybody's where the kernel lets them.
_WAYS: Final = (("unshare", "--net"), ("unshare", "--user", "--map-current-user", "--net"))


@dataclass(frozen=True, slots=True)
class Tried:
    """One ecosystem's packages and records, as the scanner counts them."""

    name: Ecosystem
    packages: int
    records: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class Match:
    """A record about a package. `score` of CVSS, below 0 where it has none; `rating`: a word of the database's own."""

    purl: str
    id: str
    aliases: tuple[str, ...]
    summary: str
    score: float
    rating: str
    fixed: str


@dataclass(frozen=True, slots=True)
class ScannerAnswer:
    """All that it prints."""

    ecosystems: tuple[Tried, ...]
    matches: tuple[Match, ...]


def isolation() -> tuple[str, ...]:
    """Words before a command that keep it from every network; none where this user has no way to do that."""
    for way in _WAYS:
        try:
            if subprocess.run([*way, "true"], capture_output=True, timeout=30, check=False).returncode == 0:
                return way
        except (OSError, subprocess.TimeoutExpired):
            continue
    return ()


def scanner_answer(
    program: Path,
    document: Path,
    databases: Mapping[Ecosystem, Path],
    *,
    before: tuple[str, ...],
    progress: Callable[[str], None],
) -> ScannerAnswer:
    """What it finds for a CycloneDX document. `before`: as `isolation` says; `progress` gets each line of its messages.

    Raises:
        BundleError: it cannot be run, fails, takes too long, or prints something else.
    """
    with tempfile.TemporaryDirectory(prefix="slipway-scan-") as name:
        scratch = Path(name)
        for ecosystem, path in databases.items():
            place = scratch / _BELOW / ecosystem / f"{EXPORT}.zip"
            place.parent.mkdir(parents=True)
            place.symlink_to(path.absolute())
        argv = [*before, str(program.absolute()), str(document.absolute()), str(scratch)]
        text = _output_of(argv, scratch, progress)
    try:
        return TypeAdapter(ScannerAnswer).validate_json(text)
    except ValidationError as exc:
        raise _failed("the scanner's answer is not understood", program, str(exc)) from exc


def _output_of(argv: list[str], scratch: Path, progress: Callable[[str], None]) -> bytes:
    """Its standard output; it gets nothing of the user's environment, and no directory of its own but this one."""
    env = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME"), str(scratch))
    env |= {"PATH": os.defpath, "LANG": "C.UTF-8"}
    answer, messages = scratch / "answer.json", scratch / "messages"
    with answer.open("wb") as out, messages.open("wb") as err:
        try:
            process = subprocess.Popen(
                argv, cwd=scratch, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )
        except OSError as exc:
            raise _failed("the scanner cannot be run", Path(argv[-3]), exc.strerror or str(exc)) from exc
    try:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (WORDS, WORDS))
        _await(process, messages, progress)
    except subprocess.TimeoutExpired as exc:
        raise _failed("the scanner has come to no end", Path(argv[-3]), f"{PATIENCE:.0f} seconds") from exc
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        tail = "\n".join(_lines(messages)[-TAIL:])
        raise _failed(f"the scanner ended with {process.returncode}", Path(argv[-3]), tail)
    return answer.read_bytes()


def _await(process: "subprocess.Popen[bytes]", messages: Path, progress: Callable[[str], None]) -> None:
    """Its end; until then its messages are told as they come."""
    end, told = time.monotonic() + PATIENCE, 0
    while True:
        try:
            process.wait(0.2)
        except subprocess.TimeoutExpired:
            if time.monotonic() > end:
                raise
        lines = _lines(messages)
        for line in lines[told:]:
            progress(line)
        told = len(lines)
        if process.returncode is not None:
            return


def _lines(messages: Path) -> list[str]:
    """Whole ones, harmless for a terminal."""
    return [plain(line) for line in messages.read_text("utf-8", "replace").rpartition("\n")[0].splitlines()]


def _failed(what: str, where: Path, why: str) -> BundleError:
    hint = "check the bundle (slipway bundle verify DIR) and the database that was given"
    return BundleError(what, where=str(where), why=why, hint=hint)

"""Closed and full streams, a full disk, an encoding without our letters, Ctrl-C at any moment."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.cli.test_any_input import GOOD, problems
from tests.unguarded import slipway
from tests.unit.cli.test_commands import ALL

#: As the console script does it, but a byte on file 3 says that our first line has run: before, all is Python's own.
PROGRAM = "import os, slipway.cli.start as s\nos.write(int(os.environ['READY']), b'x')\ns.main()"


#: A network of its own, in which no address leads anywhere.
NOWHERE = ("unshare", "--net")


def closed(number: int) -> Callable[[], None]:
    """As `slipway ... >&-` leaves it."""

    def close() -> None:
        os.close(number)
        setattr(sys, ("stdin", "stdout", "stderr")[number], None)

    return close


def full() -> None:
    os.dup2(os.open("/dev/full", os.O_WRONLY), 1)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_every_command_with_a_closed_stream(place: Path, number: int) -> None:
    wrong = []
    for name in ALL:
        for arguments in ([*name.split(), "--help"], ["status", "-f", "missing.yaml"]):
            ended = slipway(arguments, place, before=closed(number))
            fits = ended.code in {0, 3} and "Traceback" not in ended.text
            wrong += [] if fits else [f"{arguments}: {ended.text}"]
    assert not wrong, "\n".join(wrong)


def test_every_command_whose_output_does_not_fit(place: Path) -> None:
    wrong = []
    for name in ALL:
        ended = slipway([*name.split(), "--help"], place, before=full)
        told = [*problems(ended)] if ended.code else ["no exit code"]
        wrong += [f"{name}: {problem}: {ended.text}" for problem in told]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "arguments", [["crd"], ["catalog", "list"], ["catalog", "list", "-o", "json"], ["version"]]
)
def test_output_that_does_not_fit_is_an_error(place: Path, arguments: list[str]) -> None:
    ended = slipway(arguments, place, before=full)
    assert ended.code == 1
    assert "No space left" in ended.err
    assert not list(problems(ended))


def test_a_full_disk_leaves_the_user_s_file_as_it_was(place: Path) -> None:
    """A disk of one page, in a mount namespace of the command's own; what it had is read there as well."""

    def fill() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.unshare(0x00020000) == 0
        assert libc.mount(b"none", b"/", None, 0x4000 | 0x40000, None) == 0
        assert libc.mount(b"tmpfs", b".", b"tmpfs", 0, b"size=8k") == 0
        os.chdir(place)  # into what was mounted over it
        Path("cluster.yaml").write_text(GOOD)
        with open("rest", "wb", buffering=0) as rest:  # noqa: PTH123 - to the last byte
            try:
                while True:
                    rest.write(b"x" * 512)
            except OSError:
                pass

    def left() -> None:
        """What the file system had at the end goes to the test: the mount ends with the command."""
        rest = {str(path): path.read_text() for path in Path().iterdir() if path.name != "rest"}
        (place.parent / "left.json").write_text(json.dumps(rest))

    for arguments in (["module", "enable", "welcome"], ["init", "--hosts", "10.0.0.1", "-f", "new.yaml"]):
        ended = slipway(arguments, place, before=fill, after=left)
        assert ended.code == 1, ended.text
        assert "No space left" in ended.err
        assert not list(problems(ended)), ended.text
        assert json.loads((place.parent / "left.json").read_text()) == {"cluster.yaml": GOOD}


POSIX = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["catalog", "list"],
        ["status", "-f", "Größe.yaml"],
        ["status", "-f", os.fsdecode(b"\xff\xfe.yaml")],
        ["module", "enable", "中文"],
        ["plan", "-f", "cluster.yaml"],
    ],
)
def test_a_locale_without_our_letters(place: Path, arguments: list[str]) -> None:
    text = GOOD.replace("namespace:", "annotations: {title: 中文 Größe}, namespace:")
    (place / "cluster.yaml").write_text(text, encoding="utf-8")
    ran = subprocess.run(
        [
            *NOWHERE,
            sys.executable,
            "-c",
            "from slipway.cli.start import main; main()",
            *map(os.fsencode, arguments),
        ],
        cwd=place,
        env={**os.environ, **POSIX},
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in ran.stderr, ran.stderr.decode()
    assert b"fault of Slipway" not in ran.stderr, ran.stderr.decode()
    assert ran.returncode in {0, 3, 7}  # 7: `plan` finds no registry


@pytest.mark.parametrize("command", [["catalog", "list"], ["plan"], ["crd"]])
def test_ctrl_c_at_any_moment(place: Path, command: list[str]) -> None:
    """From our first line to the last; each moment once."""
    for step in range(12):
        reader, writer = os.pipe()
        process = subprocess.Popen(
            [*NOWHERE, sys.executable, "-c", PROGRAM, *command],
            cwd=place,
            env={**os.environ, "READY": str(writer)},
            pass_fds=[writer],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        os.close(writer)
        assert os.read(reader, 1) == b"x"
        os.close(reader)
        time.sleep(step * 0.06)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert b"Traceback" not in err, (step, err.decode())
        assert b"Exception ignored" not in err, (step, err.decode())
        assert process.returncode in {0, 7, 130, -signal.SIGINT}, (step, process.returncode, err.decode())

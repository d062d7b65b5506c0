"""What nobody translated: the system's refusals, and faults of our own, whose traceback is kept for who mends them."""

import errno
import os
from pathlib import Path

import pytest

from slipway.cli.faults import InternalError, translated
from slipway.cli.views.output import LINE, SCREEN, print_error
from slipway.errors import ConfigurationError, Finding


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.ELOOP, errno.EISDIR, errno.EBUSY])
def test_a_refusal_of_the_system_has_all_four_parts(number: int) -> None:
    error = translated(OSError(number, os.strerror(number), "/x/y"))
    assert not isinstance(error, InternalError)
    assert (error.where, error.why) == ("/x/y", os.strerror(number))
    assert error.what
    assert error.hint


def test_a_fault_of_our_own_keeps_its_traceback_in_a_file() -> None:
    with pytest.raises(KeyError) as caught:
        {}["inner"]
    error = translated(caught.value)
    assert isinstance(error, InternalError)
    assert error.why == "KeyError: 'inner'"
    kept = Path(error.where)
    assert "test_a_fault_of_our_own" in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.unlink()


def test_many_findings_and_long_lines_fit_one_screen(capsys: pytest.CaptureFixture[str]) -> None:
    findings = tuple(Finding(f"spec.x[{number}]", "y" * 5000) for number in range(100))
    print_error(ConfigurationError("it has mistakes", where="file", findings=findings, hint="correct them"))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == SCREEN + 3
    assert max(map(len, lines)) < LINE + 20
    assert f"and {100 - SCREEN} more" in lines[-2]


def test_a_long_line_keeps_what_to_do_at_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    """As where many names would be right: the hint is what a user needs."""
    names = ", ".join(f"name-{number}" for number in range(200))
    finding = Finding("spec.x", "is not there", expected=f"one of {names}", hint="did you mean 'name-7'?")
    print_error(ConfigurationError("has one mistake", findings=(finding,)))
    line = capsys.readouterr().err.splitlines()[1]
    assert line.startswith("  - spec.x: is not there; expected one of name-0, ")
    assert line.endswith("(did you mean 'name-7'?)")
    assert f"({len(str(finding))} letters)" in line
    assert len(line) < 620

"""Standard streams as they really are: closed, full, read by nobody, of an encoding that lacks our letters."""

import os
import signal
import sys
from io import TextIOWrapper
from typing import IO

from slipway.cli.faults import refusal_of
from slipway.errors import SlipwayError
from slipway.harmless import harmless

#: Seconds until an interrupt that got lost is repeated: long enough to be out of where it was lost.
AGAIN = 0.01


class Shown(TextIOWrapper):
    """A stream on which text is only shown: hosts, pods and files had a word in it."""

    def write(self, text: str, /) -> int:
        """Write it as `harmless` makes it."""
        super().write(harmless(text))
        return len(text)


def steer(text: str, stream: IO[str]) -> None:
    """Write what a terminal is to do: our own words alone."""
    if isinstance(stream, Shown):
        TextIOWrapper.write(stream, text)
        stream.flush()
    else:
        print(text, end="", file=stream, flush=True)


def prepare() -> None:
    """Before anything is printed: a stream for each of the three, none of which fails at a letter; Ctrl-C raises."""
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:  # closed by who started us
            setattr(sys, name, _nowhere(number))
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, TextIOWrapper) and not isinstance(stream, Shown):
            setattr(sys, name, _shown(stream))
    sys.unraisablehook = _unraisable
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _shown(stream: TextIOWrapper) -> Shown:
    """The same stream; no letter makes it fail."""
    encoding, lines, through = stream.encoding, stream.line_buffering, stream.write_through
    return Shown(stream.detach(), encoding, "backslashreplace", line_buffering=lines, write_through=through)


def _unraisable(fault: "sys.UnraisableHookArgs") -> None:
    """Ctrl-C that met a moment in which nothing can be raised, as Python's import of a module has: it comes again."""
    if fault.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(fault)
        return
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, AGAIN)


def _nowhere(number: int) -> IO[str]:
    """The number is taken too: the next file opened would get it, and our words."""
    descriptor = os.open(os.devnull, os.O_RDWR)
    if descriptor != number:
        os.dup2(descriptor, number)
        os.close(descriptor)
    return os.fdopen(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False)


def finish(*, told: bool) -> None:
    """What was printed is out, or the error is ours to tell, unless another was `told`: Python would only complain.

    Raises:
        BrokenPipeError: nobody reads it.
        SlipwayError: it cannot be written.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as exc:
        drop()
        if not told:
            why, hint = refusal_of(exc)
            raise SlipwayError("the output cannot be written", where="stdout", why=why, hint=hint) from exc


def drop() -> None:
    """What is left for stdout goes nowhere, and the end of the process finds nothing to complain about."""
    descriptor = os.open(os.devnull, os.O_WRONLY)
    os.dup2(descriptor, 1)
    os.close(descriptor)

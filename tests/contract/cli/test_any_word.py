"""No word ends in a traceback: every command, with odd words for each of its arguments and options.

As nobody, without a network and a cache: what takes a word for right cannot do anything with it.
"""

import inspect
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.cli.test_any_input import arguments, as_nobody, problems
from tests.unguarded import slipway
from tests.unit.cli.test_commands import ALL

#: Empty, long, of another alphabet, no text at all, numbers of all kinds, what shells and templates would take up.
ODD = (
    "",
    "a" * 5000,
    os.fsdecode(b"\xff\xfe"),
    "-1",
    "99999999999999999999",
    "../中文",
    "a b\nc",
    "{{ x }}$(x)",
    "a=",
    "https://[",
)


def words() -> Iterator[tuple[str, str]]:
    """Commands, and each of their parameters that takes a word."""
    for name, command in ALL.items():
        for parameter in command.params:
            kind = getattr(parameter, "type_descriptor", None)
            text = inspect.formatannotation(kind.annotation) if kind else ""
            if text and not any(word in text for word in ("Path", "bool", "Format")):
                yield name, parameter.name


@pytest.mark.parametrize(("name", "tested"), tuple(words()))
def test_odd_words(place: Path, name: str, tested: str) -> None:
    wrong = []
    environment = {"SLIPWAY_CACHE": str(place / "cache"), "HOME": str(place)}
    for word in ODD:
        given = arguments(name, tested, word, place)
        ended = slipway(given, place, before=as_nobody, environment=environment)
        wrong += [f"{word[:20]!r}: {problem}\n{ended.text}" for problem in problems(ended)]
    assert not wrong, "\n".join(wrong)

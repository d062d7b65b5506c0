"""No input ends in a traceback: every command, with every kind of bad file in each of its paths.

A new command, or a new path of one, joins by itself.
"""

import inspect
import os
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.cli.init import minimal_document
from tests.unguarded import NOBODY, Ended, slipway
from tests.unit.cli.test_commands import ALL
from tests.unit.planning import model

#: Written in `slipway --help`.
CODES = {0, 1, 2, 3, 4, 5, 6, 7, 130}
#: Lines of an ordinary terminal.
SCREEN = 24

#: Its host can be no machine: commands run in a network of their own, where no address leads anywhere.
GOOD = minimal_document("site", model.KUBERNETES, "root", ["192.0.2.1"], 1).replace(
    "ssh: {", "ssh: {port: 1, "
)


def _file(content: bytes) -> Callable[[Path], None]:
    return lambda path: typing.cast("None", path.write_bytes(content))


KINDS: dict[str, Callable[[Path], Any]] = {
    "missing": lambda _: None,
    "directory": Path.mkdir,
    "unreadable": lambda path: (path.write_bytes(GOOD.encode()), path.chmod(0)),
    "link to itself": lambda path: path.symlink_to(path),
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "empty": _file(b""),
    "binary": _file(bytes(range(256)) * 40),
    "latin-1": _file("name: Größe\n".encode("latin-1")),
    "utf-16": _file(GOOD.encode("utf-16")),
    "two documents": _file(f"{GOOD}---\n{GOOD}".encode()),
    "deep": _file(b"a: " + b"[" * 100_000),
    "deep JSON": _file(b'{"a": ' + b"[" * 100_000),
    "cyclic": _file(b"a: &a [*a]\n"),
    "bomb": _file(
        b"a: &a [x,x,x,x,x,x,x,x,x]\n"
        + b"".join(b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(9))
    ),
    "huge": _file(b"# a line of a file that is no configuration\n" * 200_000),
    "list": _file(b"- a\n- b\n"),
    "null": _file(b"null"),
    "wrong types": _file(
        b'{"format": [], "kind": {}, "metadata": 5, "spec": "x", "file": 1, "plan": [], "images": 5, "files": {"a": 1}}'
    ),
    "long line": _file(b"a" * 2_000_000),
}


def paths() -> Iterator[tuple[str, str]]:
    """Commands, and each of their parameters that is a path."""
    for name, command in ALL.items():
        for parameter in command.params:
            kind = getattr(parameter, "type_descriptor", None)
            if kind and "Path" in inspect.formatannotation(kind.annotation):
                yield name, parameter.name


#: What else a command wants; a path is one that is there.
WORDS = {"hosts": "10.0.0.1", "name": "page", "node": "n-1", "shell": "bash", "sources": "."}

#: All modules would be looked at, each time.
FEW = {"catalog verify": ["welcome"]}


def arguments(name: str, tested: str, path: str, place: Path) -> list[str]:
    found = [*name.split(), *FEW.get(name, ())]
    for parameter in ALL[name].params:
        value = path if parameter.name == tested else WORDS.get(parameter.name, str(place / "there"))
        if parameter.name == tested or parameter.required:
            option = parameter.opts[0] if parameter.opts[0].startswith("-") else ""
            found += [option, value] if option else [value]
    return found


def as_nobody() -> None:
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


@pytest.mark.parametrize(("name", "tested"), tuple(paths()))
def test_a_bad_file(place: Path, name: str, tested: str) -> None:
    wrong = []
    for kind, make in KINDS.items():
        path = place / f"bad {kind}"
        make(path)
        environment = {"SLIPWAY_CACHE": str(place / "cache"), "HOME": str(place)}
        before = as_nobody if kind == "unreadable" else lambda: None
        ended = slipway(
            arguments(name, tested, str(path), place), place, before=before, environment=environment
        )
        wrong += [f"{kind}: {problem}\n{ended.text}" for problem in problems(ended)]
    assert not wrong, "\n".join(wrong)


def problems(ended: Ended) -> Iterator[str]:
    """In one screen: what, where, why, what next; and a code that is documented."""
    if ended.code not in CODES:
        yield f"exit code {ended.code}"
    if "Traceback" in ended.err or "fault of Slipway" in ended.err:
        yield "a fault"
    if ended.code not in {0, 2}:
        lines = ended.err.splitlines()
        if len([line for line in lines if line.startswith("error:")]) != 1:
            yield "not one error"
        if len(lines) > SCREEN:
            yield "more than a screen"
        if "next:" not in ended.err:
            yield "not what next"

"""The modules that are linked into a Go program, by what the program says of itself; pure."""

import re
from pathlib import Path
from typing import Final

#: Licence and name of Go's own library and runtime, which are in every program; records of vulnerabilities call it so.
LIBRARY: Final = "BSD-3-Clause"
STANDARD: Final = "stdlib"
#: What `go version -m` calls a program's own module, those it depends on, and what stands in for one of them.
_OWN, _OTHER, _REPLACED = "mod", "dep", "=>"
#: What it says of the version of a directory.
_OF_THE_TREE: Final = "(devel)"
_UPPER = re.compile(r"[A-Z]")


def linked_modules(text: str, own: str) -> list[tuple[str, str]]:
    """Paths and versions of the modules that `go version -m` names.

    Left out are those below the path `own`, and those of the tree that was built, which have no version of their own.
    """
    found: list[tuple[str, str]] = []
    for words in map(str.split, text.splitlines()):
        if words[:1] == [_REPLACED]:
            found[-1] = (words[1], words[2])
        elif words[:1] in ([_OWN], [_OTHER]):
            found.append((words[1], words[2]))
    return [
        (path, version)
        for path, version in found
        if not path.startswith(f"{own}/") and version != _OF_THE_TREE
    ]


def toolchain_version(text: str) -> str:
    """The version of Go, and so of its library, with which a program was built, as its first line names it: 1.26.6."""
    return text.partition("\n")[0].rpartition(": go")[2].split(" ")[0]


def module_place(cache: Path, path: str, version: str) -> Path:
    """A module's directory in a module cache, where a capital is written as ! and the small letter."""
    return cache / _UPPER.sub(lambda letter: f"!{letter[0].lower()}", f"{path}@{version}")

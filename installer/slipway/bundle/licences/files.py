"""The licence files of a directory: those at its top, by the names that everybody gives them."""

import re
from pathlib import Path

from slipway.bundle.licences.expression import all_of
from slipway.bundle.licences.texts import recognise

_NAMES = re.compile(r"(un)?licen[cs]es?|copying(\.lesser)?", re.IGNORECASE)
#: LICENSE.docs is of what nobody runs, LICENSE-3rdparty.csv a list for people.
_OTHERS = re.compile(r"doc|3rd|third|\.(csv|go|html|json|py)$", re.IGNORECASE)


def is_licence(name: str) -> bool:
    """Whether a file is called as a licence is."""
    return bool(_NAMES.match(name)) and not _OTHERS.search(name)


def in_directory(directory: Path) -> str:
    """The licences of its files at once: which one may be chosen is not said in their names. Empty: none is known."""
    found = sorted(path for path in directory.iterdir() if path.is_file() and is_licence(path.name))
    return all_of(recognise(path.read_text(encoding="utf-8", errors="replace")) for path in found)

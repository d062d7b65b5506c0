"""What of a folder is shipped: in the wheel, in a bundle's catalog, in the operator's image, in a module's own chart.

Digests count exactly this (but what has been tried of a module), so what an editor or a tool leaves behind is no
other release. Permissions are none of it:
a shell script is a program wherever it goes, all else is not.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from fnmatch import translate
from pathlib import Path
from typing import Final

#: What tools leave behind: all that is hidden (.DS_Store, .x.swp, .#lock, .idea), compiled code, backups, rejects.
STRAY: Final = (
    ".*",
    "__pycache__",
    "*.pyc",
    "*~",
    "#*#",
    "*.swp",
    "*.bak",
    "*.orig",
    "*.rej",
    "*.retry",
)
#: What only people read or tests use.
UNSHIPPED: Final = ("tests", "molecule", "README.md")
#: Of a module: what tests have seen of it. Shipped, and no part of what a module is.
LEVELS: Final = "levels.yaml"

_KEPT_BACK: Final = re.compile("|".join(map(translate, (*STRAY, *UNSHIPPED))))


def files(root: Path) -> Iterator[Path]:
    """The files at or below a path that are shipped, in an order that does not depend on the file system."""
    if root.is_file():
        yield root
    elif root.is_dir():
        for entry in sorted(root.iterdir()):
            if is_shipped(entry.name):
                yield from files(entry)


def folders(root: Path) -> list[Path]:
    """The folders right below a path of which something is shipped."""
    found = sorted(root.iterdir()) if root.is_dir() else []
    return [entry for entry in found if entry.is_dir() and is_shipped(entry.name) and any(files(entry))]


def files_of_module(folder: Path) -> Iterator[Path]:
    """What a module is: all that is shipped of its folder, but what has been tried of it."""
    return (file for file in files(folder) if file != folder / LEVELS)


def digest_of_module(folder: Path) -> str:
    """The sha256 over what a module is."""
    return _digest(((folder, files_of_module(folder)),))


def digest_of_files(paths: Iterable[Path]) -> str:
    """The sha256 over names (relative to each given path) and contents of all that is shipped of the paths."""
    return _digest((root, files(root)) for root in paths)


def _digest(parts: Iterable[tuple[Path, Iterable[Path]]]) -> str:
    total = hashlib.sha256()
    for root, found in parts:
        for file in found:
            data = file.read_bytes()
            name = file.relative_to(root.parent).as_posix()
            total.update(f"{name}\0{len(data)}\0".encode())
            total.update(data)
    return f"sha256:{total.hexdigest()}"


def is_shipped(name: str) -> bool:
    """Whether a file or folder of this name is."""
    return not _KEPT_BACK.match(name)


def is_program(file: Path) -> bool:
    """Whether it is executable where it arrives."""
    return file.suffix == ".sh"

"""Names for content: the sha256 of a folder's files, and of data as canonical JSON."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

#: Not content: what tools leave behind, and what only people read or tests use.
IGNORED = frozenset({"__pycache__", "tests", "molecule", "README.md", ".ansible"})


def of_data(value: Any) -> str:
    """The sha256 of canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def of_files(paths: Iterable[Path]) -> str:
    """The sha256 over the names (relative to each given path) and contents of all files below the paths."""
    total = hashlib.sha256()
    for root in paths:
        for file in files(root):
            data = file.read_bytes()
            name = file.relative_to(root.parent).as_posix()
            total.update(f"{name}\0{len(data)}\0".encode())
            total.update(data)
    return f"sha256:{total.hexdigest()}"


def files(root: Path) -> Iterator[Path]:
    """The files below a path that are content, in an order that does not depend on the file system."""
    if root.is_file():
        yield root
        return
    if not root.is_dir():
        return
    for entry in sorted(root.iterdir()):
        if entry.name not in IGNORED and entry.suffix != ".pyc":
            yield from files(entry)

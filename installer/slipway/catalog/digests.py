"""Names for content: the sha256 of a folder's files, and of data as canonical JSON."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from slipway.catalog import shipped


def canonical_json(value: Any) -> str:
    """One text per meaning: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def of_data(value: Any) -> str:
    """The sha256 of canonical JSON."""
    return f"sha256:{hashlib.sha256(canonical_json(value).encode()).hexdigest()}"


def of_files(paths: Iterable[Path]) -> str:
    """The sha256 over names (relative to each given path) and contents of all that is shipped of the paths."""
    total = hashlib.sha256()
    for root in paths:
        for file in shipped.files(root):
            data = file.read_bytes()
            name = file.relative_to(root.parent).as_posix()
            total.update(f"{name}\0{len(data)}\0".encode())
            total.update(data)
    return f"sha256:{total.hexdigest()}"

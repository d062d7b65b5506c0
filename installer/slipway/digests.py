"""Names for content: one text per value, and the sha256 of a text as OCI and all records of ours write it."""

import hashlib
import json
import re
from typing import Any, Final

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


def is_digest(text: str) -> bool:
    """Whether it is a sha256 as OCI writes it."""
    return _DIGEST.fullmatch(text) is not None


def canonical_json(value: Any, *, escaped: bool = False) -> str:
    """One text per meaning: sorted keys, no spaces.

    `escaped`: what is beyond ASCII by its number, as bundles, receipts and records in the cluster have had it from
    the first; a step's inputs and the catalog have it as it is. Either is kept for what was written before.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=escaped)


def digest_of(content: bytes | str) -> str:
    """The sha256 of a content, with its algorithm before it; text is UTF-8."""
    data = content.encode() if isinstance(content, str) else content
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def json_digest(value: Any, *, escaped: bool = False) -> str:
    """The sha256 of a value as canonical JSON."""
    return digest_of(canonical_json(value, escaped=escaped))

"""JSON that two readers read the same way, and what is looked for in it; else a signature counts for nothing."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final

#: Letters of a stranger's text that an error repeats.
SHOWN: Final = 120


class Unfit(ValueError):  # noqa: N818 - a judgement, not a fault of ours
    """A signature that counts for nothing; its text is a clause that begins with a verb: "is by another key"."""


def strict_json(text: bytes) -> dict[str, Any]:
    """A JSON object of UTF-8 in which no key stands twice, and all numbers are JSON's.

    Raises:
        Unfit: it is none.
    """
    try:
        found = json.loads(text.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as exc:
        raise Unfit(
            f"cannot be read: {shown(str(exc)) if isinstance(exc, ValueError) else 'too deep'}"
        ) from exc
    if not isinstance(found, dict):
        raise Unfit("cannot be read: it is no JSON object")
    return found


def value_at(data: Mapping[str, Any], *path: str) -> Any:
    """What stands below these keys; None where there is nothing."""
    found: Any = data
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def text_at(data: Mapping[str, Any], *path: str) -> str:
    """The text below these keys.

    Raises:
        Unfit: there is none.
    """
    found = value_at(data, *path)
    if not isinstance(found, str):
        raise Unfit(f"has no text at {'.'.join(path)}")
    return found


def decoded(text: str, *, url: bool = False) -> bytes:
    """Base64; with `url` the alphabet of JWS, which has no padding.

    Raises:
        Unfit: it is none.
    """
    try:
        if not url:
            return base64.b64decode(text.encode("ascii"), validate=True)
        padded = f"{text}{'=' * (-len(text) % 4)}".encode("ascii")
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as exc:
        raise Unfit("has a part that is no base64") from exc


def shown(text: str) -> str:
    """A stranger's text, no longer than a person reads."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")

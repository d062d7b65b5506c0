"""The one form of a document that is compared: the API server's own, as it stores it and gives it back.

Files pass here when they are read, and every spec before it becomes a Configuration. So a digest, a plan, a merge and
an apply see what will be stored: server-side apply reads JSON as YAML, its numbers as 64-bit floats, and writes them as
Go does. Empty maps and lists, and null below somebody else's schema, are kept as they are: each of them says something.
"""

import json
import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from slipway.api.yamlfile import step
from slipway.errors import Finding
from slipway.findings import FindingCode

#: Up to here every whole number is a 64-bit float of its own (IEEE 754).
EXACT: Final = 2**53
#: From here on Go's encoding/json writes an exponent, and what has one is read as a float again.
EXPONENT: Final = 1e21


def as_stored(value: Any) -> Any:
    """The value as the API server gives it back; what it cannot store (`unstorable`) is left as it is."""
    if isinstance(value, Mapping):
        return {_key(key): as_stored(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_stored(item) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value)
    return value


def unstorable(value: Any, path: str) -> Iterator[Finding]:
    """What no JSON can hold, or none that the API server keeps as it was written."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _unwritable(str(key), step(path, key))
            yield from unstorable(item, step(path, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from unstorable(item, step(path, index))
    elif isinstance(value, str):
        yield from _unwritable(value, path)
    elif isinstance(value, int | float):
        yield from _inexact(value, path)
    elif value is not None:
        text = f"is {type(value).__name__}"
        yield Finding(
            path,
            text,
            expected="text, a number, true or false, a map or a list",
            hint="put it in quotes",
            code=FindingCode.WRONG_TYPE,
        )


def _number(value: float) -> int | float:
    stored = _stored(value)
    return stored if _keeps(value, stored) else value


def _stored(value: float) -> int | float:
    """A number after it was a float in Go and text in etcd: without a fraction it is a whole one."""
    if isinstance(value, int) and abs(value) <= EXACT:
        return value
    try:
        number = float(value)
    except OverflowError:
        return math.inf
    if not number.is_integer() or abs(number) >= EXPONENT:
        return number
    return int(Decimal(repr(number)))  # the digits that Go writes, which need not be all of a large float's


def _keeps(value: float, stored: float) -> bool:
    """Whether what is stored is what was written; a float was rounded by whoever read it."""
    return stored == value if isinstance(value, int) else math.isfinite(value)


def _key(key: Any) -> str:
    """A key as JSON has it: text."""
    if isinstance(key, str):
        return key
    return json.dumps(key) if key is None or isinstance(key, bool | int | float) else str(key)


def _inexact(value: float, path: str) -> Iterator[Finding]:
    if _keeps(value, _stored(value)):
        return
    problem = "has more digits than a number keeps" if isinstance(value, int) else f"is {value}"
    hint = "put it in quotes" if isinstance(value, int) else ""
    yield Finding(
        path, problem, expected="a number that JSON can hold", hint=hint, code=FindingCode.BAD_VALUE
    )


def _unwritable(value: str, path: str) -> Iterator[Finding]:
    """Half a surrogate pair is a string to Python and to nobody else."""
    try:
        value.encode()
    except UnicodeEncodeError:
        yield Finding(
            path.encode(errors="backslashreplace").decode(),
            "is no text of Unicode",
            expected="text",
            code=FindingCode.BAD_VALUE,
        )

"""What a scalar is: by the rules of go-yaml v2 (`resolve.go`), and of sigs.k8s.io/yaml for the way through JSON."""

import math
import re
import struct
from base64 import b64decode
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_UP, Context, Decimal
from typing import Final

Scalar = str | int | float | bool | None

_STANDARD: Final = "tag:yaml.org,2002:"
STR, INT, FLOAT, BOOL, NULL, MERGE, BINARY, TIMESTAMP, MAP, SEQ = (
    _STANDARD + name
    for name in ("str", "int", "float", "bool", "null", "merge", "binary", "timestamp", "map", "seq")
)
#: Tags that JSON has something for.
KNOWN: Final = frozenset({None, STR, INT, FLOAT, BOOL, NULL, BINARY, MERGE, TIMESTAMP, MAP, SEQ})

_NULLS: Final = ("", "~", "null", "Null", "NULL")
_TRUE: Final = ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
_FALSE: Final = ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")
_INFINITE: Final = (".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF")
_WORDS: Final[dict[str, Scalar]] = {
    **dict.fromkeys(_NULLS, None),
    **dict.fromkeys(_TRUE, True),
    **dict.fromkeys(_FALSE, False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys(_INFINITE, math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
#: First characters of all that may be anything but text.
_FIRST: Final = frozenset("+-.0123456789yYnNtTfFoO~")
_WHOLE: Final = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_BASES: Final = (16, 2, 8, 10)
#: Go cuts `0b` off and reads the rest as a number of its own, which may have a sign.
_SIGNED_BINARY: Final = re.compile(r"0b([-+][01]+)")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
#: Behind a dot, `_` separates digits; elsewhere go-yaml drops it wherever it stands.
_DOTTED: Final = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?")
_BASE64: Final = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_LONE: Final = re.compile("[\udc80-\udcff]")
#: Digits of the largest whole number, 2**64-1; no longer text is looked at as one.
_DIGITS: Final = 20
_MAX_SIGNED, _MAX_UNSIGNED = 2**63 - 1, 2**64 - 1
#: From here on Go's JSON writes floats with an exponent; below, whole ones are whole numbers.
_JSON_EXPONENT: Final = 1e21
#: Exponents that Go's %v writes out; all others stand behind an e.
_WRITTEN_OUT: Final = range(-4, 6)


def untagged(text: str) -> Scalar:
    """What plain text is. Dates, times of day, MAC addresses and `=` are text."""
    if text and text[0] not in _FIRST:
        return text
    if text in _WORDS:
        return _WORDS[text]
    first = text[0]
    if first == ".":
        return _float(text.replace("_", ""), text) if _DOTTED.fullmatch(text) else text
    return _number(text) if first in "+-0123456789" else text


def tagged(tag: str, text: str) -> Scalar:
    """What text with a tag is; a tag that nobody knows leaves it text.

    Raises:
        ValueError: it is not what its tag says.
    """
    if tag == BINARY:
        return _binary(text)
    if tag not in _TYPES:
        return text
    value = untagged(text)
    if tag == FLOAT and type(value) is int and value <= _MAX_SIGNED:
        return float(value)
    if type(value) is not _TYPES[tag]:
        raise ValueError(f"{text!r} is no {short(tag)}")
    return value


_TYPES: Final[dict[str, type]] = {INT: int, FLOAT: float, BOOL: bool, NULL: type(None)}


def short(tag: str | None) -> str:
    """A tag as it is written."""
    return f"!!{tag.removeprefix(_STANDARD)}" if tag and tag.startswith(_STANDARD) else str(tag)


def as_key(value: Scalar) -> str:
    """A map's key as JSON has it.

    Raises:
        ValueError: it can be none.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value <= _MAX_SIGNED:
        return str(value)
    if isinstance(value, int):
        raise ValueError(f"the key {value} is too large a number")  # noqa: TRY004 - of a text, not of a type
    if value is None:
        raise ValueError("a key is empty")
    return shortest(value, single=True)


def as_value(value: Scalar) -> Scalar:
    """A value as it comes out of JSON: whole floats are whole numbers.

    Raises:
        ValueError: JSON has no such number.
    """
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        raise ValueError(f"JSON has no {shortest(value)}")
    if value.is_integer() and abs(value) < _JSON_EXPONENT:
        return int(Decimal(repr(value)))
    return value


def shortest(value: float, *, single: bool = False) -> str:
    """Go's `%v` of a number, and so what Helm prints: the fewest digits that mean it, in 32 bits if single."""
    exact = _single(value) if single else value
    if not math.isfinite(exact):
        return ".nan" if math.isnan(exact) else ".inf" if exact > 0 else "-.inf"
    number = _single_digits(exact) if single else Decimal(repr(exact))
    number = number.normalize()
    exponent = number.adjusted() if number else 0
    if exponent in _WRITTEN_OUT:
        return f"{number:f}"
    sign, digits, _ = number.as_tuple()
    first, *rest = map(str, digits)
    return f"{'-' * sign}{first}{'.' * bool(rest)}{''.join(rest)}e{exponent:+03d}"


def _single(value: float) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def _single_digits(exact: float) -> Decimal:
    """The fewest digits; beside a power of two the right ones are not always the rounded ones."""
    roundings = (ROUND_HALF_EVEN, ROUND_DOWN, ROUND_UP)
    contexts = (Context(prec=digits, rounding=way) for digits in range(1, 10) for way in roundings)
    numbers = (context.create_decimal(Decimal(exact)) for context in contexts)
    return next(number for number in numbers if _single(float(number)) == exact)


def _number(text: str) -> Scalar:
    plain = text.replace("_", "")
    found = _WHOLE.fullmatch(plain)
    value = _whole(found) if found else None
    if value is not None:
        return value
    binary = _SIGNED_BINARY.fullmatch(plain)
    if binary and -_MAX_SIGNED - 1 <= int(binary[1], 2) <= _MAX_SIGNED:
        return int(binary[1], 2)
    return _float(plain, text)


def _whole(found: re.Match[str]) -> int | None:
    """A number of 64 bits; one without a sign may use all of them."""
    sign, *parts = found.groups()
    digits, base = next((part, base) for part, base in zip(parts, _BASES, strict=True) if part is not None)
    if base == 10 and len(digits) > _DIGITS:  # noqa: PLR2004
        return None
    value = int(digits, base)
    if sign == "-":
        return -value if value <= _MAX_SIGNED + 1 else None
    return value if value <= (_MAX_SIGNED if sign else _MAX_UNSIGNED) else None


def _float(plain: str, text: str) -> Scalar:
    """A number, unless it is too large for one."""
    value = float(plain) if _FLOAT.fullmatch(plain) else math.inf
    return text if math.isinf(value) else value


def _binary(text: str) -> str:
    plain = text.replace("\n", "").replace("\r", "")
    if not _BASE64.fullmatch(plain):
        raise ValueError("this is no base64")
    return _LONE.sub("\ufffd", b64decode(plain).decode("utf-8", "surrogateescape"))

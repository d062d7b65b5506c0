"""SPDX expressions: checked, taken apart at AND, and put together; pure. An empty one is not known."""

import re
from collections.abc import Iterable
from typing import Final

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

#: Stands for the parts of something whose other parts have a known licence.
UNKNOWN: Final = "LicenseRef-unknown"
#: Name under which a source's licences have the one of all its files.
WHOLE: Final = ""

_GNU = re.compile(r"\b(A?GPL|LGPL|GFDL)-(\d\.\d)(\+?)(?=[\s()]|$)")
_WORDS = re.compile(r"[()]|[^\s()]+")


def spdx_expression(text: str) -> str:
    """The expression as SPDX writes it today; empty where the text is none, or names a licence that SPDX has not."""
    try:
        found: str = canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return ""
    return _GNU.sub(lambda name: gnu_expression(*name.groups()), found)


def gnu_expression(family: str, version: str, later: str) -> str:
    """`GPL-2.0-or-later` of GPL, 2 or 2.0, and `+`; `-only` without it."""
    return f"{family}-{version if '.' in version else f'{version}.0'}-{'or-later' if later else 'only'}"


def terms(expression: str) -> tuple[str, ...]:
    """The parts that all hold at once: the expression cut at every AND that is in no choice."""
    parts: list[list[str]] = [[]]
    depth = 0
    for word in _WORDS.findall(expression):
        depth += {"(": 1, ")": -1}.get(word, 0)
        if depth == 0 and word == "OR":
            return (expression,)
        if depth == 0 and word == "AND":
            parts.append([])
        else:
            parts[-1].append(word)
    if len(parts) > 1:
        return tuple(term for part in parts for term in terms(_text(part)))
    return terms(_text(parts[0][1:-1])) if parts[0][:1] == ["("] else (_text(parts[0]),)


def all_of(parts: Iterable[str]) -> str:
    """All parts at once: their licences, sorted, each once. Parts that are not known are said to be there.

    Empty where nothing is known of any.
    """
    found = {term for part in parts for term in (terms(part) if part else (UNKNOWN,))}
    if found <= {UNKNOWN}:
        return ""
    several = len(found) > 1
    return " AND ".join(f"({term})" if several and " OR " in term else term for term in sorted(found))


def _text(words: Iterable[str]) -> str:
    return " ".join(words).replace("( ", "(").replace(" )", ")")

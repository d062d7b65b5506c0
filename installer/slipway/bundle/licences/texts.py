"""Recognises the licence texts that nearly all free software has, by their words; pure.

A text is cut where a known licence begins. Each must have its own sentences and end as it ends, and be no longer than
it is; around them nothing may stand that sounds like terms. What somebody added to a licence makes another of it.
"""

import re
from itertools import pairwise
from typing import Final

from slipway.bundle.licences.expression import all_of, spdx_expression
from slipway.bundle.licences.known import KNOWN, Known

_HEADS: Final = re.compile("|".join(rf"\b{head}\b" for head in sorted({known.head for known in KNOWN})))
#: A line of its own, with nothing but an expression.
_STATED: Final = re.compile(r"^\W*SPDX-License-Identifier:[ \t]*([\w.+() -]*\w[+)]?)", re.MULTILINE)
#: What is found in terms, and not where somebody says what is under which licence.
_TERMS: Final = re.compile(
    r"\b(conditions?|exceptions?|forbidden|may not|must|not permitted|permissions?|prohibited"
    r"|provided that|restrict\w*|shall)\b"
)
#: What the Apache License says after its end.
_HARMLESS: Final = re.compile(r"\bend of terms and conditions\b")


def words(text: str) -> str:
    """A text without its marks, line breaks and capitals."""
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def recognise(text: str) -> str:
    """The licences of a licence file: those that its author names for machines, else those whose words it has.

    Empty where none is known.
    """
    if named := _STATED.search(text):
        return spdx_expression(named[1])
    plain = words(text)
    starts = [found.start() for found in _HEADS.finditer(plain)]
    if not starts:
        return ""
    parts = [_name(plain[start:end]) for start, end in pairwise([*starts, len(plain)])]
    return all_of([*parts, *_doubts(plain[: starts[0]])])


def _name(part: str) -> str:
    """The licence that a part begins with; empty where it is not quite one, or terms follow."""
    for known in KNOWN:
        end = _end(known, part)
        if end and _is(known, part[:end]):
            return "" if _doubts(part[end:]) else known.spdx
    return ""


def _end(known: Known, part: str) -> int:
    """Where its last words end; 0 where it has none of them."""
    return max(part.rfind(words) + len(words) if words in part else 0 for words in known.ends)


def _is(known: Known, body: str) -> bool:
    short = len(body.split()) <= known.longest
    return short and body.startswith(known.head) and all(phrase in body for phrase in known.has)


def _doubts(around: str) -> list[str]:
    """One unknown licence where the words around licences sound like terms."""
    return [""] if _TERMS.search(_HARMLESS.sub("", around)) else []

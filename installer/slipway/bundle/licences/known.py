"""Licence texts by their first words, their last ones, and sentences between; lower case, without marks."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Known:
    """One licence, or one form of it."""

    spdx: str
    head: str
    """Where it begins."""
    ends: tuple[str, ...]
    """Its last words, one of which must be there."""
    longest: int
    """Words from there to there, with a little more for the names that people fill in."""
    has: tuple[str, ...] = ()
    """What tells it from others that begin alike, and what stands where others have more."""


_MIT = (
    "permission is hereby granted free of charge to any person obtaining a copy of this software and associated"
    " documentation files"
)
_MIT_END = ("dealings in the software",)
_MIT_NOTICE = (
    "to do so subject to the following conditions the above copyright notice and this permission notice"
)
_MIT_AS_IS = "copies or substantial portions of the software the software is provided as is without warranty"
_ISC = "permission to use copy modify and or distribute this software for any purpose with or without fee is hereby"
_ISC_OLD = _ISC.replace("and or", "and")
_ISC_END = ("with the use or performance of this software",)
_ISC_BODY = ("appear in all copies the software is provided as is",)
_BSD = "redistribution and use in source and binary forms with or without modification are permitted provided that"
_BSD_END = ("possibility of such damage",)
_SOURCE = "redistributions of source code must retain"
_BINARY = (
    "redistributions in binary form must reproduce the above copyright notice this list of conditions and the"
)
_PLAIN = "documentation and or other materials provided with the distribution this software is provided"
_NAMES = "be used to endorse or promote products derived from this software without"
_SPECIFIC = "specific prior written permission this software is provided"
_ZLIB = "this software is provided as is without any express or implied warranty"
_UNLICENSE = "this is free and unencumbered software released into the public domain"


def _gnu(spdx: str, title: str, longest: int, end: str) -> Known:
    verbatim = "everyone is permitted to copy and distribute verbatim copies of this license document"
    return Known(spdx, f"gnu {title}", ("end of terms and conditions", end), longest, (verbatim,))


_APACHE = Known(
    "Apache-2.0",
    "apache license version 2 0 january 2004",
    ("accepting any such warranty or additional liability",),
    1450,
    ("2 grant of copyright license", "4 redistribution", "8 limitation of liability"),
)
_APACHE_NOTICE = Known(
    "Apache-2.0",
    "licensed under the apache license version 2 0",
    ("limitations under the license",),
    90,
    ("you may not use this file except in compliance with the license",),
)
_MPL = Known(
    "MPL-2.0",
    "mozilla public license version 2 0 1 definitions",
    ("the notice described in exhibit b of this license must be attached",),
    2350,
    ("2 license grants and conditions", "10 versions of the license"),
)
_MPL_NOTICE = Known(
    "MPL-2.0", "subject to the terms of the mozilla public license v 2 0", ("you can obtain one at",), 40
)
_GPL_2 = _gnu(
    "GPL-2.0-only",
    "general public license version 2 june 1991",
    3000,
    "public license instead of this license",
)
_GPL_3 = _gnu("GPL-3.0-only", "general public license version 3 29 june 2007", 5750, "why not lgpl html")
_AGPL_3 = _gnu(
    "AGPL-3.0-only",
    "affero general public license version 3 19 november 2007",
    5750,
    "see https www gnu org licenses",
)
_LGPL_21 = _gnu(
    "LGPL-2.1-only",
    "lesser general public license version 2 1 february 1999",
    4450,
    "that s all there is to it",
)
_LGPL_3 = _gnu(
    "LGPL-3.0-only",
    "lesser general public license version 3 29 june 2007",
    1260,
    "to choose that version for the library",
)

KNOWN: Final = (
    Known("MIT", _MIT, _MIT_END, 170, (_MIT_NOTICE, _MIT_AS_IS)),
    Known("MIT-0", _MIT, _MIT_END, 140, ("is furnished to do so the software is provided as is",)),
    Known("BSD-2-Clause", _BSD, _BSD_END, 200, (_SOURCE, _BINARY, _PLAIN)),
    Known("BSD-3-Clause", _BSD, _BSD_END, 240, (_SOURCE, _BINARY, _NAMES, _SPECIFIC)),
    Known("ISC", _ISC, _ISC_END, 120, _ISC_BODY),
    Known("ISC", _ISC_OLD, _ISC_END, 120, _ISC_BODY),
    Known("0BSD", _ISC, _ISC_END, 100, ("is hereby granted the software is provided as is",)),
    _APACHE,
    _APACHE_NOTICE,
    _MPL,
    _MPL_NOTICE,
    _GPL_2,
    _GPL_3,
    _AGPL_3,
    _LGPL_21,
    _LGPL_3,
    Known("Unlicense", _UNLICENSE, _MIT_END, 200),
    Known("CC0-1.0", "cc0 1 0 universal", ("this cc0 or use of the work",), 1090, ("statement of purpose",)),
    Known(
        "Zlib", _ZLIB, ("removed or altered from any source distribution",), 130, ("altered source versions",)
    ),
)

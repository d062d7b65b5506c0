"""Debian's copyright files, most of which name the licence of every file, so that machines can read it (DEP-5); pure.

The licences of all files are taken, also of those that are in the sources alone, but for Debian's own: which file went
where it does not say.
"""

import re
from collections.abc import Mapping
from typing import Final

from slipway.bundle.licences.expression import all_of, gnu_expression, spdx_expression
from slipway.bundle.licences.notices import notices
from slipway.bundle.licences.texts import recognise

#: At the top of a file that machines can read.
_FORMAT = re.compile(r"\AFormat(-Specification)?:.*(copyright-format|dep5?\b)", re.IGNORECASE)
_GAP = re.compile(r"\n[ \t]*\n")
#: With the lines below it that are indented.
_FIELD = re.compile(r"^(License|Files):[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE)
_GNU = re.compile(r"(A?GPL|LGPL)-(\d(?:\.\d)?)(\+?)")
#: Debian's short names that are none of SPDX's, by their small letters.
_NAMES: Final = {
    "apache-2": "Apache-2.0",
    "bsd-2-clauses": "BSD-2-Clause",
    "bsd-4-clause-uc": "BSD-4-Clause-UC",
    "expat": "MIT",
    "gfdl-1.3+": "GFDL-1.3-or-later",
    "gfdl-niv-1.3+": "GFDL-1.3-no-invariants-or-later",
    "public-domain": "LicenseRef-public-domain",
    "psf-2": "PSF-2.0",
}


def of_copyright(text: str) -> str:
    """The licences that a package's copyright file names; empty where it names none.

    Of a file in another form, those whose words or notices are in it; there may always be more.
    """
    if not _FORMAT.match(text.lstrip("\ufeff \n")):
        return all_of([recognise(text), *notices(text), ""])
    paragraphs = [dict(_FIELD.findall(paragraph)) for paragraph in _GAP.split(text)]
    return all_of(_licence(fields.get("License", "")) for fields in paragraphs if _is_of_files(fields))


def _is_of_files(fields: Mapping[str, str]) -> bool:
    """Whether a paragraph is about files that may be in the package: not how it is made, nor the text of a licence."""
    files = fields.get("Files", "").split()
    return not all(name.startswith("debian/") for name in files)


def _licence(text: str) -> str:
    """The first line of a field: names with `and`, `or`; a comma binds less, which SPDX has not."""
    line = text.partition("\n")[0]
    words = [word.upper() if word in {"and", "or"} else _name(word) for word in line.split()]
    return spdx_expression(" ".join(words)) if all(words) else ""


def _name(word: str) -> str:
    found = _GNU.fullmatch(word)
    return gnu_expression(*found.groups()) if found else _NAMES.get(word.lower(), spdx_expression(word))

"""GNU's notices, which stand where the text of a licence does not: which it is, and whether later ones do; pure."""

import re
from typing import Final

from slipway.bundle.licences.expression import gnu_expression
from slipway.bundle.licences.texts import words

_VERSION: Final = r"version (\d(?: \d)?)\b"
_NOTICE: Final = re.compile(
    rf"gnu (lesser |library |affero )?general public license (?:{_VERSION} )?as published by the free software"
    rf" foundation(?: inc)?(?: either)?(?: {_VERSION})?(?: of the license)?"
    r"((?: or)?(?: at your option)? any later version)?"
)
_FAMILIES: Final = {"": "GPL", "lesser": "LGPL", "library": "LGPL", "affero": "AGPL"}


def notices(text: str) -> list[str]:
    """The licences of all notices of a text; of those that name no version there are none."""
    found = _NOTICE.findall(words(text))
    return [
        gnu_expression(_FAMILIES[family.strip()], (before or after).replace(" ", "."), later)
        for family, before, after, later in found
        if before or after
    ]

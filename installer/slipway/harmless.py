"""Text of hosts, pods and files, so that showing it does nothing else: no terminal is steered by it."""

import re
from typing import Final

#: What a terminal would do rather than show: all control characters but a line's end and a tab, and what turns the
#: direction of writing. Colours, but for 8, which hides, are the first group.
_CONTROLS: Final = re.compile(
    r"(\x1b\[(?!(?:[0-9]*;)*8[;m])[0-9;]*m)"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)


#: Characters of a message that is kept: metav1.Condition allows 32768; people read it, and many share one object.
MESSAGE_LIMIT: Final = 4096


def harmless(text: str) -> str:
    r"""The text with what a terminal would do written out, colours excepted: `\x1b` for an escape."""
    return _CONTROLS.sub(lambda found: found[1] or _written_out(found[0]), text)


def plain(text: str) -> str:
    """The same of what is kept or sent elsewhere, which has no colours."""
    return _CONTROLS.sub(lambda found: _written_out(found[0]), text)


def shortened(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """At most `limit` characters, with a mark where something is missing; hosts and pods had a word in it."""
    text = plain(text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _written_out(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii")

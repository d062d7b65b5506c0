"""Secrets in what people read: looked for as they are, in the forms in which programs pass them on, and in pieces.

Only text for people goes through it. Ids, by which the engine decides, never do: a password may be any word.
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

#: A shorter part of a secret is not looked for: it would blacken innocent text.
_FROM: Final = 6
#: Characters of a piece of a longer secret, cut off anywhere, that tell too much.
_PIECE: Final = 16
#: A longer secret is a key: no program puts one into a header, or into a file within a file.
_KEY: Final = 200

HIDDEN: Final = "***"


class Redactor:
    """Blackens secrets that reached an output in spite of no_log."""

    def __init__(self, secrets: Sequence[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _FROM}
        self._forms = sorted(forms, key=lambda form: (-len(form), form))
        self._pieces = {form[at : at + _PIECE] for form in forms for at in range(len(form) - _PIECE + 1)}

    def text(self, value: str) -> str:
        """The text without secrets."""
        for form in self._forms:
            value = value.replace(form, HIDDEN)
        return "".join(self._without_pieces(value)) if self._pieces else value

    def value(self, value: Any) -> Any:
        """The same for nested data."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.value(item) for key, item in value.items()}
        return [self.value(item) for item in value] if isinstance(value, list) else value

    def _without_pieces(self, text: str) -> Iterator[str]:
        begin = at = 0
        while at <= len(text) - _PIECE:
            if text[at : at + _PIECE] not in self._pieces:
                at += 1
                continue
            yield text[begin:at]
            yield HIDDEN
            while text[at + 1 : at + 1 + _PIECE] in self._pieces:
                at += 1
            begin = at = at + _PIECE
        yield text[begin:]


def _forms(secret: str) -> Iterator[str]:
    """All that a secret may look like in an output; a line of it, and the password of an account, alone too."""
    lines = [line.strip() for line in secret.splitlines()]
    password = lines[0].partition(":")[2].strip() if len(lines) == 1 else ""
    for part in dict.fromkeys((secret, secret.strip(), *lines, password)):
        for quoted in _quoted(part):
            yield quoted
            if len(quoted) <= _KEY:
                for encoded in _encoded(quoted):
                    yield encoded
                    yield from _encoded(encoded)
        if len(part) > _KEY:
            yield from _encoded(part)


def _quoted(text: str) -> Iterator[str]:
    """As it is; as a string of JSON, alone and within another one, of Python, of a URL and of a shell."""
    yield text
    for ascii_only in (True, False):
        once = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield once
        yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]
    yield repr(text)[1:-1]
    yield quote(text, safe="", errors="replace")
    yield text.replace("'", "'\"'\"'")


def _encoded(text: str) -> Iterator[str]:
    """Its part of a base64 text, wherever in the encoded bytes it begins: before it may stand a user's name."""
    data = text.encode("utf-8", "replace")
    if len(data) < _FROM:
        return
    for before in range(3):
        padded = bytes(before) + data
        begin, end = (8 * before + 5) // 6, 8 * len(padded) // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(padded).decode()[begin:end]

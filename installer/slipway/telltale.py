"""What may be a secret, by the names of the fields above it or by its look. Pure.

Chart values and settings are what programs take as they please, so nobody declares which of them are secrets. Something
harmless that is not shown is looked up in the file; a secret that is shown is everybody's. So in doubt it is one.
"""

import re
from collections.abc import Iterable
from typing import Final

#: Stands for what may be a secret that somebody wrote where none belongs.
HIDDEN: Final = "(not shown)"

#: Parts of names, wherever they are in one.
_PARTS: Final = (
    r"passw|passphrase|secret|token|credential|auth|htpasswd|netrc|dockercfg|dockerconfig"
    r"|(?:api|access|private|signing|encryption|account|master|shared|storage|licen[cs]e)[-_]?key"
)
#: Whole words of names: `smtpPass`, `DB_PWD`.
_WORDS: Final = frozenset({"pass", "pwd", "pw", "jwt", "cookie", "salt", "signature", "sig", "bearer"})
#: The same of a field that has one value: in a list of objects they say other things.
_ALONE: Final = _WORDS | {"key", "pin", "pat", "webhook"}

_NAME: Final = re.compile(_PARTS, re.IGNORECASE)
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
#: In a text: such a word, and what is said to be that.
_SAID: Final = re.compile(
    r"(?:passw(?:or)?d|passphrase|secret|token|credentials?|authorization|signature|key"
    r"|(?<![a-z])(?:bearer|basic|cookie|jwt|salt|sig|pass|pwd|pw|pat))"
    r"[\"'\])}]*(?:\s*[=:]\s*|\s+)[^\s=:]",
    re.IGNORECASE,
)
#: Whatever its name: keys, accounts in URLs and connections, hashes of passwords, what services call their tokens by.
_TELLTALE: Final = re.compile(
    r"-----BEGIN"
    r"|://[^/@\s]+@"
    r"|(?<![\w/.-])[\w.%+-]+:[^\s:/@]+@(?!sha\d)[\w(\[]"
    r"|\s(?:-u|--user)[= ]+[^\s:]+:\S"
    r"|\$(?:2[abxy]|1|5|6|apr1|argon2[a-z]*|y)\$"
    r"|\beyJ[\w-]{6,}\.[\w-]"
    r"|\b(?:gh[opsur]_|github_pat_|glpat-|hf_|nvapi-|npm_|pypi-|xox[a-z]-|sk-|AKIA|AIza|ya29\.)[\w-]{8,}"
    r"|hooks\.slack\.com/|/api/webhooks/"
)
#: One long word of small and capital letters and digits: nobody thought of it.
_RANDOM: Final = re.compile(
    r"(?!/)(?=[^\d\s]*\d)(?=[^a-z\s]*[a-z])(?=[^A-Z\s]*[A-Z])[A-Za-z0-9+/_=-]{20,}(?![\w+/=.:-])"
)


def named_secret(names: Iterable[str]) -> bool:
    """Whether a field with one of these names, or below it, may hold a secret."""
    return any(_NAME.search(name) or _words(name) & _ALONE for name in names)


def looks_secret(text: str, *, of_several: bool) -> bool:
    """Whether a value may have a secret in it; `of_several`: it is a list or map, as JSON, its names included."""
    if of_several and (_NAME.search(text) or _words(text) & _WORDS):
        return True
    return any(pattern.search(text) for pattern in (_SAID, _TELLTALE)) or bool(
        _RANDOM.fullmatch(text.strip())
    )


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)}

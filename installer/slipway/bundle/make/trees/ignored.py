"""What a chart's .helmignore leaves out of its package, by Helm's own rules, which are not those of git."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from slipway.errors import BundleError
from slipway.smallfiles import text_of

#: Helm has it for every chart: hidden files among templates are none.
_ALWAYS: Final = "templates/.?*"


@dataclass(frozen=True, slots=True)
class _Rule:
    """`whole`: compared with the path from the chart's root, else with the last part of it."""

    text: str
    negated: bool
    for_directories: bool
    whole: bool
    pattern: re.Pattern[str]

    def leaves_out(self, path: str, *, is_directory: bool) -> bool:
        """As Helm has it: what a negated rule does not name is left out."""
        if self.for_directories and not is_directory:
            return self.negated
        text = path if self.whole else PurePosixPath(path).name
        return (self.pattern.fullmatch(text) is not None) != self.negated


class Ignored:
    """The rules of one chart."""

    def __init__(self, chart: Path) -> None:
        file = chart / ".helmignore"
        rules = [*_rules(text_of(file) if file.is_file() else ""), *_rules(_ALWAYS)]
        if unknown := [rule for rule in rules if "**" in rule.text]:
            why = f"{unknown[0].text} is no rule that Helm knows"
            raise BundleError("this chart cannot be packed", where=str(file), why=why)
        self._rules = tuple(rules)

    def __contains__(self, path: str) -> bool:
        """Whether a file is left out, or a directory above it."""
        parts = PurePosixPath(path).parts
        places = ["/".join(parts[: end + 1]) for end in range(len(parts))]
        return any(
            rule.leaves_out(place, is_directory=place != path) for place in places for rule in self._rules
        )


def _rules(text: str) -> Iterator[_Rule]:
    for line in map(str.strip, text.splitlines()):
        if line and not line.startswith("#"):
            bare = line.removeprefix("!")
            name = bare.removesuffix("/")
            yield _Rule(line, bare != line, name != bare, "/" in name, _pattern(name.removeprefix("/")))


def _pattern(text: str) -> re.Pattern[str]:
    """Of Go's path.Match: * and ? stop at a slash."""
    known = {"*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\[[^\]]*\]|\*|\?)", text)
    return re.compile(
        "".join(known.get(one) or (one if one.startswith("[") else re.escape(one)) for one in parts)
    )

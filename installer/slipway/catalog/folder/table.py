"""The table of a module's settings, as its README and the reference have it: made from the schema."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from slipway.api.yamlfile import step

HEADING: Final = "## Settings"
NONE: Final = "None."
_SECTION: Final = re.compile(rf"^{HEADING}$\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_HEAD: Final = "| setting | values | default | meaning |\n|---|---|---|---|\n"


def settings_table(schema: Mapping[str, Any]) -> str:
    """Markdown; `None.` where there is nothing to set."""
    rows = "".join(f"| {' | '.join(map(_cell, row))} |\n" for row in _rows(schema, ""))
    return _HEAD + rows if rows else f"{NONE}\n"


def with_table(readme: str, schema: Mapping[str, Any]) -> str:
    """The README with the table as it is now, in its section; at the end where it has none."""
    section = f"{HEADING}\n\n{settings_table(schema)}"
    found = _SECTION.search(readme)
    if found is None:
        return f"{readme.rstrip()}\n\n{section}"
    after = readme[found.end() :]
    return readme[: found.start()] + section + ("\n" if after else "") + after


def _rows(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, str, str, str]]:
    for name, rule in schema.get("properties", {}).items():
        place = step(path, name)
        default = f"`{json.dumps(rule['default'], ensure_ascii=False)}`" if "default" in rule else ""
        yield f"`{place}`", _values(rule), default, rule.get("description", "")
        yield from _rows(rule, place)
        if isinstance(items := rule.get("items"), Mapping):
            yield from _rows(items, f"{place}[]")


def _values(rule: Mapping[str, Any]) -> str:
    """What may stand there, in a word or two."""
    if "enum" in rule:
        return ", ".join(f"`{value}`" for value in rule["enum"])
    if "const" in rule:
        return f"`{rule['const']}`"
    kinds = rule.get("type", "")
    kind = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    least, most = rule.get("minimum"), rule.get("maximum")
    if least is not None and most is not None:
        return f"{kind}, {least} to {most}"
    if least is not None or most is not None:
        return f"{kind}, at least {least}" if most is None else f"{kind}, at most {most}"
    return kind


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")

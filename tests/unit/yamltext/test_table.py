"""What Go's own reader makes of some hundred texts (made by `python -m tests.goyaml`) is what ours makes of them."""

import json
from typing import Any

from slipway import yamltext
from slipway.yamltext import YamlTextError
from tests.goyaml import EXPECTED

CASES: dict[str, dict[str, Any]] = json.loads(EXPECTED.read_text(encoding="utf-8"))
REFUSED = "refused"


def test_texts_are_read_as_go_reads_them() -> None:
    wrong = [text for text, case in CASES.items() if read(text, strict=False) != value_of(case)]
    assert wrong == []


def test_strict_refuses_or_reads_the_same() -> None:
    """What it takes has no key twice, and is what all others take: Go refuses a merge that is replaced, we do not."""
    taken = {text: case for text, case in CASES.items() if read(text, strict=True) != REFUSED}
    assert len(taken) > len(CASES) / 2
    assert [text for text, case in taken.items() if read(text, strict=True) != value_of(case)] == []
    assert [text for text, case in taken.items() if "strict" in case and "<<" not in text] == []


def read(text: str, *, strict: bool) -> str:
    try:
        return form(yamltext.load(text, strict=strict))
    except YamlTextError:
        return REFUSED


def value_of(case: dict[str, Any]) -> str:
    return REFUSED if case.get("refused") else form(case["value"])


def form(value: object) -> str:
    """Equal in types too: Python takes True for 1."""
    return json.dumps(value, sort_keys=True)

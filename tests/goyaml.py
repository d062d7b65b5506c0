"""Go's sigs.k8s.io/yaml, the reader of Kubernetes and Helm, as a living process to ask (`goyaml.go`).

python -m tests.goyaml     # writes what it says of tests/yamlcases.py, for the unit tests
"""

import base64
import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from slipway.catalog.pins import GoPin
from tests.binaries import pinned
from tests.gomain import built
from tests.yamlcases import DOCUMENTS, SCALARS

MAIN = Path(__file__).with_suffix(".go")
EXPECTED = Path(__file__).parent / "unit" / "yamltext" / "expected.json"


#: A scalar stands in a list: alone, some mean a document's end.
TEXTS = (*(f"- {word}" for word in SCALARS), *DOCUMENTS)


class RefusedError(ValueError):
    """It does not take the text."""


class GoYaml:
    """The process; ended with its stdin."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([program()], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def json(self, text: str | bytes, *, strict: bool = False) -> str:
        """The text as JSON, to the character."""
        data = text.encode() if isinstance(text, str) else text
        return self._ask({"text": base64.b64encode(data).decode(), "strict": strict})

    def load(self, text: str | bytes, *, strict: bool = False) -> Any:
        """The value."""
        return json.loads(self.json(text, strict=strict))

    def printed(self, number: float) -> str:
        """A number as `%v` prints it."""
        return self._ask({"number": number})

    def close(self) -> None:
        self._process.communicate()

    def _ask(self, question: dict[str, object]) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise RefusedError(answer["error"])
        return str(answer["json"])


@cache
def program() -> Path:
    source = next(item for item in pinned().sources if item.name == "yaml")
    assert isinstance(source, GoPin)
    return built(MAIN, source, name="goyaml")


def expected(go: GoYaml) -> dict[str, dict[str, Any]]:
    """By text: its value, and whether it is refused; `strict` too, where keys may not be there twice."""
    return {text: {**_said(go, text, strict=False), **_said(go, text, strict=True)} for text in TEXTS}


def _said(go: GoYaml, text: str, *, strict: bool) -> dict[str, Any]:
    try:
        value = go.load(text, strict=strict)
    except RefusedError:
        return {"strict": "refused"} if strict else {"refused": True}
    return {} if strict else {"value": value}


if __name__ == "__main__":
    EXPECTED.write_text(json.dumps(expected(GoYaml()), indent=0) + "\n", encoding="utf-8")

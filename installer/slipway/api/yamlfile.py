"""The file of a ClusterConfiguration: one document of UTF-8, one map; and where its fields stand."""

from pathlib import Path
from typing import Any, Final

from slipway import yamltext
from slipway.errors import ConfigurationError, Finding
from slipway.findings import FindingCode
from slipway.yamltext import YamlTextError

#: Bytes. The API server takes no request that is larger (its `--max-request-bytes`, 3 MiB).
SIZE_LIMIT: Final = 3 << 20


def read(path: Path) -> dict[str, Any]:
    """The one document of the file.

    Raises:
        ConfigurationError: no such file, no YAML, or not one map.
    """
    return loads(text_of(path), where=str(path))


def text_of(path: Path) -> str:
    """The file's text; of an endless one no more is read than may be there.

    Raises:
        ConfigurationError: it cannot be read, or is no text of UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    except (OSError, ValueError) as exc:
        why = (exc.strerror if isinstance(exc, OSError) else "") or str(exc)
        hint = "name the file with --file, or make one: slipway init --hosts ADDRESS,ADDRESS"
        raise ConfigurationError("cannot be read", where=str(path), why=why, hint=hint) from exc
    if len(data) > SIZE_LIMIT:
        hint = "name a file with one ClusterConfiguration"
        raise ConfigurationError(f"is larger than {SIZE_LIMIT >> 20} MiB", where=str(path), hint=hint)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        finding = Finding(
            "(file)", "this is no text of UTF-8", expected="UTF-8", code=FindingCode.YAML, line=line
        )
        hint = "save it as UTF-8"
        raise ConfigurationError(
            "is not valid YAML", where=str(path), hint=hint, findings=(finding,)
        ) from exc


def loads(text: str, *, where: str) -> dict[str, Any]:
    """The one document of the text; `where` names it in messages."""
    try:
        value = yamltext.load(text)
    except YamlTextError as exc:
        finding = Finding(
            "(file)", exc.problem, expected="one YAML document", code=FindingCode.YAML, line=exc.line
        )
        hint = "correct it and run the command again"
        raise ConfigurationError("is not valid YAML", where=where, hint=hint, findings=(finding,)) from exc
    if not isinstance(value, dict):
        finding = Finding(
            "(file)",
            f"holds {kind_of(value)}",
            expected="one ClusterConfiguration, a map",
            code=FindingCode.WRONG_TYPE,
        )
        hint = "name the file with --file, or make one: slipway init --hosts ADDRESS,ADDRESS"
        raise ConfigurationError("is no ClusterConfiguration", where=where, hint=hint, findings=(finding,))
    return value


def lines(text: str) -> dict[str, int]:
    """Line of each field path, for messages."""
    found: dict[str, int] = {}
    _walk(yamltext.tree(text), "", found)
    return found


def step(path: str, key: object) -> str:
    """Path of a member, as users write it: `a.b`, `a[0]`, `a["x.y"]`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    name = str(key)
    if not name or any(not (letter.isalnum() or letter in "-_") for letter in name):
        return f'{path}["{name}"]'
    return f"{path}.{name}" if path else name


def kind_of(value: object) -> str:
    """A value's type in words."""
    words = {
        dict: "a map",
        list: "a list",
        tuple: "a list",
        str: "text",
        bool: "a boolean",
        int: "a whole number",
    }
    return "nothing" if value is None else words.get(type(value), "a number")


def _walk(node: yamltext.Node | None, path: str, found: dict[str, int]) -> None:
    if isinstance(node, yamltext.Map):
        for key, value in node.pairs:
            here = step(path, yamltext.key_of(key))
            found[here] = key.line
            _walk(value, here, found)
    elif isinstance(node, yamltext.List):
        for index, value in enumerate(node.items):
            here = step(path, index)
            found[here] = value.line
            _walk(value, here, found)

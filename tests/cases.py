"""The tables of tests/contract/api as typed data, for the contract tests and for those on a real API server."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "contract" / "api"


@dataclass(frozen=True)
class Case:
    """One row: `live` is the document before the edit, None when it is no edit."""

    name: str
    document: dict[str, Any]
    live: dict[str, Any] | None
    place: str = ""
    path: str = ""
    code: str = ""
    says: str = ""
    server: str = ""

    def __str__(self) -> str:
        return self.name


def bad() -> list[Case]:
    """cases.yaml."""
    return _read("cases.yaml")


def good() -> list[Case]:
    """good.yaml."""
    return _read("good.yaml")


def base() -> dict[str, Any]:
    """The valid document that the cases change."""
    document: dict[str, Any] = yaml.safe_load((FOLDER / "base.yaml").read_text())
    return document


def patched(patch: dict[str, Any]) -> dict[str, Any]:
    """The base with a JSON merge patch on its spec."""
    document = base()
    document["spec"] = merge_patch(document["spec"], patch)
    return document


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def _read(name: str) -> list[Case]:
    return [_case(row) for row in yaml.safe_load((FOLDER / name).read_text())]


def _case(row: dict[str, Any]) -> Case:
    live = patched(row.pop("from")) if "from" in row else None
    return Case(document=patched(row.pop("patch")), live=live, **row)

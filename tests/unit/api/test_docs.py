"""Generated files are up to date; every field that a user can set has an effect and a meaning."""

import pytest
from pydantic import BaseModel

from slipway.api import docs
from slipway.api.crd import crd
from slipway.api.explain import PATTERNS, fields_of, model_in
from slipway.api.schema import effect_of
from slipway.model.configuration import Spec


def test_generated_files_are_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert docs.main(["--check"]) == 0, capsys.readouterr().err


def _leaves(kind: type[BaseModel], path: str) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for name, info in fields_of(kind).items():
        inner = model_in(info.annotation)
        found += _leaves(inner, f"{path}.{name}") if inner else [(f"{path}.{name}", info)]
        assert info.description, f"{path}.{name} has no description"
    return found


def _patterns(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {node["pattern"]} if isinstance(node.get("pattern"), str) else set()
        return own.union(*(_patterns(item) for item in node.values()))
    return set().union(*(_patterns(item) for item in node)) if isinstance(node, list) else set()


def test_every_field_has_a_meaning_and_an_effect() -> None:
    assert len(_leaves(Spec, "spec")) > 60
    parts = ("secretRef.", "Ref.", "given.", "taints.", "extraHosts.", "become.", "registries.")
    without = [
        path
        for path, info in _leaves(Spec, "spec")
        if not effect_of(info) and not any(part in path for part in parts)  # type: ignore[arg-type]
    ]
    assert not without


def test_every_pattern_has_words() -> None:
    assert _patterns(crd()) <= PATTERNS.keys()

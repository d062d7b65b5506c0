"""Every field below spec.hosts is used by a test: a file of the tests has its name, and that of what it is in."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from slipway.api.explain import fields_of, model_in
from slipway.model.host.items import Hosts
from slipway.model.host.settings import HostSettings
from slipway.settings import data_dir

TESTS = Path(__file__).parents[2]
#: Sample sites count: each is read, planned and applied by a test.
PLACES = (TESTS, data_dir() / "inventories")
WORDS = {
    path: set(re.findall(r"\w+", path.read_text(encoding="utf-8")))
    for place in PLACES
    for path in place.rglob("*")
    if path.suffix in {".py", ".yaml", ".yml"} and path != Path(__file__)
}


def leaves(kind: type[BaseModel], parent: str, path: str) -> list[tuple[str, str, str]]:
    """(path, name of what it is in, own name)."""
    found: list[tuple[str, str, str]] = []
    for name, info in fields_of(kind).items():
        inner = model_in(info.annotation)
        here = f"{path}.{name}"
        if inner is HostSettings and name != "defaults":  # the same fields
            continue
        found += leaves(inner, name, here) if inner else [(here, parent, name)]
    return found


@pytest.mark.parametrize(("path", "parent", "name"), leaves(Hosts, "hosts", "spec.hosts"))
def test_the_field_is_in_a_test(path: str, parent: str, name: str) -> None:
    def said(word: str, words: set[str]) -> bool:
        """As users write it, or as Python does."""
        return word in words or re.sub(r"(?<=[a-z0-9])([A-Z]+)", r"_\1", word).lower() in words

    own = {"defaults", "groups", "settings", "hosts"}
    there = [
        file for file, words in WORDS.items() if said(name, words) and (parent in own or said(parent, words))
    ]
    assert there, f"{path}: no test sets it"

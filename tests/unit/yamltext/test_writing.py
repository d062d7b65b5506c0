"""What is written is read as the same value."""

from enum import StrEnum

import pytest

from slipway import yamltext
from slipway.runner.variables import inventory


class Word(StrEnum):
    """Of a step, a code, a phase."""

    PLAIN = "apply"
    LIKE_A_NUMBER = "1e3"


@pytest.mark.parametrize("word", Word)
def test_a_word_of_an_enum_is_its_text(word: Word) -> None:
    assert yamltext.load(yamltext.dump({"a": [word]})) == {"a": [str(word)]}
    assert yamltext.load(yamltext.dump_all([{word: word}])) == {str(word): str(word)}
    assert f"v: {word}" in inventory({"h": {"v": word}}, {}).replace("'", "")

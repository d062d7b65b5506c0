"""Our reader and writer against Go's own, asked live: the kept table, and texts that Hypothesis makes."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipway import yamltext
from slipway.yamltext import YamlTextError
from slipway.yamltext.errors import events
from slipway.yamltext.scalars import shortest
from tests.goyaml import EXPECTED, GoYaml, RefusedError, expected

#: Texts a test makes. Each costs a millisecond; a fault in scalars shows within some hundred.
MANY = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)

#: What numbers, words and dates are made of, and what YAML has signs for.
_SCALAR = st.text(st.sampled_from("0123456789_+-.:eExXoObBnNyYtTaAfFiI~=<Zz"), min_size=1, max_size=12)
_WORD = st.sampled_from(
    ["yes", "off", "null", "~", "0o17", "1e3", "22:30", "<<", "=", "", "'x'", '"5"', "a b"]
)
_TAG = st.sampled_from(
    ["", "", "", "!!str ", "!!int ", "!!float ", "!!bool ", "!!null ", "!x ", "! ", "!!binary "]
)
_ANCHOR = st.sampled_from(["", "", "", "&a ", "&b "])
_LEAF = st.builds(lambda *parts: "".join(parts), _ANCHOR, _TAG, st.one_of(_SCALAR, _WORD)) | st.sampled_from(
    ["*a", "*b"]
)
_KEY = st.sampled_from(["a", "b", "c", "<<", "1", "1.5", "on", "'q'", "1e6"])
_FLOW = st.recursive(
    _LEAF,
    lambda inner: st.one_of(
        st.builds(
            lambda anchor, items: f"{anchor}[{', '.join(items)}]", _ANCHOR, st.lists(inner, max_size=4)
        ),
        st.builds(
            lambda anchor, pairs: f"{anchor}{{{', '.join(f'{key}: {value}' for key, value in pairs)}}}",
            _ANCHOR,
            st.lists(st.tuples(_KEY, inner), max_size=4),
        ),
    ),
    max_leaves=12,
)
#: Lines as people indent them, right and wrong.
_LINE = st.builds(
    lambda indent, dash, key, value, comment: f"{' ' * indent}{dash}{key}{value}{comment}",
    st.integers(0, 4),
    st.sampled_from(["", "", "- ", "? ", "---"]),
    st.one_of(st.just(""), _KEY.map(lambda key: f"{key}: ")),
    st.one_of(_FLOW, st.sampled_from(["|", ">-", "|2+", "'open", '"open', "\tx", "#c"])),
    st.sampled_from(["", "", " # c", "#c", "\r"]),
)
_BLOCK = st.lists(_LINE, max_size=8).map("\n".join)
#: Text as it is, with what a keyboard has.
_TEXT = st.text(st.sampled_from("ab1: -?[]{},&*#!|>'\"%@`\\\n\t \u00e9\u2028~<=."), max_size=25)
_JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(-(2**53), 2**53),
        st.text(),
        _SCALAR,
        _WORD,
    ),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | _SCALAR | _WORD, inner, max_size=4)
    ),
    max_leaves=15,
)


@pytest.fixture(scope="module")
def go() -> Iterator[GoYaml]:
    process = GoYaml()
    yield process
    process.close()


def test_the_table_is_what_go_says(go: GoYaml) -> None:
    assert json.loads(EXPECTED.read_text(encoding="utf-8")) == json.loads(json.dumps(expected(go)))


@MANY
@given(text=_SCALAR.map(lambda text: f"- {text}"))
def test_scalars(go: GoYaml, text: str) -> None:
    check(go, text)


@MANY
@given(text=_FLOW)
def test_flow(go: GoYaml, text: str) -> None:
    check(go, text)


@MANY
@given(text=_BLOCK)
def test_blocks(go: GoYaml, text: str) -> None:
    check(go, text)


@MANY
@given(text=_TEXT)
def test_any_text(go: GoYaml, text: str) -> None:
    check(go, text)


@MANY
@given(value=_JSON)
def test_what_is_written_is_read_back_by_go(go: GoYaml, value: object) -> None:
    text = yamltext.dump(value)
    assert form(go.load(text)) == form(yamltext.load(text))
    assert go.load(text) == value


@MANY
@given(number=st.floats(allow_nan=False, allow_infinity=False) | st.floats(width=32))
def test_keys_that_are_numbers(go: GoYaml, number: float) -> None:
    check(go, f"{number!r}: a")


@MANY
@given(number=st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**12), 10**12).map(float))
def test_numbers_are_printed_as_helm_prints_them(go: GoYaml, number: float) -> None:
    assert shortest(number) == go.printed(number)


def check(go: GoYaml, text: str) -> None:
    """Never read otherwise. Only refused by `strict`, and by libyaml, which takes less."""
    try:
        theirs = go.load(text)
    except RefusedError:
        theirs = RefusedError
    loose, strict = outcome(text, strict=False), outcome(text, strict=True)
    assert loose is RefusedError or form(loose) == form(theirs)
    assert strict is RefusedError or form(strict) == form(theirs)
    if loose is RefusedError and theirs is not RefusedError:
        with pytest.raises(YamlTextError):
            list(events(text))


def outcome(text: str, *, strict: bool) -> object:
    try:
        return yamltext.load(text, strict=strict)
    except YamlTextError:
        return RefusedError


def form(value: object) -> str:
    """Equal in types too."""
    return json.dumps(value, sort_keys=True, default=str)

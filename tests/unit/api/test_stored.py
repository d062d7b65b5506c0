"""The API server's form of a document. That it is the server's, tests/api/test_stored.py shows with a real one."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.api import read
from slipway.api.stored import as_stored, unstorable
from slipway.errors import ConfigurationError
from tests.unit.planning import model


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        (1.0, 1),
        (-0.0, 0),
        (1e10, 10_000_000_000),
        (0.1, 0.1),
        (1e20, 100_000_000_000_000_000_000),
        (12345678901234567168.0, 12345678901234567000),
        (1e21, 1e21),
        (10**22, 1e22),
        (True, True),
        (None, None),
        ({"emptyDir": {}, "args": []}, {"emptyDir": {}, "args": []}),
        ({2: "a", True: "b", None: "c", 1.5: "d"}, {"2": "a", "true": "b", "null": "c", "1.5": "d"}),
        ((1, 2.0), [1, 2]),
    ],
    ids=repr,
)
def test_form(written: object, stored: object) -> None:
    found = as_stored(written)
    assert (found, type(found)) == (stored, type(stored))
    assert not list(unstorable(written, "x"))


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (2**53 + 1, "more digits"),
        (12345678901234567890, "more digits"),
        (10**400, "more digits"),
        (math.nan, "is nan"),
        (-math.inf, "is -inf"),
        (b"x", "is bytes"),
        ("\ud800", "no text"),
    ],
    ids=ascii,
)
def test_what_would_not_be_stored_as_it_is_written_is_refused_by_name(written: Any, says: str) -> None:
    document = model.document({"modules": {"welcome": {"values": {"a.b": [written]}}}})
    with pytest.raises(ConfigurationError) as caught:
        read.parse(document)
    (finding,) = caught.value.findings
    assert finding.path == 'spec.modules.welcome.values["a.b"][0]'
    assert says in finding.problem
    assert list(unstorable(as_stored(written), "x")) == list(unstorable(written, "x"))


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_a_second_time_it_changes_nothing(number: float) -> None:
    once = as_stored(number)
    twice = as_stored(once)
    assert (twice, type(twice)) == (once, type(once))


def test_a_file_is_read_in_this_form(tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text("spec: {ratio: 1.0, vol: [{emptyDir: {}}], none: null, 1: x}\n")
    assert read.document(file) == {
        "spec": {"ratio": 1, "vol": [{"emptyDir": {}}], "none": None, "1": "x"},
    }


def test_a_whole_number_with_a_fraction_of_nothing_is_a_whole_number() -> None:
    document = model.document({"kubernetes": {"endpoint": {"port": 6443.0}}})
    assert read.parse(document) == read.parse(model.base())

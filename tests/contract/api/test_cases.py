"""Every case of the table through the command line's own reading."""

import pytest

from slipway.api import read
from slipway.errors import ConfigurationError
from tests import cases


@pytest.mark.parametrize("case", [case for case in cases.bad() if case.live is None], ids=str)
def test_refused(case: cases.Case) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read.parse(case.document)
    found = {(finding.path, finding.code): str(finding) for finding in caught.value.findings}
    assert (case.path, case.code) in found, str(caught.value)
    assert case.says in found[case.path, case.code]
    assert len(found) == 1, f"one mistake, one finding: {caught.value}"


@pytest.mark.parametrize("case", [*cases.good(), *(case for case in cases.bad() if case.live)], ids=str)
def test_accepted_by_itself(case: cases.Case) -> None:
    assert read.parse(case.document).name == "base"


def test_names_and_codes_are_unique_enough() -> None:
    names = [case.name for case in cases.bad() + cases.good()]
    assert len(names) == len(set(names))
    assert {case.place for case in cases.bad()} == {"openapi", "cel", "operator"}

"""What preflight makes of a cluster that is sick, by the example of that name."""

from slipway.api import read
from slipway.planning.preflight import preflight
from tests.unit.planning import model
from tests.unit.planning.example import examples

(SICK,) = (example for example in examples() if example.name == "nothing-to-do-over-what-is-sick")


def codes(*, everywhere: bool) -> set[str]:
    configuration = read.parse(SICK.document)
    found = preflight(configuration, model.bundle(), SICK.observed, SICK.plan(), {}, everywhere=everywhere)
    return {finding.code for finding in found}


def test_asked_by_itself_it_calls_nothing_fit_that_is_sick() -> None:
    assert {"node-silent", "module-not-current", "module-absent", "node-pressure"} <= codes(everywhere=True)


def test_before_an_apply_it_does_not_stop_what_may_mend_it() -> None:
    assert codes(everywhere=False) == set()


def test_what_is_sick_is_in_no_digest() -> None:
    (well,) = (example for example in examples() if example.name == "nothing-to-do")
    assert SICK.plan().digest == well.plan().digest

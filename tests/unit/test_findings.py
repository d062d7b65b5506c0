"""Codes of findings: each stands in one place, is used, and those put together of parts exist."""

import re
from typing import get_args

import pytest

from slipway.findings import FindingCode
from slipway.model.kubernetes import Endpoint
from slipway.model.standing import Ailment, Cause, Part, Standing
from slipway.planning.standing import standing_findings
from slipway.settings import data_dir

#: Put together of a field's name, or of what is sick and why.
COMPOSED = re.compile(r"(duplicate|disk-without|node|module)-|-needs-vip$")


def test_every_code_is_told_somewhere() -> None:
    room = data_dir() / "installer/slipway"
    texts = "".join(path.read_text() for path in room.rglob("*.py"))
    used = set(re.findall(r"FindingCode\.([A-Z_0-9]+)", texts))
    left = {code.name for code in FindingCode if not COMPOSED.search(code)} - used
    assert left == set()


@pytest.mark.parametrize("part", Part)
def test_whatever_is_sick_has_a_code(part: Part) -> None:
    sick = tuple(Ailment(part, "x", cause, "says why") for cause in Cause if cause is not Cause.HOST)
    codes = {str(found.code) for found in standing_findings(Standing(sick, sick))}
    assert len(codes) == len(Cause) - 1
    assert all(code.startswith(f"{part}-") for code in codes)


def test_every_way_to_balance_has_a_code_for_a_missing_address() -> None:
    kinds = get_args(Endpoint.model_fields["load_balancer"].annotation)
    assert {FindingCode(f"{kind}-needs-vip") for kind in kinds if kind != "none"}

"""What is tried again of what the Kubernetes API refuses."""

from typing import Any

import pytest

from slipway.cluster.rest.refusals import refusal
from slipway.errors import ConflictError, SlipwayError, StepError, TransientError

TERMINATING: dict[str, Any] = {
    "message": "it is being terminated",
    "details": {"causes": [{"reason": "NamespaceTerminating"}]},
}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, {"message": "slow down"}, TransientError),
        (503, "starting", TransientError),
        (403, TERMINATING, TransientError),
        (403, {"message": "forbidden"}, StepError),
        (422, {"message": "invalid"}, StepError),
        (409, {"message": "changed"}, ConflictError),
    ],
)
def test_time_heals_what_passes_and_nothing_else(status: int, body: Any, kind: type[SlipwayError]) -> None:
    error = refusal(status, body, "PATCH /x")
    assert type(error) is kind
    assert error.why == (body["message"] if isinstance(body, dict) else body)


@pytest.mark.parametrize("status", [408, 410, 429, 500, 502, 503, 504])
def test_what_passes_says_what_to_do_where_it_does_not(status: int) -> None:
    assert "logs of kube-apiserver" in refusal(status, {"message": "slow down"}, "GET /x").hint

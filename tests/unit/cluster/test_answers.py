"""What stands between us and the API server may answer in its place: an empty object is no empty cluster."""

import pytest

from slipway.cluster.rest.client import _of_kubernetes


@pytest.mark.parametrize(
    ("answer", "whole"),
    [
        ({"kind": "PodList", "metadata": {}, "items": []}, True),
        ({"kind": "APIResourceList", "resources": []}, True),
        ({"gitVersion": "v1.35.4"}, True),
        ({}, False),
        ({"error": "not logged in"}, False),
        ({"kind": "PodList", "metadata": None, "items": None}, False),
        ({"kind": 5}, False),
        ([], False),
        (None, False),
        ("<html>", False),
    ],
)
def test_answers(answer: object, whole: bool) -> None:
    assert _of_kubernetes(answer) is whole

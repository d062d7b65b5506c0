"""Helm's history lies in the namespace of its module, where others may write Secrets: unpacked it fills no memory."""

import base64
import gzip
import json
from types import SimpleNamespace
from typing import Any

import pytest

from slipway.cluster.lifecycle.attempts import left_by_attempts
from slipway.errors import StepError
from slipway.smallfiles import LIMIT


def keeping(text: bytes) -> Any:
    """An API with one revision that failed, as Helm keeps it."""
    packed = base64.b64encode(base64.b64encode(gzip.compress(text, 1))).decode()
    meta = {"name": "sh.helm.release.v1.web.v1", "namespace": "team", "labels": {"name": "web"}}
    return SimpleNamespace(list=lambda *_, **__: [{"metadata": meta, "data": {"release": packed}}])


@pytest.mark.parametrize(
    "text",
    [bytes(LIMIT + 1), b"[" * 100_000, b"5", b"[1]", b"{"],
    ids=["bomb", "deep", "number", "list", "half"],
)
def test_a_history_that_is_none_is_told(text: bytes) -> None:
    with pytest.raises(StepError, match="cannot be read"):
        left_by_attempts(keeping(text), "web", "team")


def test_one_that_wants_nothing_left_nothing() -> None:
    assert (
        left_by_attempts(keeping(json.dumps({"name": "web", "manifest": ""}).encode()), "web", "team") == ()
    )

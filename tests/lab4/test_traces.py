"""Traces: sent by a program, and seen."""

import json
import time

import pytest

from tests.lab4.platforms import Enabled, Platform, until


@pytest.mark.level("4", "jaeger")
def test_a_trace_that_was_sent_is_seen(platform: Platform, enabled: Enabled) -> None:
    trace = f"{time.time_ns():032x}"
    with enabled({"jaeger": {}}):
        kind = "Content-Type: application/json"
        place = "http://jaeger.tracing:4318/v1/traces"
        platform.said(f"wget -qO- -T 10 --header '{kind}' --post-data '{spans(trace)}' {place}")
        ask = f"/api/v1/namespaces/tracing/services/jaeger:16686/proxy/api/traces/{trace}"
        seen = until("the trace", lambda: json.loads(platform.kubectl("get", "--raw", ask).stdout)["data"])
        assert [span["operationName"] for one in seen for span in one["spans"]] == ["tried"]


def spans(trace: str) -> str:
    """A trace of one span, in OpenTelemetry's JSON."""
    now = time.time_ns()
    span = {"traceId": trace, "spanId": trace[-16:], "name": "tried", "kind": 1}
    span |= {"startTimeUnixNano": str(now - 10**6), "endTimeUnixNano": str(now)}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "tests"}}]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]})

"""What a person gets to see of a task that failed."""

from slipway.runner.events import translate

HEAD = "E1126 12:14:02.244392       1 run.go:72] "
INFORMATION = "I1126 12:14:02.223258       1 serving.go:386] Generated self-signed cert in-memory"


def why(*lines: str) -> str:
    result = {"failed": True, "msg": "failed", "stderr": "\n".join(lines)}
    event = {"event": "runner_on_failed", "event_data": {"host": "cp-01", "task": "t", "res": result}}
    found = translate(event)
    assert found
    return found.shown(lambda value: value).why


def test_of_what_kubernetes_programs_log_only_errors_are_shown_without_their_prefix() -> None:
    assert why(INFORMATION, f"{HEAD}command failed", INFORMATION) == "command failed"


def test_a_long_reason_keeps_its_beginning_and_its_end() -> None:
    reason = f"initializing plugin: {'x' * 300} Unsupported value: NoSuchStrategy"
    shown = why(f"{HEAD}{reason}{'y' * 100}")
    assert shown.startswith("initializing plugin")
    assert "Unsupported value: NoSuchStrategy" in shown
    assert len(shown) < len(reason) + 100

"""A secret is no word for people, in no form, and every word stays one for the machine: an id is never blackened."""

import base64
import json
import sys
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.model.placeholders import SecretValue
from slipway.runner import EventKind, RunnerEvent, run
from slipway.runner.redaction import Redactor

STEP = "host/worker-01/node_prepare"
PLAY = """
- hosts: all
  gather_facts: false
  tasks:
  - slipway_step: &step
      state: begin
      role: node_prepare
      directory: '{{ place }}'
      step: {step: host/worker-01/node_prepare, digest: 'sha256:1'}
      operation: op
      epoch: 1
      holder: me
  - debug: {msg: "{{ '%0198d' % 0 }} {{ long }}"}
    failed_when: fails
  - slipway_step: {<<: *step, state: done}
"""


def events_of(directory: Path, password: str, **variables: Any) -> list[RunnerEvent]:
    """A run of Ansible's that does one step, with this password."""
    play, events = directory / "step.yml", list[RunnerEvent]()
    play.write_text(PLAY)
    host = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "ansible_become_password": SecretValue("sudo/password"),
        "place": str(directory / "state"),
        "long": "nothing",
        "fails": False,
        **variables,
    }
    run(
        play,
        hosts={"worker-01": host},
        directory=directory,
        secrets=lambda _: password,
        on_event=events.append,
    )
    return events


@pytest.mark.parametrize("password", ["worker", "node_prepare", "step-done", "worker-01", "begin-"])
def test_a_password_that_is_a_word_of_ours_loses_no_step(tmp_path: Path, password: str) -> None:
    ended = [
        (event.kind, event.host, event.step)
        for event in events_of(tmp_path, password)
        if event.kind in {EventKind.STEP_BEGUN, EventKind.STEP_DONE}
    ]
    assert ended == [(EventKind.STEP_BEGUN, "worker-01", STEP), (EventKind.STEP_DONE, "worker-01", STEP)]


def test_of_a_secret_where_a_long_line_is_cut_neither_half_is_shown(tmp_path: Path) -> None:
    password = "Abcdefgh-Ijklmnop-Qrstuvwx"
    shown = events_of(tmp_path, password, long=f"{password}{'.' * 300}", fails=True)
    failed = [event for event in shown if event.kind is EventKind.FAILED]
    assert len(failed) == 1
    assert "Abc" not in repr(shown)


FORMS = {
    "as it is": lambda secret: secret,
    "JSON": json.dumps,
    "JSON in JSON": lambda secret: json.dumps(json.dumps({"msg": secret})),
    "JSON of other letters": lambda secret: json.dumps(secret, ensure_ascii=False),
    "Python": repr,
    "URL": lambda secret: urllib.parse.quote(secret, safe=""),
    "shell": lambda secret: secret.replace("'", "'\"'\"'"),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "header": lambda secret: "Basic " + base64.b64encode(f"root:{secret}".encode()).decode(),
    "header of another": lambda secret: "Basic " + base64.b64encode(f"admin:{secret}".encode()).decode(),
    "Docker's": lambda secret: base64.b64encode(
        json.dumps({"auths": {"r": {"auth": base64.b64encode(f"u:{secret}".encode()).decode()}}}).encode()
    ).decode(),
    "safe base64": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", ['pa"ss\\wörd-1', "it's-a-secret", "hunter2-hunter2", "日本語の秘密です"])
def test_every_form_is_found(form: str, secret: str) -> None:
    passed_on = FORMS[form](secret)
    shown = Redactor([secret]).text(f"<<{passed_on}>>")
    assert "***" in shown
    assert shown.startswith("<<")
    assert len(shown.replace("***", "").strip("<>=")) < len(f"<<{passed_on}>>") - len(secret) + 2
    assert secret not in shown


def test_the_password_of_an_account_is_found_without_its_user() -> None:
    redactor = Redactor(["pull:Abcdefgh12345678"])
    assert redactor.text("password Abcdefgh12345678 refused") == "password *** refused"
    basic = base64.b64encode(b"other:Abcdefgh12345678").decode()
    assert "QWJjZGVmZ2" not in redactor.text(f"Authorization: Basic {basic}")
    assert "12345678" not in redactor.text(f"Authorization: Basic {basic}")


KEY = (
    "-----BEGIN KEY-----\n"
    + "\n".join(f"{n:02}" + "qWeRtZuIoPaSdFgHjKlYxCvBnM" * 2 for n in range(20))
    + "\n-----END KEY-----\n"
)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(KEY) - 40), st.integers(40, 400))
def test_a_piece_of_a_key_is_found_wherever_it_is_cut(begin: int, length: int) -> None:
    piece = KEY[begin : begin + length]
    shown = Redactor([KEY]).text(f"invalid key {piece!r}...")
    assert not any(
        piece[at : at + 17] in shown for at in range(len(piece) - 16) if "\n" not in piece[at : at + 17]
    )
    assert shown.startswith("invalid key ")


def test_what_is_no_secret_stays() -> None:
    text = "TASK [node_prepare : Write /etc/hosts] *** changed: [worker-01] => {'stdout': 'ok'}" * 50
    assert Redactor([KEY, "hunter2-hunter2", "pull:Abcdefgh12345678"]).text(text) == text
    assert Redactor([]).text(text) == text

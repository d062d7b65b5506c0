"""What a host says stays what it says: it stops nobody else's reading, fills no memory, and steers no terminal."""

import contextlib
import io
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.cli.views.streams import Shown, steer
from slipway.harmless import harmless
from slipway.model.codes import HostCode
from slipway.model.observed import HostObserved
from slipway.model.status import ConditionType
from slipway.operator.conditions import condition
from slipway.probe import ssh
from slipway.probe.access import HostError
from slipway.probe.parse import ReadError, parse_host
from slipway.runner import run
from slipway.settings import interpreter_bin
from tests.listening import GONE, Welcoming, accepting, session_with

ANSWER = (Path(__file__).parents[1] / "unit/probe/hosts/installed.txt").read_text().splitlines()
#: What no script of ours prints.
ODD = (
    "",
    "-1",
    "1e400",
    "9" * 5000,
    "{" * 3000,
    "[" * 100_000,
    "null",
    "\x1b[2J",
    "\ud800",
    "a:",
    " ",
    '{"format": 1e9}',
)


#: Which line becomes what, and whether it stays a line of its section.
CHANGE = st.tuples(st.integers(0, len(ANSWER) - 1), st.sampled_from(ODD), st.booleans())


@settings(max_examples=300, deadline=None)
@given(st.lists(CHANGE, min_size=1, max_size=6))
def test_an_odd_answer_is_that_hosts_alone(changes: list[tuple[int, str, bool]]) -> None:
    lines = list(ANSWER)
    for place, odd, keep in changes:
        lines[place] = f" {odd}" if keep else odd
    with contextlib.suppress(ReadError):  # of this host alone: the others are read
        assert isinstance(parse_host("w", "\n".join(lines)), HostObserved)


class Flood(Welcoming):
    """A host whose answer does not end."""

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=self.flood, args=(channel,), daemon=True).start()
        return True

    def flood(self, channel: paramiko.Channel) -> None:
        with contextlib.suppress(*GONE):
            channel.sendall(b"slipway-ready\n")
            while True:
                channel.sendall(b"a" * (1 << 16))


@pytest.fixture
def flood() -> Iterator[int]:
    with accepting(Flood) as port:
        yield port


def test_an_answer_without_an_end_is_given_up(
    flood: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh, "LONGEST", 1 << 20)
    session = session_with(flood, tmp_path)
    with pytest.raises(HostError, match="prints more than 1 MiB") as caught:
        session.run("true", timeout=60)
    assert caught.value.code is HostCode.SHELL


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x1b[2J\x1b[Hready", "\\x1b[2J\\x1b[Hready"),
        ("failed\rready ", "failed\\rready "),
        ("\x9b2J", "\\x9b2J"),
        ("\u202eydaer", "\\u202eydaer"),
        ("\x1b[8mhidden", "\\x1b[8mhidden"),
        ("\x1b[1;8mhidden", "\\x1b[1;8mhidden"),
        ("a\tb\nc", "a\tb\nc"),
        ("\x1b[31m✗\x1b[0m 中文", "\x1b[31m✗\x1b[0m 中文"),
    ],
)
def test_no_text_steers_a_terminal(text: str, shown: str) -> None:
    assert harmless(text) == shown
    raw = io.BytesIO()
    stream = Shown(raw, encoding="utf-8")
    print(text, file=stream, end="", flush=True)
    assert raw.getvalue().decode() == shown
    steer("\x1b[2J", stream)
    assert raw.getvalue().decode() == f"{shown}\x1b[2J"


def test_all_that_a_command_prints_goes_by_it(tmp_path: Path) -> None:
    """The words of a file are shown as they are, on a real command's stderr."""
    file = tmp_path / "cluster.yaml"
    file.write_text('kind: "\\e]0;title\\a\\e[2J"\n')
    done = subprocess.run(
        [interpreter_bin() / "slipway", "plan", "-f", str(file)],
        capture_output=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 3
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"\x07" not in done.stdout + done.stderr


STEERING = "\x1b]0;title\x07 \x1b[31mred\x1b[2J \u202eydaer"


def test_what_is_kept_in_the_cluster_steers_no_terminal_either() -> None:
    """kubectl, and whoever reads the operator's status by other means, show it as it is."""
    told = condition(ConditionType.READY, False, "Degraded", STEERING)["message"]
    assert told == "\\x1b]0;title\\x07 \\x1b[31mred\\x1b[2J \\u202eydaer"


def test_a_runs_log_can_be_read_with_cat(tmp_path: Path) -> None:
    play = tmp_path / "play.yml"
    play.write_text("- {hosts: all, gather_facts: false, tasks: [debug: {msg: '{{ said }}'}]}\n")
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "said": STEERING}
    result = run(play, hosts={"a": host}, directory=tmp_path, secrets=str)
    assert result.log
    text = result.log.read_text()
    assert "title" in text
    assert harmless(text) == text
    assert "\x1b" not in text

"""The local history: readable while it grows and after a kill, pruned, private."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from slipway.engine import journal
from slipway.engine.enquiry import overview
from slipway.errors import ConfigurationError
from slipway.holders import Holder, this_process
from slipway.model.operation import Progress, ProgressKind
from tests.unit.test_holders import ended_process


def write(directory: Path, operation: str, *events: Progress) -> None:
    kept = journal.Journal(directory, operation)
    for event in events:
        kept.write(event)
    kept.close()


def opening(operation: str, holder: str = "") -> Progress:
    return Progress(
        ProgressKind.STARTED, operation, 1.0, data={"holder": holder, "steps": ["host/a/one", "host/b/one"]}
    )


def test_names_sort_by_time_and_are_unique() -> None:
    names = {journal.new_operation() for _ in range(50)}
    assert len(names) == 50
    assert all(name.startswith("op-2") for name in names)


def test_events_come_back_in_order_and_nobody_else_reads_them(tmp_path: Path) -> None:
    write(
        tmp_path / "operations",
        "op-1",
        opening("op-1"),
        Progress(ProgressKind.FINISHED, "op-1", 2.0, text="succeeded"),
    )
    kinds = [event["kind"] for event in journal.events(tmp_path / "operations", "op-1")]
    assert kinds == ["started", "finished"]
    assert (tmp_path / "operations" / "op-1.jsonl").stat().st_mode & 0o777 == 0o600


def test_what_was_begun_and_not_ended_well_is_remembered(tmp_path: Path) -> None:
    write(
        tmp_path,
        "op-1",
        opening("op-1"),
        *(Progress(ProgressKind.STEP_STARTED, "op-1", 1.0, f"host/{name}/one", name) for name in "abc"),
        Progress(ProgressKind.STEP_FINISHED, "op-1", 2.0, "host/a/one", "a", data={"outcome": "succeeded"}),
        Progress(ProgressKind.STEP_FINISHED, "op-1", 2.0, "host/b/one", "b", data={"outcome": "failed"}),
    )
    assert journal.unfinished_targets(tmp_path) == {"b", "c"}
    write(tmp_path, "op-2", opening("op-2"))
    assert journal.unfinished_targets(tmp_path) == set()
    assert journal.unfinished_targets(tmp_path / "none") == set()


def test_a_line_cut_off_by_a_kill_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, "op-1", opening("op-1"))
    with (tmp_path / "op-1.jsonl").open("a") as file:
        file.write('{"kind": "step-st')
    assert [event["kind"] for event in journal.events(tmp_path, "op-1")] == ["started"]


def test_the_newest_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "KEEP", 2)
    for number in range(4):
        write(tmp_path, f"op-{number}", opening(f"op-{number}"))
    assert journal.operation_names(tmp_path) == ["op-3", "op-2"]


def test_an_unknown_operation_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no operation op-9"):
        list(journal.events(tmp_path, "op-9"))


def test_running_is_what_has_no_end_and_a_process(tmp_path: Path) -> None:
    write(tmp_path, "op-1", opening("op-1", this_process()))
    assert journal.running_process(tmp_path) == os.getpid()
    write(tmp_path, "op-1", Progress(ProgressKind.FINISHED, "op-1", 2.0))
    assert journal.running_process(tmp_path) is None


def test_killed_is_what_has_no_end_and_no_process(tmp_path: Path) -> None:
    write(
        tmp_path,
        "op-1",
        opening("op-1", ended_process()),
        Progress(ProgressKind.STEP_STARTED, "op-1", 1.5, "host/a/one"),
    )
    assert journal.running_process(tmp_path) is None
    (told,) = overview.newest_here(tmp_path)
    assert (told.id, told.outcome, told.now) == ("op-1", "interrupted", "host/a/one")


def test_a_process_with_its_number_elsewhere_is_another(tmp_path: Path) -> None:
    mine = Holder.parse(this_process())
    assert mine is not None
    write(tmp_path, "op-1", opening("op-1", str(replace(mine, place="0123456789abcdef"))))
    assert journal.running_process(tmp_path) is None


def test_a_running_one_says_what_it_is_doing(tmp_path: Path) -> None:
    write(
        tmp_path,
        "op-1",
        opening("op-1", this_process()),
        Progress(ProgressKind.STEP_STARTED, "op-1", 1.1, "host/a/one", "a"),
        Progress(ProgressKind.STEP_STARTED, "op-1", 1.1, "host/b/one", "b"),
        Progress(ProgressKind.TASK, "op-1", 1.2, "host/a/one", "a", "Install packages"),
        Progress(ProgressKind.STEP_FINISHED, "op-1", 1.3, "host/b/one", "b", data={"outcome": "succeeded"}),
    )
    (told,) = overview.newest_here(tmp_path)
    assert told.running
    assert (told.percent, told.now) == (50, "host/a/one (Install packages)")


def test_a_step_that_is_tried_again_counts_once(tmp_path: Path) -> None:
    finished = Progress(
        ProgressKind.STEP_FINISHED, "op-1", 1.3, "host/b/one", "b", data={"outcome": "failed"}
    )
    again = Progress(ProgressKind.NOTE, "op-1", 1.4, "host/b/one", "b", "will be tried again")
    opened = opening("op-1", this_process())
    write(tmp_path, "op-1", opened, finished, again)
    assert overview.newest_here(tmp_path)[0].percent == 0
    write(tmp_path, "op-1", finished)
    assert overview.newest_here(tmp_path)[0].percent == 50


def test_events_are_json_lines(tmp_path: Path) -> None:
    write(tmp_path, "op-1", opening("op-1"))
    assert json.loads((tmp_path / "op-1.jsonl").read_text())["data"]["steps"] == ["host/a/one", "host/b/one"]


def test_what_gave_way_to_another_operation_has_been_none(tmp_path: Path) -> None:
    """Else it would hide what the one before it left half done."""
    began = Progress(ProgressKind.STEP_STARTED, "op-1", 1.1, "host/a/one", "a")
    write(tmp_path, "op-1", opening("op-1", 1), began)
    written = journal.Journal(tmp_path, "op-2")
    written.write(opening("op-2", 1))
    written.discard()
    assert journal.operation_names(tmp_path) == ["op-1"]
    assert journal.unfinished_targets(tmp_path) == {"a"}


STARTED = '{"kind": "started", "operation": "op-1", "time": 1.0}'


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00\n",
        b"{]\n",
        b"5\n",
        b"null\n",
        b'{"kind": "started"}\n',
        b'{"kind": "odd", "operation": "op-1", "time": 1.0}\n',
        b'{"kind": "started", "operation": "op-1", "time": 1e300}\n',
        b'{"kind": "started", "operation": "op-1", "time": NaN}\n',
        b'{"kind": "started", "operation": "op-1", "time": 1.0, "data": {"steps": 5}}\n',
        b'{"kind": "started", "operation": "op-1", "time": 1.0, "data": null}\n',
        b'{"a": ' + b"[" * 100_000 + b"\n",
    ],
)
def test_a_line_that_is_no_event_is_left_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "op-1.jsonl").write_bytes(content)
    assert list(journal.events(tmp_path, "op-1")) == []
    assert (journal.running_process(tmp_path), journal.unfinished_targets(tmp_path)) == (None, set())
    assert overview.newest_here(tmp_path) == ()
    (tmp_path / "op-1.jsonl").write_bytes(content + b"\n" + STARTED.encode() + b"\n")
    assert [event["kind"] for event in journal.events(tmp_path, "op-1")] == ["started"]


def test_a_journal_that_cannot_be_read_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "op-2.jsonl").mkdir()
    write(tmp_path, "op-1", opening("op-1"))
    assert (journal.running_process(tmp_path), journal.unfinished_targets(tmp_path)) == (None, set())
    assert overview.newest_here(tmp_path) == ()
    (tmp_path / "op-2.jsonl").rmdir()
    (tmp_path / "op-2.jsonl").symlink_to("/dev/zero")
    assert overview.newest_here(tmp_path) == ()


def test_a_full_disk_ends_the_journal_and_not_the_operation(tmp_path: Path) -> None:
    (tmp_path / "op-1.jsonl").symlink_to("/dev/full")
    kept = journal.Journal(tmp_path, "op-1")
    kept.write(opening("op-1"))
    assert kept.trouble == "No space left on device"
    kept.write(opening("op-1"))
    kept.close()

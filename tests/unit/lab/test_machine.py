"""The edge to the machine: refusals, failures, waiting, locks."""

import os
import shutil
from pathlib import Path

import pytest

from slipway.lab import Lab, LabError, machine
from slipway.settings import cache_dir


def test_without_root_the_way_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    cache_dir()  # kept from the first time on: later tests want root's
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="a lab needs root") as caught:
        Lab("never", "10.79.0.0/24").up(1)
    assert "sudo" in caught.value.hint


def test_missing_programs_are_named_by_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda program: None if program == "systemd-nspawn" else program)
    with pytest.raises(LabError) as caught:
        machine.require()
    assert caught.value.hint == "apt-get install systemd-container"


def test_a_failed_program_speaks_for_itself() -> None:
    with pytest.raises(LabError) as caught:
        machine.run("ls", "/nonexistent")
    assert "No such file" in caught.value.why


def test_waiting_ends() -> None:
    assert machine.wait_until(lambda: True, seconds=0)
    assert not machine.wait_until(lambda: False, seconds=0.01, step=0.001)


def test_a_lock_is_held_once_and_given_back(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with (
        machine.locked(lock, what="it", seconds=0),
        pytest.raises(LabError, match="busy with it"),
        machine.locked(lock, what="it", seconds=0),
    ):
        pass
    with machine.locked(lock, what="it", seconds=0):
        pass

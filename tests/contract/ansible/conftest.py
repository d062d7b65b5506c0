"""Nothing of a run outlives its test."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.ansible.leftovers import OURS, marked


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(OURS, uuid.uuid4().hex)
    yield
    assert marked() == {}
    assert not list(Path("/dev/shm").glob(f"slipway-run{os.getpid()}-*"))

"""A workspace that belongs to nobody, where nobody can get at it: pytest's own directories are root's alone."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.cli.test_any_input import GOOD
from tests.unguarded import NOBODY


@pytest.fixture
def place() -> Iterator[Path]:
    """It has a good file, and a directory `there`."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="slipway-input-") as above:
        place = Path(above) / "place"
        (place / "there").mkdir(parents=True)
        (place / "cluster.yaml").write_text(GOOD)
        for path in (Path(above), place, *place.iterdir()):
            os.chown(path, NOBODY, NOBODY)
        yield place

"""State of an import that nobody can read is none: what landed is taken again."""

from pathlib import Path

import pytest

from slipway.bundle.carry.exporting import export
from slipway.bundle.carry.importing import STATE, Import
from tests.bundles import small_bundle


@pytest.mark.parametrize("text", ["", "[]", "5", "{", "{}", '{"bundle": 5, "volumes": "x", "landed": 5}'])
def test_a_damaged_state_stops_no_import(tmp_path: Path, text: str) -> None:
    manifest = small_bundle(tmp_path / "bundle")
    (volume, *_) = export(tmp_path / "bundle", tmp_path / "volumes", None, lambda _: None)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / STATE).write_text(text)
    coming = Import(tmp_path / "in")
    with volume.open("rb") as stream:
        coming.volume(volume.name, stream)
    assert coming.finish() == manifest

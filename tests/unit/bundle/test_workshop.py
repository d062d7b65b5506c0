"""The cache of built things: complete or not there, made once, whoever asks."""

import threading
import time
from pathlib import Path

import pytest

from slipway.bundle.ground.workshop import Workshop


def test_made_once_by_recipe(tmp_path: Path) -> None:
    lines: list[str] = []
    workshop = Workshop(lines.append, tmp_path)
    first = workshop.make("go", "x", "1", ["a"], lambda dest: (dest / "x").touch())
    assert workshop.make("go", "x", "1", ["a"], pytest.fail) == first
    assert workshop.make("go", "x", "1", ["b"], lambda dest: None) != first
    assert [line.partition(":")[0] for line in lines] == ["go x 1"] * 4


def test_a_failed_build_leaves_nothing_and_can_be_repeated(tmp_path: Path) -> None:
    workshop = Workshop(lambda _: None, tmp_path)

    def fail(dest: Path) -> None:
        (dest / "half").touch()
        raise ValueError("half-way")

    with pytest.raises(ValueError, match="half-way"):
        workshop.make("go", "x", "1", [], fail)
    place = workshop.make("go", "x", "1", [], lambda dest: (dest / "whole").touch())
    assert [path.name for path in place.iterdir()] == ["whole"]


def test_many_at_once_build_one(tmp_path: Path) -> None:
    built: list[Path] = []

    def build(dest: Path) -> None:
        time.sleep(0.05)
        built.append(dest)

    def ask() -> None:
        Workshop(lambda _: None, tmp_path).make("go", "x", "1", [], build)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1
